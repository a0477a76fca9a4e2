// Packet identifiers 1 to 65,535 and what each stands for (5.0 §2.2.1). One table serves as the set of free
// identifiers and as the way from an acknowledgement to its operation. It grows with what is in use, and identifiers
// go round, so that one is not used again soon.
#pragma once

#include "buffer.hpp"

namespace tarta {

template <class T>
class PacketIds {
 public:
  static constexpr std::uint32_t most = 65'535;

  // A free identifier, which from now on stands for `holder`; 0 when all are in use or without memory.
  std::uint16_t allocate(T* holder) {
    if (used_ == most) return 0;
    // In a small table identifiers would go round too soon; one that is seven eighths full makes for long searches.
    const bool too_soon = table_.size() < 16 && last_ + 1 >= table_.size();
    if ((too_soon || used_ + used_ / 8 + 2 > table_.size()) && !grow()) return 0;
    do {
      last_ = last_ + 1 < table_.size() ? last_ + 1 : 1;
    } while (table_[last_] != nullptr);
    table_[last_] = holder;
    ++used_;
    return static_cast<std::uint16_t>(last_);
  }

  // Takes this very identifier; false when it is in use or without memory.
  bool claim(std::uint16_t id, T* holder) {
    while (table_.size() <= id) {
      if (!grow()) return false;
    }
    if (id == 0 || table_[id] != nullptr) return false;
    table_[id] = holder;
    ++used_;
    if (id > last_) last_ = id;
    return true;
  }

  T* find(std::uint16_t id) const { return id < table_.size() ? table_[id] : nullptr; }

  void release(std::uint16_t id) {
    if (find(id) == nullptr) return;
    table_[id] = nullptr;
    --used_;
  }

  std::uint32_t used() const { return used_; }

 private:
  bool grow() {
    if (table_.size() == most + 1) return true;
    return table_.resize_zeroed(table_.empty() ? 4 : table_.size() * 2);
  }

  Buffer<T*> table_;  // by identifier; [0] is not used
  std::uint32_t used_ = 0;
  std::uint32_t last_ = 0;
};

}  // namespace tarta
