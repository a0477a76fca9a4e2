#include "inbound.hpp"

#include <algorithm>

namespace tarta {
namespace {

// Serials go round: is `a` at or before `b`?
bool at_or_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(b - a) >= 0; }

}  // namespace

bool Inbound::used(std::uint16_t id) const { return !used_.empty() && (used_[id / 32U] >> id % 32U & 1U) != 0; }

void Inbound::mark(std::uint16_t id, bool used) {
  const std::uint32_t bit = 1U << id % 32U;
  std::uint32_t& word = used_[id / 32U];
  word = used ? word | bit : word & ~bit;
}

Arrival* Inbound::find(std::uint32_t serial) {
  const auto before = [](const Arrival& a, std::uint32_t b) { return a.serial != b && at_or_before(a.serial, b); };
  Arrival* const at = std::lower_bound(arrivals_.begin() + head_, arrivals_.end(), serial, before);
  return at != arrivals_.end() && at->serial == serial ? at : nullptr;
}

Arrival* Inbound::find_identifier(std::uint16_t id) {
  for (std::uint32_t i = head_; i < arrivals_.size(); ++i) {
    if (arrivals_[i].id == id) return &arrivals_[i];
  }
  return nullptr;
}

bool Inbound::waiting(std::uint16_t id) const {
  return used(id) && const_cast<Inbound*>(this)->find_identifier(id) != nullptr;
}

bool Inbound::held(std::uint16_t id) const { return used(id) && !waiting(id); }

Inbound::Arriving Inbound::arrive(std::uint16_t id, std::uint8_t qos, bool dup, std::uint32_t receive_maximum,
                                  std::uint32_t& serial) {
  if (used(id)) {
    Arrival* const waiting = find_identifier(id);
    const std::uint8_t known_qos = waiting != nullptr ? waiting->qos : std::uint8_t{2};
    if (known_qos != qos) return Arriving::qos_changed;
    if (waiting == nullptr) return Arriving::acknowledge;
    if (waiting->stale) {
      waiting->stale = false;
      return ++unacknowledged_ > receive_maximum ? Arriving::too_many : Arriving::drop;
    }
    if (qos == 2 || dup) return Arriving::drop;
  }
  if (unacknowledged_ >= receive_maximum) return Arriving::too_many;
  if (used_.empty() && !used_.resize_zeroed(identifiers / 32)) return Arriving::no_memory;
  serial = ++last_serial_;
  if (!arrivals_.push({serial, id, qos, 0, false, false, false})) return Arriving::no_memory;
  mark(id, true);
  ++unacknowledged_;
  return Arriving::deliver;
}

// As the server counts (5.0 §4.9): never below none, for a PUBREL may be of a message that came before this connection.
void Inbound::give_back() {
  if (unacknowledged_ > 0) --unacknowledged_;
}

void Inbound::delivered(std::uint32_t through) {
  const auto after = [](std::uint32_t a, const Arrival& b) { return !at_or_before(b.serial, a); };
  Arrival* const first = arrivals_.begin() + head_;
  // Backwards, up to what an earlier call has seen.
  for (Arrival* at = std::upper_bound(first, arrivals_.end(), through, after); at != first; --at) {
    Arrival& arrival = at[-1];
    if (arrival.by_hand) continue;
    if (arrival.ready) break;
    arrival.ready = true;
  }
}

void Inbound::hold(std::uint32_t serial) {
  if (Arrival* const arrival = find(serial)) arrival->by_hand = true;
}

void Inbound::acknowledge(std::uint32_t serial, std::uint8_t reason) {
  Arrival* const arrival = find(serial);
  if (arrival == nullptr) return;
  arrival->reason = reason;
  arrival->by_hand = true;  // so that delivered() goes on to those before it
  arrival->ready = true;
}

const Arrival* Inbound::front() const {
  return head_ < arrivals_.size() && arrivals_[head_].ready ? &arrivals_[head_] : nullptr;
}

void Inbound::pop() {
  const Arrival& arrival = arrivals_[head_];
  // A QoS 2 identifier goes on being held unless the message was refused (5.0 §4.3.3).
  const bool hold = arrival.qos == 2 && !is_refusal(arrival.reason);
  if (hold) {
    ++held_count_;
  } else {
    mark(arrival.id, false);
    if (!arrival.stale) give_back();
  }
  if (++head_ == arrivals_.size()) {
    arrivals_.clear();
    head_ = 0;
  } else if (head_ >= 256 && head_ * 2 >= arrivals_.size()) {
    const std::uint32_t left = arrivals_.size() - head_;
    std::memmove(arrivals_.data(), arrivals_.data() + head_, left * sizeof(Arrival));
    arrivals_.truncate(left);
    head_ = 0;
  }
}

bool Inbound::hold_identifier(std::uint16_t id) {
  if (used_.empty() && !used_.resize_zeroed(identifiers / 32)) return false;
  if (!used(id)) ++held_count_;
  mark(id, true);
  return true;
}

void Inbound::release(std::uint16_t id) {
  if (!held(id)) return;
  mark(id, false);
  --held_count_;
  give_back();
}

void Inbound::forget_last() {
  if (head_ == arrivals_.size()) return;
  mark(arrivals_.back().id, false);
  arrivals_.truncate(arrivals_.size() - 1);
}

void Inbound::connection_lost() {
  std::uint32_t kept = head_;
  for (std::uint32_t i = head_; i < arrivals_.size(); ++i) {
    Arrival arrival = arrivals_[i];
    // What was not acknowledged comes again; of QoS 2 what is being handled must be known again.
    if (arrival.qos == 1 || (arrival.by_hand && !arrival.ready)) {
      mark(arrival.id, false);
      continue;
    }
    arrival.stale = true;
    arrivals_[kept++] = arrival;
  }
  arrivals_.truncate(kept);
  unacknowledged_ = 0;
}

void Inbound::session_lost() {
  for (std::uint32_t& word : used_) word = 0;
  arrivals_.clear();
  head_ = 0;
  held_count_ = 0;
  unacknowledged_ = 0;
}

}  // namespace tarta
