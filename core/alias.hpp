// Topic aliases that the server uses (5.0 §3.3.2.3.4): alias -> number of an interned topic. They end with the
// connection. While an alias stands for a name, the name keeps its number.
#pragma once

#include "intern.hpp"

namespace tarta {

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

}  // namespace tarta
