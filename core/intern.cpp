#include "intern.hpp"

namespace tarta {

Interner::~Interner() {
  for (const Entry& entry : entries_) std::free(entry.name);
}

std::uint32_t Interner::find(Bytes name) {
  const std::uint32_t number = table_.find(hash_bytes(name, salt_), [&](std::uint32_t at) {
    const Entry& entry = entries_[at];
    return entry.size == name.size() && same_bytes(entry.name, name.data(), name.size());
  });
  if (number != none) entries_[number].used = true;
  return number;
}

std::uint32_t Interner::add(Bytes name) {
  const auto size = static_cast<std::uint32_t>(name.size());
  auto* const copy = static_cast<std::uint8_t*>(std::malloc(size + 1));
  if (copy == nullptr) return none;
  std::memcpy(copy, name.data(), size);
  const std::uint32_t hash = hash_bytes(name, salt_);
  while (bytes_ + size > most_bytes_) {
    const std::uint32_t evicted = evict();
    if (evicted == none) break;
    vacant_.push(evicted);
  }
  const std::uint32_t number = free_number();
  if (number == none || !table_.insert(hash, number)) {
    if (number != none) vacant_.push(number);
    std::free(copy);
    return none;
  }
  // Not `used` before it comes again: names that come once must not push out those that come all the time.
  entries_[number] = {copy, size, hash, 0, 0, false, false};
  bytes_ += size;
  return number;
}

std::uint32_t Interner::free_number() {
  if (!vacant_.empty()) {
    const std::uint32_t number = vacant_.back();
    vacant_.truncate(vacant_.size() - 1);
    return number;
  }
  if (entries_.size() >= most_names_) {
    if (const std::uint32_t number = evict(); number != none) return number;
  }
  return entries_.push({nullptr, 0, 0, 0, 0, false, false}) ? entries_.size() - 1 : none;
}

// The clock algorithm: the hand clears `used` and takes the first name that had none.
std::uint32_t Interner::evict() {
  for (std::uint32_t steps = 2 * entries_.size(); steps > 0; --steps) {
    const std::uint32_t number = hand_;
    hand_ = hand_ + 1 < entries_.size() ? hand_ + 1 : 0;
    Entry& entry = entries_[number];
    if (entry.name == nullptr || entry.pins > 0) continue;
    if (entry.used) {
      entry.used = false;
      continue;
    }
    table_.erase(entry.hash, number);
    bytes_ -= entry.size;
    std::free(entry.name);
    entry.name = nullptr;
    return number;
  }
  return none;
}

}  // namespace tarta
