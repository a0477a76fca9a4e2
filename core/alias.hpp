// Topic aliases, which end with the connection (5.0 §3.3.2.3.4).
#pragma once

#include "intern.hpp"

namespace tarta {

// Those that the server uses: alias -> number of an interned topic. While an alias stands for a name, the name keeps
// its number.
class InboundAliases {
 public:
  static constexpr std::uint32_t none = Interner::none;

  std::uint32_t find(std::uint32_t alias) const { return alias < topics_.size() ? topics_[alias] : none; }

  // False without memory.
  bool set(std::uint32_t alias, std::uint32_t topic, Interner& interner) {
    while (topics_.size() <= alias) {
      if (!topics_.push(none)) return false;
    }
    interner.pin(topic);
    if (topics_[alias] != none) interner.unpin(topics_[alias]);
    topics_[alias] = topic;
    return true;
  }

  void clear(Interner& interner) {
    for (const std::uint32_t topic : topics_) {
      if (topic != none) interner.unpin(topic);
    }
    topics_.clear();
  }

 private:
  Buffer<std::uint32_t> topics_;
};

// Those that the client uses: alias -> number of an outgoing topic. The one that was not used for the longest time
// gives way to a new one.
class OutboundAliases {
 public:
  // A new connection, on which the server takes aliases up to `most`.
  void begin(std::uint32_t most);

  // Finds an alias for a topic that is published to now, and says whether the server knows it already. `alias` is what
  // the topic had when it was last used, on whatever connection, and 0 when its number stands for a new name; it
  // becomes 0 where there is none.
  bool use(std::uint32_t topic, std::uint16_t& alias);

 private:
  static constexpr std::uint32_t most_aliases = 256;  // the oldest is sought among all

  struct Entry {
    std::uint32_t topic;
    std::uint32_t used;  // serial of its last use
  };

  Buffer<Entry> entries_;  // by alias, from 1
  std::uint32_t most_ = 0;
  std::uint32_t last_use_ = 0;
};

}  // namespace tarta
