#include "alias.hpp"

namespace tarta {

void OutboundAliases::begin(std::uint32_t most) {
  most_ = most < most_aliases ? most : most_aliases;
  entries_.clear();
}

bool OutboundAliases::use(std::uint32_t topic, std::uint16_t& alias) {
  const bool known = alias != 0 && alias <= entries_.size() && entries_[alias - 1].topic == topic;
  if (!known) {
    alias = 0;
    if (entries_.size() >= most_) {
      std::uint32_t longest = 0;
      for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        const std::uint32_t ago = last_use_ + 1 - entries_[i].used;  // serials go round
        if (ago <= longest) continue;
        longest = ago;
        alias = static_cast<std::uint16_t>(i + 1);
      }
    } else if (entries_.push({topic, 0})) {
      alias = static_cast<std::uint16_t>(entries_.size());
    }
    if (alias == 0) return false;
  }
  entries_[alias - 1] = {topic, ++last_use_};
  return known;
}

}  // namespace tarta
