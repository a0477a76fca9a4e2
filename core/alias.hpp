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

// Those that the client uses: number of an outgoing topic -> alias. The one that was not used for the longest time
// gives way to a new one.
class OutboundAliases {
 public:
  struct Alias {
    std::uint16_t number;  // 0: none
    bool known;            // the server knows it: the name may be left out
  };

  // A new connection, on which the server takes aliases up to `most`.
  void begin(std::uint32_t most);

  // An alias for a topic that is published to now.
  Alias use(std::uint32_t topic);

  // The topic's number stands for another name, or the server has not learned its alias.
  void forget(std::uint32_t topic);

 private:
  static constexpr std::uint32_t most_aliases = 1'024;  // more would cost memory and save no bytes
  static constexpr std::uint32_t no_topic = 0xFFFF'FFFF;

  struct Entry {
    std::uint32_t topic;
    std::uint16_t older, newer;  // in the ring of all aliases
  };

  std::uint16_t find(std::uint32_t topic) const { return topic < numbers_.size() ? numbers_[topic] : std::uint16_t{0}; }
  void link(std::uint16_t number);
  void unlink(std::uint16_t number);

  Buffer<Entry> entries_;  // by alias; [0] is where the ring begins: its `newer` is the oldest
  Buffer<std::uint16_t> numbers_;
  std::uint32_t most_ = 0;
};

}  // namespace tarta
