#include "subscriptions.hpp"

#include "topic.hpp"

namespace tarta {

Subscriptions::~Subscriptions() {
  for (const Entry& entry : entries_) std::free(entry.filter);
}

bool Subscriptions::define(std::uint32_t number, std::string_view filter, std::uint8_t options) {
  if (defined(number)) {
    entries_[number].options = options;
    return true;
  }
  while (entries_.size() <= number) {
    if (!entries_.push({nullptr, 0, 0, false})) return false;
  }
  auto* const copy = static_cast<char*>(std::malloc(filter.size() + 1));
  if (copy == nullptr || !router_.add(number, matched_part(filter))) {
    std::free(copy);
    return false;
  }
  std::memcpy(copy, filter.data(), filter.size());
  entries_[number] = {copy, static_cast<std::uint32_t>(filter.size()), options, false};
  return true;
}

void Subscriptions::forget(std::uint32_t number) {
  if (!defined(number)) return;
  router_.remove(number);
  std::free(entries_[number].filter);
  entries_[number] = {nullptr, 0, 0, false};
}

}  // namespace tarta
