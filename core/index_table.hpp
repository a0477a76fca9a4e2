// A hash table of numbers that stand for things kept elsewhere: open addressing, linear probing, deletion by shifting
// back (no tombstones, so it never degrades). The caller hashes and compares.
#pragma once

#include "buffer.hpp"
#include "types.hpp"

namespace tarta {

class IndexTable {
 public:
  static constexpr std::uint32_t none = 0xFFFF'FFFF;

  // The index whose hash is `hash` and for which equal(index) holds, or none.
  template <class Equal>
  std::uint32_t find(std::uint32_t hash, Equal equal) const {
    if (slots_.empty()) return none;
    for (std::uint32_t at = hash & mask();; at = (at + 1) & mask()) {
      const Slot& slot = slots_[at];
      if (slot.index == none) return none;
      if (slot.hash == hash && equal(slot.index)) return slot.index;
    }
  }

  // False without memory. The index must not be in the table.
  bool insert(std::uint32_t hash, std::uint32_t index) {
    if ((used_ + 1) * 2 > slots_.size() && !grow()) return false;
    place({hash, index});
    ++used_;
    return true;
  }

  void erase(std::uint32_t hash, std::uint32_t index) {
    if (slots_.empty()) return;
    std::uint32_t hole = hash & mask();
    while (slots_[hole].index != index) {
      if (slots_[hole].index == none) return;
      hole = (hole + 1) & mask();
    }
    // Move back what would not be found past the hole.
    for (std::uint32_t at = (hole + 1) & mask(); slots_[at].index != none; at = (at + 1) & mask()) {
      const std::uint32_t home = slots_[at].hash & mask();
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole].index = none;
    --used_;
  }

 private:
  struct Slot {
    std::uint32_t hash;
    std::uint32_t index;
  };

  std::uint32_t mask() const { return slots_.size() - 1; }

  void place(Slot slot) {
    std::uint32_t at = slot.hash & mask();
    while (slots_[at].index != none) at = (at + 1) & mask();
    slots_[at] = slot;
  }

  TARTA_COLD bool grow() {
    Buffer<Slot> larger;
    const std::uint32_t size = slots_.empty() ? 4 : slots_.size() * 2;
    if (!larger.resize_zeroed(size)) return false;
    for (Slot& slot : larger) slot.index = none;
    larger.swap(slots_);
    for (const Slot& slot : larger) {
      if (slot.index != none) place(slot);
    }
    return true;
  }

  Buffer<Slot> slots_;  // a power of two of them
  std::uint32_t used_ = 0;
};

inline std::uint64_t word_at(const std::uint8_t* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// A salted hash of bytes; what a peer chooses must not be able to make all names collide.
inline std::uint32_t hash_bytes(Bytes bytes, std::uint64_t salt) {
  constexpr std::uint64_t multiplier = 0x9E37'79B9'7F4A'7C15;
  const auto mix = [](std::uint64_t a) {
    a *= multiplier;
    return a ^ a >> 32;
  };
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t hash = mix(salt ^ left);
  for (; left > 8; at += 8, left -= 8) hash = mix(hash ^ word_at(at));
  if (bytes.size() >= 8) {
    hash = mix(hash ^ word_at(at + left - 8));  // some bytes once more, instead of one by one
  } else {
    std::uint64_t word = 0;
    for (; left > 0; ++at, --left) word = word << 8 | *at;
    hash = mix(hash ^ word);
  }
  return static_cast<std::uint32_t>(hash ^ hash >> 29);
}

// Whether `size` bytes are the same. Emscripten's memcmp() looks at them one by one.
inline bool same_bytes(const std::uint8_t* a, const std::uint8_t* b, std::size_t size) {
  if (size < 8) {
    for (; size > 0; ++a, ++b, --size) {
      if (*a != *b) return false;
    }
    return true;
  }
  for (; size > 8; a += 8, b += 8, size -= 8) {
    if (word_at(a) != word_at(b)) return false;
  }
  return word_at(a + size - 8) == word_at(b + size - 8);  // as above
}

}  // namespace tarta
