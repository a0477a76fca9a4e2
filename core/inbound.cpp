#include "inbound.hpp"

#include <algorithm>
#include <array>

namespace tarta {
namespace {

using Arriving = Inbound::Arriving;
constexpr Arriving deliver = Arriving::deliver, drop = Arriving::drop, acknowledge = Arriving::acknowledge,
                   qos_changed = Arriving::qos_changed;

struct Row {
  Arriving qos_1, qos_1_dup, qos_2;
};

// What a PUBLISH does, by what its packet identifier stands for. At QoS 1 without DUP it is taken for another message:
// a server that uses an identifier twice loses nothing by that. At QoS 2 it is the same message until PUBREL, with and
// without DUP (5.0 §4.3.2, §4.3.3).
constexpr std::array<Row, 4> transitions{{
    //                   QoS 1        QoS 1, DUP   QoS 2
    /* nothing        */ {deliver, deliver, deliver},
    /* QoS 1, handled */ {deliver, drop, qos_changed},
    /* QoS 2, handled */ {qos_changed, qos_changed, drop},
    /* QoS 2, held    */ {qos_changed, qos_changed, acknowledge},
}};

}  // namespace

Arrival* Inbound::find(std::uint32_t serial) {
  const auto before = [](const Arrival& a, std::uint32_t b) { return a.serial != b && at_or_before(a.serial, b); };
  Arrival* const at = std::lower_bound(arrivals_.begin() + head_, arrivals_.end(), serial, before);
  return at != arrivals_.end() && at->serial == serial && !at->again ? at : nullptr;
}

bool Inbound::waiting(std::uint16_t id) const { return (known(id) & waits) != 0; }

bool Inbound::held(std::uint16_t id) const { return (known(id) & is_held) != 0; }

bool Inbound::make_room(std::uint16_t id) {
  std::uint32_t size = known_.empty() ? 64 : known_.size();
  while (size <= id) size *= 2;
  return known_.resize_zeroed(size);
}

// On this connection it counts against our Receive Maximum, once (5.0 §3.3.4) …
void Inbound::count(std::uint16_t id) {
  if ((known_[id] & counts) == 0) ++unacknowledged_;
  known_[id] |= counts;
}

// … until an answer ends it. That of a message of an earlier connection gives a place as well, as the server counts
// (5.0 §4.9), and it may have used the places of this connection meanwhile: so the number may fall below 0, for each
// identifier that there is once.
void Inbound::give_back() { unacknowledged_ = std::max(unacknowledged_ - 1, -65'535); }

// The message that bears this identifier is gone, and with it what is known of it, unless a second one bears it: the
// server has not waited for the acknowledgement of the first (5.0 §2.2.1).
void Inbound::forget(std::uint16_t id) {
  if ((known_[id] & borne_twice) != 0) {
    for (std::uint32_t i = head_ + 1; i < arrivals_.size(); ++i) {
      if (arrivals_[i].id == id) return;
    }
  }
  known_[id] = 0;
}

// The place in the order of a QoS 2 message that has come again.
Arrival& Inbound::repeated(std::uint16_t id) {
  Arrival* at = arrivals_.end() - 1;
  while (at->id != id || !at->again) --at;
  return *at;
}

// A QoS 2 message that was handled, or is still being handled since an earlier connection, has come again: its answer
// waits until those before it have theirs (5.0 §4.6), and until its handlers have returned.
Inbound::Arriving Inbound::repeat(std::uint16_t id) {
  if ((known_[id] & comes_again) != 0) return Arriving::drop;
  if (held(id) && unanswered_ == 0) return Arriving::acknowledge;
  const bool ready = held(id);
  if (!arrivals_.push({last_serial_, id, 2, 0, true, ready, false, true})) return Arriving::no_memory;
  ++unanswered_;
  known_[id] |= comes_again;
  return Arriving::drop;
}

Inbound::Arriving Inbound::arrive(std::uint16_t id, std::uint8_t qos, bool dup, std::uint32_t receive_maximum,
                                  std::uint32_t& serial) {
  const std::uint8_t before = known(id);
  const bool at_2 = (before & qos_2) != 0;
  const Row& row = transitions[(before & is_held) != 0 ? 3 : at_2 ? 2 : (before & waits) != 0 ? 1 : 0];
  const Arriving what = qos == 2 ? row.qos_2 : dup ? row.qos_1_dup : row.qos_1;
  if (what == Arriving::qos_changed) return what;
  if (what != Arriving::deliver) {
    count(id);
    if (unacknowledged() > receive_maximum) return Arriving::too_many;
    return (before & (is_held | is_stale)) != 0 ? repeat(id) : what;
  }
  if (unacknowledged() >= receive_maximum) return Arriving::too_many;
  if (!make_room(id)) return Arriving::no_memory;
  serial = ++last_serial_;
  if (!arrivals_.push({serial, id, qos, 0, false, false, false, false})) return Arriving::no_memory;
  ++unanswered_;
  ++unacknowledged_;  // each of them, should two bear one identifier
  known_[id] = static_cast<std::uint8_t>(waits | counts | (qos == 2 ? qos_2 : 0) | (before != 0 ? borne_twice : 0));
  return Arriving::deliver;
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
  if (!arrival.stale) --unanswered_;
  const bool answered_later = arrival.stale && (known_[arrival.id] & comes_again) != 0;
  if (answered_later) {
    Arrival& place = repeated(arrival.id);
    place.ready = true;
    place.reason = arrival.reason;
  }
  // A QoS 2 identifier goes on being held unless the message was refused (5.0 §4.3.3).
  const bool hold = arrival.qos == 2 && !is_refusal(arrival.reason);
  if (hold) {
    if (!held(arrival.id)) ++held_count_;
    const unsigned keeps = answered_later ? counts | comes_again : counts;
    known_[arrival.id] = static_cast<std::uint8_t>((known_[arrival.id] & keeps) | is_held | qos_2);
  } else if (!answered_later) {
    forget(arrival.id);
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
  if (!make_room(id)) return false;
  if (!held(id)) ++held_count_;
  known_[id] = is_held | qos_2;
  return true;
}

// PUBREL, which is answered whether the identifier is known or not: the PUBCOMP of an earlier connection may have been
// lost.
void Inbound::release(std::uint16_t id) {
  give_back();
  if (!held(id)) return;
  if ((known_[id] & comes_again) != 0) {
    // The server has not waited for the answer that it asked for once more.
    Arrival& place = repeated(id);
    std::memmove(&place, &place + 1, static_cast<std::size_t>(arrivals_.end() - &place - 1) * sizeof(Arrival));
    arrivals_.truncate(arrivals_.size() - 1);
    --unanswered_;
  }
  known_[id] = 0;
  --held_count_;
}

bool Inbound::forget_earlier(std::uint16_t id) {
  if (!held(id) || (known(id) & counts) != 0) return false;
  known_[id] = 0;
  --held_count_;
  return true;
}

void Inbound::forget_last() {
  if (head_ == arrivals_.size()) return;
  known_[arrivals_.back().id] = 0;
  arrivals_.truncate(arrivals_.size() - 1);
  --unanswered_;
}

void Inbound::connection_lost() {
  std::uint32_t kept = head_;
  for (std::uint32_t i = head_; i < arrivals_.size(); ++i) {
    Arrival arrival = arrivals_[i];
    if (arrival.again) {
      // What remains is the message itself, unless it was refused.
      known_[arrival.id] &= static_cast<std::uint8_t>(~comes_again);
      if (arrival.ready && !held(arrival.id)) known_[arrival.id] = 0;
      continue;
    }
    // What was not acknowledged comes again; of QoS 2 what is being handled must be known again.
    if (arrival.qos == 1 || (arrival.by_hand && !arrival.ready)) {
      known_[arrival.id] = 0;
      continue;
    }
    arrival.stale = true;
    known_[arrival.id] |= is_stale;
    arrivals_[kept++] = arrival;
  }
  arrivals_.truncate(kept);
  for (std::uint8_t& known : known_) known &= static_cast<std::uint8_t>(~counts);
  unacknowledged_ = 0;
  unanswered_ = 0;
}

void Inbound::session_lost() {
  for (std::uint8_t& known : known_) known = 0;
  arrivals_.clear();
  head_ = 0;
  held_count_ = 0;
  unacknowledged_ = 0;
  unanswered_ = 0;
}

}  // namespace tarta
