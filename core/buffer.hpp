// A growing array of plain values, without exceptions: what std::vector would be if running out of memory could be
// told. Growth doubles; nothing is given back before the end, or release(). After a failed growth `failed()` stays true
// and further values are dropped, so that a caller may push a row and look once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include "types.hpp"

namespace tarta {

// What is the same for all types of values: the memory, and how it grows.
class BufferMemory {
 protected:
  void swap(BufferMemory& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
  }

  // Makes room for `wanted` values of `element` bytes; false without memory. Not realloc: emmalloc's would add a
  // kilobyte to the module, and copies too.
  TARTA_COLD bool grow(std::uint64_t wanted, std::uint32_t element) {
    constexpr std::uint64_t most = 1U << 30;  // bytes
    constexpr std::uint32_t least = 16;
    const std::uint64_t capacity =
        std::max({std::uint64_t{room_.capacity} * 2, wanted, std::uint64_t{least / element}});
    void* const data = capacity * element > most ? nullptr : std::malloc(static_cast<std::size_t>(capacity) * element);
    if (data == nullptr) return room_.failed = 1, false;
    if (size_ > 0) std::memcpy(data, data_, std::size_t{size_} * element);
    std::free(data_);
    data_ = data;
    room_.capacity = capacity & 0x7FFF'FFFF;
    return true;
  }

  void* data_ = nullptr;
  std::uint32_t size_ = 0;
  struct {
    std::uint32_t failed : 1;
    std::uint32_t capacity : 31;
  } room_{};
};

template <class T>
class Buffer : private BufferMemory {
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

  void swap(Buffer& other) { BufferMemory::swap(other); }

  T* data() { return static_cast<T*>(data_); }
  const T* data() const { return static_cast<const T*>(data_); }
  std::uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool failed() const { return room_.failed != 0; }
  T& operator[](std::uint32_t i) { return data()[i]; }
  const T& operator[](std::uint32_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

  void clear() { size_ = 0; }
  void release() { Buffer{}.swap(*this); }
  std::uint32_t capacity() const { return room_.capacity; }
  void truncate(std::uint32_t size) { size_ = size; }

  bool reserve(std::uint32_t capacity) {
    if (capacity <= room_.capacity) return true;
    return grow(capacity);
  }

  bool push(T value) {
    if (size_ == room_.capacity && !grow(std::uint64_t{size_} + 1)) return false;
    data()[size_++] = value;
    return true;
  }

  // Room for `count` more values, which the caller writes; nullptr without memory, and only then.
  T* extend(std::uint32_t count) {
    if ((count > room_.capacity - size_ || data_ == nullptr) && !grow(std::uint64_t{size_} + count)) return nullptr;
    T* const at = data() + size_;
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
    if (size > size_) std::memset(static_cast<void*>(data() + size_), 0, (size - size_) * sizeof(T));
    size_ = size;
    return true;
  }

 private:
  bool grow(std::uint64_t wanted) { return BufferMemory::grow(wanted, sizeof(T)); }
};

}  // namespace tarta
