// What goes to the server: acknowledgements, authentication, and the order in which everything leaves.
#include "session.hpp"

namespace tarta {
namespace {

// As much is put together before the host has to send it.
constexpr std::uint32_t output_high = 128 * 1024;

}  // namespace

// --- commands --------------------------------------------------------------------------------------------------------

// Why there is no packet identifier.
Error Session::no_identifier() const {
  return ids_.used() == ids_.most ? Error::packet_identifiers_exhausted : Error::out_of_memory;
}

Outgoing* Session::find_operation(std::uint32_t operation) {
  for (const OutgoingList* list : {&requests_, &inflight_, &unsent_, &unsent_0_}) {
    for (Outgoing* entry = list->first(); entry != nullptr; entry = entry->next) {
      if (entry->operation == operation) return entry;
    }
  }
  return nullptr;
}

Error Session::cancel(std::uint32_t operation) {
  Outgoing* const entry = operation == 0 ? nullptr : find_operation(operation);
  if (entry == nullptr) return Error::invalid_argument;
  entry->operation = 0;
  entry->cancelled = true;
  if (entry->sent) return Error::none;  // its packet identifier is in use until it is acknowledged
  const bool request = entry->stage == Stage::suback || entry->stage == Stage::unsuback;
  if (request) {
    for (std::uint32_t i = 0; i < entry->records; ++i) forgo(entry->serial - i);
    restore_lost(*entry);
    take_out(requests_, entry);
  } else {
    drop(entry->qos() == 0 ? unsent_0_ : unsent_, entry, Error::cancelled);
  }
  return Error::none;
}

Error Session::authenticate(std::uint8_t reason, Bytes data) {
  constexpr std::size_t longest = 65'535;  // 5.0 §1.5.6
  // A step answers one of the server's; a new exchange begins on an open connection (5.0 §4.12).
  const bool again = Reason{reason} == Reason::reauthenticate;
  const bool allowed = again ? online() && version_ == Version::v5 && has_method_
                             : Reason{reason} == Reason::continue_authentication && auth_unanswered_;
  if (!allowed || data.size() > longest) return Error::invalid_argument;
  const Bytes method = method_;
  Buffer<std::uint8_t> raw;
  std::uint32_t size = property_size(Property::authentication_method, method);
  if (!data.empty()) size += property_size(Property::authentication_data, data);
  std::uint8_t* const at = raw.extend(size);
  if (at == nullptr) return Error::out_of_memory;
  Writer writer{at};
  write_property(writer, Property::authentication_method, method);
  if (!data.empty()) write_property(writer, Property::authentication_data, data);
  Notice packet;
  packet.type = PacketType::auth;
  packet.reason = reason;
  packet.properties.check(raw, packet_set::AUTH);
  if (!write(packet)) return Error::packet_too_large;
  authenticating_ = authenticating_ || again;
  auth_unanswered_ = false;
  return Error::none;
}

void Session::delivered(std::uint32_t through) {
  inbound_.delivered(through);
  acknowledge_arrivals();
}

// Before 5.0 an acknowledgement has no reason code: the message is accepted, whatever its handler says.
Error Session::acknowledge(std::uint32_t serial, std::uint8_t reason) {
  if (!reason_allowed(reason, PacketType::puback)) return Error::invalid_argument;
  inbound_.acknowledge(serial, version_ == Version::v5 ? reason : std::uint8_t{0});
  acknowledge_arrivals();
  return Error::none;
}

// --- the end of an operation -----------------------------------------------------------------------------------------

void Session::take_out(OutgoingList& list, Outgoing* entry) {
  list.unlink(entry);
  destroy(entry);
}

// A message that will not be sent, or not again.
void Session::drop(OutgoingList& list, Outgoing* entry, Error error) {
  if (entry->operation != 0) fail(entry->operation, error);
  forget_message(*entry);
  if (entry == replay_) replay_ = entry->next;
  ids_.release(entry->id);
  if (!entry->abandoned) {
    --pending_;
    pending_bytes_ -= entry->bytes();
  }
  take_out(list, entry);
}

// A message in flight that the server of this connection does not take. An earlier one may have had it, and hold its
// identifier: no other message gets that one while the session lasts (5.0 §2.2.1).
void Session::abandon(Outgoing* entry, Error error) {
  if (entry->operation != 0) fail(entry->operation, error);
  entry->operation = 0;
  entry->abandoned = entry->cancelled = true;
  --pending_;
  pending_bytes_ -= entry->bytes();
  replay_ = entry->next;
  inflight_.unlink(entry);
  abandoned_.append(entry);
}

// A message that was given up has arrived before: its exchange goes on, and its PUBREL is sent again as any other.
void Session::take_up(Outgoing* entry) {
  entry->abandoned = false;
  ++pending_;
  pending_bytes_ += entry->bytes();
  abandoned_.unlink(entry);
  inflight_.prepend(entry);
}

// A message in flight that the server has answered for good.
void Session::complete(Outgoing* entry, std::uint8_t reason, Place properties) {
  // The server completed it before the connection was lost: no error then (5.0 §3.7.2.1).
  if (entry->resumed) reason = 0;
  if (entry->operation != 0) {
    records_.add(Event::done, 0, entry->operation, reason, properties.offset, properties.length);
  }
  entry->operation = 0;
  drop(entry->abandoned ? abandoned_ : inflight_, entry, Error::none);
}

// --- acknowledging ---------------------------------------------------------------------------------------------------

// Acknowledges what handlers are done with, in the order of arrival (5.0 §4.6).
void Session::acknowledge_arrivals() {
  while (const Arrival* const front = inbound_.front()) {
    const Arrival arrival = *front;
    inbound_.pop();
    if (arrival.qos == 1) {
      answer(PacketType::puback, arrival.id, arrival.reason, stored_);
      continue;
    }
    const bool held = !is_refusal(arrival.reason);
    // The server sends a stale message again, and is answered then; what comes again is kept already.
    const std::uint32_t needs = !held ? stored_ : arrival.again ? serial_ : keep(Kept::inbound, arrival.id);
    if (!arrival.stale) answer(PacketType::pubrec, arrival.id, arrival.reason, needs);
  }
}

void Session::answer(PacketType type, std::uint16_t id, std::uint8_t reason, std::uint32_t needs) {
  if (answers_.empty() && is_stored(needs)) {
    Acknowledgement packet;
    packet.type = type;
    packet.id = id;
    packet.reason = reason;
    stuck_ = stuck_ || !write(packet);  // this may be a command: the next tick() ends the connection
    return;
  }
  answers_.push({needs, id, type, reason});
}

// --- sending ---------------------------------------------------------------------------------------------------------

// False when the server would not take the packet (5.0 §3.2.2.3.6), or without memory.
template <class Packet>
bool Session::write(const Packet& packet) {
  const std::uint32_t size = encoded_size(packet, version_);
  if (size > limits_.maximum_packet_size) return false;
  std::uint8_t* const at = output_.extend(size);
  if (at == nullptr) return false;
  Writer writer{at};
  encode(writer, packet, version_);
  return true;
}
template bool Session::write(const Notice&);
template bool Session::write(const FilterList&);

bool Session::room_in_output() const { return output_.size() < output_high; }

bool Session::wants_flush() const {
  if (!output().empty() || fresh_ || probes_ || disconnecting_ || stuck_ || !failures_.empty() || !changes_.empty())
    return true;
  if (!online()) return phase_ == Phase::opening && !connect_waits();
  if (durable() && client_waits_) return false;
  if (requests_wait_ && ids_.used() < ids_.most && is_stored(requests_need_)) return true;
  const bool answers = !answers_.empty() && is_stored(answers_[answers_done_].needs);
  const bool messages = replay_ == nullptr && !unsent_.empty() && quota_ > 0 && is_stored(unsent_.first()->serial);
  return answers || messages || (replay_ != nullptr && quota_ > 0) || !unsent_0_.empty();
}

// What was queued since the last tick learns the time.
void Session::stamp() {
  if (!fresh_) return;
  fresh_ = false;
  stamp(unsent_);
  stamp(unsent_0_);
}

void Session::stamp(OutgoingList& list) {
  const double seconds = now_.wall / 1000;
  for (Outgoing* entry = list.last(); entry != nullptr && entry->fresh; entry = entry->previous) {
    entry->fresh = false;
    if (entry->expires == 0) continue;
    const double expires = seconds + entry->expires;
    entry->expires = expires < 0xFFFF'FFFF ? static_cast<std::uint32_t>(expires + 0.5) : 0;
    note_expiry(*entry);
  }
}

// Moves into the output what may go: acknowledgements first, then what the server is asked, then what is sent again
// after a loss, then messages in their order.
void Session::pump() {
  if (phase_ == Phase::opening && !disconnecting_) begin_connecting();
  if (!online() || (durable() && client_waits_)) return;
  pump_answers();
  pump_requests();
  pump_replay();
  pump_messages();
}

void Session::pump_answers() {
  while (answers_done_ < answers_.size() && is_stored(answers_[answers_done_].needs)) {
    const Answer next = answers_[answers_done_++];
    Acknowledgement packet;
    packet.type = next.type;
    packet.id = next.id;
    packet.reason = next.reason;
    stuck_ = stuck_ || !write(packet);
  }
  if (answers_done_ == answers_.size()) {
    answers_.clear();
    answers_done_ = 0;
  } else if (answers_done_ >= 256 && answers_done_ * 2 >= answers_.size()) {
    const std::uint32_t left = answers_.size() - answers_done_;
    std::memmove(answers_.data(), answers_.data() + answers_done_, left * sizeof(Answer));
    answers_.truncate(left);
    answers_done_ = 0;
  }
}

// 5.0 §4.4: after a reconnect PUBLISH (with DUP) and PUBREL again, with their identifiers, in their order.
void Session::pump_replay() {
  while (replay_ != nullptr && room_in_output() && online()) {
    Outgoing* const entry = replay_;
    if (entry->stage == Stage::pubcomp) {
      // It takes a place of the quota without waiting for one: the server may still count the message (5.0 §3.3.4).
      replay_ = entry->next;
      --quota_;
      entry->charged = entry->resumed = true;
      answer(PacketType::pubrel, entry->id, 0, entry->serial);
      continue;
    }
    PublishHead head = head_of(*entry);
    const std::uint32_t size = encoded_size(head, version_);
    if (const Error error = check_publish(head, size); error != Error::none) {
      abandon(entry, error);
      continue;
    }
    if (quota_ <= 0) return;
    replay_ = entry->next;
    send_publish(*entry, head, size);
  }
}

// Messages in the order in which they were published; one that must wait (for what is sent again, for quota or for its
// record) holds up those of QoS 1 and 2 behind it, but none of QoS 0 (5.0 §3.3.4).
void Session::pump_messages() {
  while (room_in_output() && online()) {
    Outgoing* entry = unsent_.first();
    const bool waits = entry == nullptr || replay_ != nullptr || quota_ <= 0 || !is_stored(entry->serial);
    Outgoing* const entry_0 = unsent_0_.first();
    const bool first = !waits && (entry_0 == nullptr || at_or_before(entry->serial, entry_0->serial));
    if (!first) entry = entry_0;
    if (entry == nullptr) return;
    OutgoingList& list = first ? unsent_ : unsent_0_;
    PublishHead head = head_of(*entry);
    const std::uint32_t size = encoded_size(head, version_);
    if (const Error error = check_publish(head, size); error != Error::none) {
      drop(list, entry, error);
      continue;
    }
    send_publish(*entry, head, size);
    if (first) {
      unsent_.unlink(entry);
      inflight_.append(entry);
    } else {
      if (entry->operation != 0) records_.add(Event::done, 0, entry->operation, 0U, 0U, 0U);
      entry->operation = 0;
      drop(unsent_0_, entry, Error::none);
    }
  }
}

}  // namespace tarta
