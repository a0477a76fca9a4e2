#include "alias.hpp"

namespace tarta {

void OutboundAliases::begin(std::uint32_t most) {
  most_ = most < most_aliases ? most : most_aliases;
  numbers_.clear();
  entries_.clear();
  if (most_ > 0 && !entries_.push({no_topic, 0, 0})) most_ = 0;
}

void OutboundAliases::link(std::uint16_t number) {
  Entry& entry = entries_[number];
  entry.older = entries_[0].older;
  entry.newer = 0;
  entries_[entry.older].newer = number;
  entries_[0].older = number;
}

void OutboundAliases::unlink(std::uint16_t number) {
  const Entry& entry = entries_[number];
  entries_[entry.older].newer = entry.newer;
  entries_[entry.newer].older = entry.older;
}

OutboundAliases::Alias OutboundAliases::use(std::uint32_t topic) {
  if (most_ == 0) return {0, false};
  std::uint16_t number = find(topic);
  const bool known = number != 0;
  if (!known) {
    if (!numbers_.resize_zeroed(topic < numbers_.size() ? numbers_.size() : topic + 1)) return {0, false};
    if (entries_.size() <= most_) {
      if (!entries_.push({no_topic, 0, 0})) return {0, false};
      number = static_cast<std::uint16_t>(entries_.size() - 1);
    } else {
      number = entries_[0].newer;
      if (find(entries_[number].topic) == number) numbers_[entries_[number].topic] = 0;
      unlink(number);
    }
    entries_[number].topic = topic;
    numbers_[topic] = number;
  } else {
    unlink(number);
  }
  link(number);
  return {number, known};
}

void OutboundAliases::forget(std::uint32_t topic) {
  if (const std::uint16_t number = find(topic); number != 0) {
    entries_[number].topic = no_topic;
    numbers_[topic] = 0;
  }
}

}  // namespace tarta
