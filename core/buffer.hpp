// A growing array of plain values, without exceptions: what std::vector would be if running out of memory could be
// told. Growth doubles; nothing is given back before the end. After a failed growth `failed()` stays true and further
// values are dropped, so that a caller may push a row and look once.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "types.hpp"

namespace tarta {

// How many elements of `element` bytes a buffer has room for when it must hold `wanted`: twice as many as before, or
// more. 0: that is more memory than there can be.
TARTA_COLD inline std::uint32_t buffer_growth(std::uint32_t capacity, std::uint64_t wanted, std::uint32_t element) {
  constexpr std::uint64_t most = 0x7FFF'FFFF;  // bytes
  std::uint64_t larger = capacity != 0 ? capacity : element >= 64 ? 1 : 64 / element;
  while (larger < wanted) larger *= 2;
  return larger * element > most ? 0 : static_cast<std::uint32_t>(larger);
}

// Not realloc: emmalloc's would add a kilobyte to the module, and copies too. nullptr without memory.
TARTA_COLD inline void* buffer_move(void* from, std::size_t size, std::size_t room) {
  void* const data = std::malloc(room);
  if (data == nullptr) return nullptr;
  if (size > 0) std::memcpy(data, from, size);
  std::free(from);
  return data;
}

template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  void swap(Buffer& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(failed_, other.failed_);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool failed() const { return failed_ != 0; }
  T& operator[](std::uint32_t i) { return data_[i]; }
  const T& operator[](std::uint32_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

  void clear() { size_ = 0; }
  void release() { Buffer{}.swap(*this); }
  std::uint32_t capacity() const { return capacity_; }
  void truncate(std::uint32_t size) { size_ = size; }

  bool reserve(std::uint32_t capacity) {
    if (capacity <= capacity_) return true;
    return grow(capacity);
  }

  bool push(T value) {
    if (size_ == capacity_ && !grow(std::uint64_t{size_} + 1)) return false;
    data_[size_++] = value;
    return true;
  }

  // Room for `count` more values, which the caller writes; nullptr without memory, and only then.
  T* extend(std::uint32_t count) {
    if ((count > capacity_ - size_ || data_ == nullptr) && !grow(std::uint64_t{size_} + count)) return nullptr;
    T* const at = data_ + size_;
    size_ += count;
    return at;
  }

  bool append(std::span<const T> values) {
    T* const at = extend(static_cast<std::uint32_t>(values.size()));
    if (at != nullptr && !values.empty()) std::memcpy(at, values.data(), values.size_bytes());
    return at != nullptr;
  }

  // The first `size` values, new ones zero.
  bool resize_zeroed(std::uint32_t size) {
    if (!reserve(size)) return false;
    if (size > size_) std::memset(static_cast<void*>(data_ + size_), 0, (size - size_) * sizeof(T));
    size_ = size;
    return true;
  }

 private:
  bool grow(std::uint64_t wanted) {
    const std::uint32_t capacity = buffer_growth(capacity_, wanted, sizeof(T));
    void* const data = capacity == 0 ? nullptr : buffer_move(data_, size_ * sizeof(T), capacity * sizeof(T));
    if (data == nullptr) return failed_ = 1, false;
    data_ = static_cast<T*>(data);
    capacity_ = capacity;
    return true;
  }

  T* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t failed_ = 0;
};

}  // namespace tarta
