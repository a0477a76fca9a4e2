// Topic names of incoming messages as small numbers, so that a name that came before costs one look-up: no check, no
// string, no matching. The table is bounded; when it is full a name that was not used lately gives its number to a new
// one. A pinned name (one that a topic alias stands for) keeps its number.
#pragma once

#include "index_table.hpp"

namespace tarta {

class Interner {
 public:
  static constexpr std::uint32_t none = IndexTable::none;

  // At most `most_names` names of `most_bytes` bytes in all, pinned ones apart.
  explicit Interner(std::uint64_t salt, std::uint32_t most_names = 16'384, std::uint32_t most_bytes = 1U << 20)
      : salt_(salt), most_names_(most_names), most_bytes_(most_bytes) {}
  Interner(const Interner&) = delete;
  Interner& operator=(const Interner&) = delete;
  ~Interner();

  // The number of a name, or none.
  std::uint32_t find(Bytes name);

  // A number for a name that find() does not know; perhaps one that meant another name before. None without memory.
  TARTA_COLD std::uint32_t add(Bytes name);

  Bytes name(std::uint32_t number) const { return {entries_[number].name, entries_[number].size}; }

  void pin(std::uint32_t number) {
    if (entries_[number].pins++ == 0) bytes_ -= entries_[number].size;
  }
  void unpin(std::uint32_t number) {
    if (--entries_[number].pins == 0) bytes_ += entries_[number].size;
  }

  // What the router's generation was when the name was matched last (0 for never), and whether it matched several
  // filters that Subscription Identifiers tell apart.
  std::uint32_t matched(std::uint32_t number) const { return entries_[number].matched; }
  bool told_apart(std::uint32_t number) const { return entries_[number].told_apart; }
  void set_matched(std::uint32_t number, std::uint32_t generation, bool told_apart) {
    entries_[number].matched = generation;
    entries_[number].told_apart = told_apart;
  }

 private:
  struct Entry {
    std::uint8_t* name;
    std::uint32_t size;
    std::uint32_t hash;
    std::uint32_t matched;
    std::uint16_t pins;
    bool used;  // since the clock hand passed
    bool told_apart;
  };

  std::uint32_t free_number();
  std::uint32_t evict();

  Buffer<Entry> entries_;
  Buffer<std::uint32_t> vacant_;  // numbers whose name was evicted and not yet replaced
  IndexTable table_;
  std::uint64_t salt_;
  std::uint32_t most_names_;
  std::uint32_t most_bytes_;
  std::uint32_t bytes_ = 0;  // of the names that are not pinned
  std::uint32_t hand_ = 0;
};

}  // namespace tarta
