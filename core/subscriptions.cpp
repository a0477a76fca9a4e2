#include "subscriptions.hpp"

#include "topic.hpp"

namespace tarta {

Subscriptions::~Subscriptions() {
  for (const Entry& entry : entries_) std::free(entry.filter);
}

bool Subscriptions::define(std::uint32_t number, std::string_view filter, std::uint8_t options) {
  if (defined(number)) {
    Entry& entry = entries_[number];
    entry.changed = entry.changed || entry.options != options;
    entry.options = options;
    return true;
  }
  while (entries_.size() <= number) {
    if (!entries_.push({})) return false;
  }
  auto* const copy = static_cast<char*>(std::malloc(filter.size() + 1));
  if (copy == nullptr || !router_.add(number, matched_part(filter))) {
    std::free(copy);
    return false;
  }
  std::memcpy(copy, filter.data(), filter.size());
  entries_[number] = {copy, static_cast<std::uint32_t>(filter.size()), options, false, false, false, false, false};
  return true;
}

void Subscriptions::granted(std::uint32_t number, bool identified) {
  if (!defined(number)) return;
  Entry& entry = entries_[number];
  entry.held = true;
  entry.lost = false;
  if (entry.nameless == identified) router_.changed();
  entry.nameless = !identified;
}

void Subscriptions::given_up(std::uint32_t number) {
  if (!defined(number)) return;
  Entry& entry = entries_[number];
  if (entry.nameless) router_.changed();
  entry.held = entry.nameless = entry.lost = false;
}

bool Subscriptions::set_kept(std::uint32_t number, bool kept) {
  if (!defined(number)) return false;
  Entry& entry = entries_[number];
  const bool news = entry.kept != kept || (kept && entry.changed);
  entry.kept = kept;
  entry.changed = false;
  return news;
}

void Subscriptions::forget(std::uint32_t number) {
  if (!defined(number)) return;
  router_.remove(number);
  std::free(entries_[number].filter);
  entries_[number] = {};
}

}  // namespace tarta
