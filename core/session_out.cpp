// What goes to the server: publishing, acknowledging, and the order in which it leaves.
#include <new>

#include "session.hpp"
#include "topic.hpp"

namespace tarta {
namespace {

constexpr std::uint32_t most_topics = 1U << 16;
constexpr std::uint32_t most_filters = 1U << 20;

// As much is put together before the host has to send it.
constexpr std::uint32_t output_high = 128 * 1024;

enum Overflow : std::uint32_t { reject, drop_oldest, drop_qos0 };

std::uint32_t size32(std::size_t size) { return static_cast<std::uint32_t>(size); }

// Serials go round: is `a` at or before `b`?
bool at_or_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(b - a) >= 0; }

}  // namespace

// --- names -----------------------------------------------------------------------------------------------------------

Error Session::define_topic(std::uint32_t number, std::string_view name) {
  if (!valid_topic_name(name)) return Error::invalid_topic;
  if (number >= most_topics) return Error::invalid_argument;
  while (topics_out_.size() <= number) {
    if (!topics_out_.push({nullptr, 0, 0})) return Error::out_of_memory;
  }
  auto* const copy = static_cast<char*>(std::malloc(name.size()));
  if (copy == nullptr) return Error::out_of_memory;
  std::memcpy(copy, name.data(), name.size());
  std::free(topics_out_[number].name);
  topics_out_[number] = {copy, size32(name.size()), 0};
  return Error::none;
}

Error Session::define_filter(std::uint32_t number, std::string_view filter, std::uint8_t options) {
  if (!valid_filter(filter)) return Error::invalid_filter;
  const bool allowed = options::qos(options) < 3 && options::retain_handling(options) < 3 &&
                       !options::reserved(options) && !(options::no_local(options) && is_shared(filter));
  if (number >= most_filters || !allowed) return Error::invalid_argument;
  const bool other = subscriptions_.defined(number) && subscriptions_.filter(number) != filter;
  if (other) return Error::invalid_argument;
  return subscriptions_.define(number, filter, options) ? Error::none : Error::out_of_memory;
}

void Session::forget_filter(std::uint32_t number) { subscriptions_.forget(number); }

// --- publishing ------------------------------------------------------------------------------------------------------

// What the server of this connection does not take (5.0 §3.2.2.3).
Error Session::check_publish(const PublishHead& head) const {
  if ((head.flags >> 1U & 3U) > limits_.maximum_qos) return Error::qos_not_supported;
  if ((head.flags & 1U) != 0 && !limits_.retain) return Error::retain_not_supported;
  return encoded_size(head, version_) > limits_.maximum_packet_size ? Error::packet_too_large : Error::none;
}

// What an application may give: the session itself writes the alias and the expiry, and Subscription Identifiers are
// the server's (5.0 §3.3.4).
bool Session::valid_publish_properties(Bytes properties) {
  if (properties.empty()) return true;
  Properties checked;
  return checked.check(properties, packet_set::PUBLISH) == Fault::none && !checked.has(Property::topic_alias) &&
         !checked.has(Property::message_expiry_interval) && !checked.has(Property::subscription_identifier) &&
         check_response_topic(checked) == Fault::none;
}

// Makes room in the queue for one more message, as the overflow rule says.
Error Session::make_room(std::uint8_t qos, std::uint32_t bytes) {
  const std::uint32_t most = options_[NumberOption::queue_max_messages];
  const std::uint32_t most_bytes = options_[NumberOption::queue_max_bytes];
  const auto full = [&] { return pending_ >= most || pending_bytes_ + std::uint64_t{bytes} > most_bytes; };
  const std::uint32_t rule = options_[NumberOption::queue_overflow];
  while (full()) {
    if (rule == reject || bytes > most_bytes) return Error::queue_full;
    if (!unsent_0_.empty()) {
      drop(unsent_0_, unsent_0_.first(), Error::dropped);
    } else if (rule == drop_oldest && !unsent_.empty()) {
      drop(unsent_, unsent_.first(), Error::dropped);
    } else {
      return rule == drop_qos0 && qos == 0 ? Error::dropped : Error::queue_full;
    }
  }
  return Error::none;
}

std::uint8_t* Session::publish(std::uint32_t operation, std::uint32_t topic, std::uint8_t flags, std::uint32_t length,
                               Bytes properties, std::uint32_t expiry, Error& error) {
  queued_ = false;
  const std::uint8_t qos = flags >> 1U & 3U;
  const bool known = topic < topics_out_.size() && topics_out_[topic].name != nullptr;
  error = Error::invalid_argument;
  if (!known || qos == 3 || flags > 5 || !valid_publish_properties(properties)) return nullptr;
  error = Error::packet_too_large;
  if (length > variable_maximum) return nullptr;
  PublishHead head;
  head.flags = flags;
  head.topic = {topics_out_[topic].name, topics_out_[topic].size};
  head.id = qos > 0 ? 1 : 0;
  head.expires = expiry != no_expiry;
  head.expiry = expiry;
  head.properties = properties;
  head.payload_size = length;
  error = encoded_size(head, version_) > 5 + variable_maximum ? Error::packet_too_large : Error::none;
  if (error == Error::none && online()) error = check_publish(head);
  if (error != Error::none) return nullptr;

  const bool at_once = qos == 0 && online() && unsent_0_.empty() && unsent_.empty() && replay_ == nullptr;
  if (at_once) {
    give_alias(head, topic);
    std::uint8_t* const at = output_.extend(encoded_size(head, version_));
    if (at == nullptr) {
      topics_out_[topic].alias = 0;
      return error = Error::out_of_memory, nullptr;
    }
    Writer writer{at};
    encode(writer, head, version_);
    return writer.position();
  }

  const std::uint32_t topic_size = topics_out_[topic].size;
  error = make_room(qos, topic_size + size32(properties.size()) + length);
  if (error != Error::none) return nullptr;
  Outgoing* const entry = make_outgoing(topic_size, size32(properties.size()), length);
  if (entry == nullptr) return error = Error::out_of_memory, nullptr;
  entry->operation = operation;
  entry->flags = flags;
  entry->topic_number = static_cast<std::uint16_t>(topic);
  entry->fresh = true;
  entry->expires = head.expires ? (expiry == 0 ? 1 : expiry) : 0;
  Writer writer{entry->content()};
  writer.bytes(as_bytes(head.topic));
  writer.bytes(properties);
  if (qos == 0) {
    entry->serial = serial_;
    unsent_0_.append(entry);
    queued_ = true;
  } else {
    entry->id = ids_.allocate(entry);
    if (entry->id == 0) {
      destroy(entry);
      return error = no_identifier(), nullptr;
    }
    entry->stage = qos == 1 ? Stage::puback : Stage::pubrec;
    entry->serial = keep(Kept::message, entry->id);
    unsent_.append(entry);
  }
  fresh_ = true;
  ++pending_;
  pending_bytes_ += entry->bytes();
  return writer.position();
}

// --- other commands --------------------------------------------------------------------------------------------------

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
  if (entry->sent) return Error::none;  // its packet identifier is in use until it is acknowledged
  const bool request = entry->stage == Stage::suback || entry->stage == Stage::unsuback;
  if (request) {
    for (std::uint32_t i = 0; entry->stage == Stage::suback && !entry->wanted_before && i < entry->payload_size / 4;
         ++i) {
      subscriptions_.set_wanted(entry->filter(i), false);
    }
    take_out(requests_, entry);
  } else {
    drop(entry->qos() == 0 ? unsent_0_ : unsent_, entry, Error::cancelled);
  }
  return Error::none;
}

Error Session::authenticate(std::uint8_t reason, Bytes data) {
  constexpr std::size_t longest = 65'535;  // 5.0 §1.5.6
  // Before CONNACK the exchange of CONNECT goes on; a new one begins on an open connection (5.0 §4.12).
  const bool again = Reason{reason} == Reason::reauthenticate;
  const bool allowed = again ? online() : reason_allowed(reason, PacketType::auth) && reason != 0;
  const bool open = phase_ == Phase::connecting || phase_ == Phase::online;
  if (!allowed || !open || data.size() > longest || version_ != Version::v5 || !has_method_) {
    return Error::invalid_argument;
  }
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
  --pending_;
  pending_bytes_ -= entry->bytes();
  take_out(list, entry);
}

// A message in flight that the server has answered for good.
void Session::complete(Outgoing* entry, std::uint8_t reason, Place properties) {
  // The server completed it before the connection was lost: no error then (5.0 §3.7.2.1).
  if (entry->resumed) reason = 0;
  if (entry->operation != 0) {
    records_.add(Event::done, 0, entry->operation, reason, properties.offset, properties.length);
  }
  entry->operation = 0;
  drop(inflight_, entry, Error::none);
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
    const std::uint32_t needs = held ? keep(Kept::inbound, arrival.id) : stored_;
    // The server sends a stale message again, and is answered then.
    if (!arrival.stale) answer(PacketType::pubrec, arrival.id, arrival.reason, needs);
  }
}

void Session::answer(PacketType type, std::uint16_t id, std::uint8_t reason, std::uint32_t needs) {
  if (!online()) return;
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
  if (!output_.empty() || fresh_ || disconnecting_ || stuck_ || !failures_.empty() || !changes_.empty()) return true;
  if (!online()) return false;
  const bool answers = !answers_.empty() && is_stored(answers_[answers_done_].needs);
  const bool messages = replay_ == nullptr && !unsent_.empty() && quota_ > 0 && is_stored(unsent_.first()->serial);
  return answers || messages || (replay_ != nullptr ? quota_ > 0 : !unsent_0_.empty());
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
    if (entry->expires != 0 && (next_expiry_ == 0 || entry->expires < next_expiry_)) next_expiry_ = entry->expires;
  }
}

// Moves into the output what may go: acknowledgements first, then what the server is asked, then what is sent again
// after a loss, then messages in their order.
void Session::pump() {
  if (!online()) return;
  pump_answers();
  pump_requests();
  pump_replay();
  if (replay_ == nullptr) pump_messages();
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
    if (const Error error = check_publish(head_of(*entry)); error != Error::none) {
      drop(inflight_, entry, error);
      continue;
    }
    if (quota_ <= 0) return;
    replay_ = entry->next;
    send_publish(*entry);
  }
}

PublishHead Session::head_of(const Outgoing& entry) const {
  PublishHead head;
  head.flags = static_cast<std::uint8_t>(entry.flags | (entry.sent ? 8U : 0U));  // DUP, 5.0 §3.3.1.1
  head.topic = entry.topic();
  head.id = entry.id;
  head.expires = entry.expires != 0;
  if (head.expires) {
    // What was sent before may have arrived before it expired: it goes on, with no time left.
    const double left = entry.expires - now_.wall / 1000;
    head.expiry = left > 0 ? static_cast<std::uint32_t>(left + 0.5) : 0;
  }
  head.properties = entry.properties();
  head.payload_size = entry.payload_size;
  return head;
}

// An alias instead of the name, or beside it the first time (5.0 §3.3.2.3.4).
void Session::give_alias(PublishHead& head, std::uint32_t topic) {
  constexpr std::size_t shortest = 3;  // bytes of an alias: a shorter name has none
  constexpr std::uint32_t longer = 4;  // … and with it the length of the properties may take a byte more
  if (head.topic.size() < shortest || encoded_size(head, version_) + longer > limits_.maximum_packet_size) return;
  std::uint16_t& alias = topics_out_[topic].alias;
  if (aliases_out_.use(topic, alias)) head.topic = {};
  head.alias = alias;
}

void Session::send_publish(Outgoing& entry) {
  PublishHead head = head_of(entry);
  // What is sent again bears its name (5.0 §4.4), and so does what was published when the number stood for another.
  const Topic* const topic = entry.topic_number < topics_out_.size() ? &topics_out_[entry.topic_number] : nullptr;
  const bool same =
      topic != nullptr && topic->name != nullptr && std::string_view{topic->name, topic->size} == head.topic;
  if (same && !entry.sent) give_alias(head, entry.topic_number);
  std::uint8_t* const at = output_.extend(encoded_size(head, version_));
  if (at == nullptr) return end(Error::out_of_memory, 0, Fault::none, 0);  // its aliases end with the connection
  Writer writer{at};
  encode(writer, head, version_);
  writer.bytes(entry.payload());
  entry.sent = true;
  if (entry.id == 0) return;
  entry.charged = true;
  --quota_;
}

// Messages in the order in which they were published; one that must wait (for quota or for its record) holds up those
// of QoS 1 and 2 behind it, but none of QoS 0 (5.0 §3.3.4).
void Session::pump_messages() {
  while (room_in_output() && online()) {
    Outgoing* entry = unsent_.first();
    const bool waits = entry == nullptr || quota_ <= 0 || !is_stored(entry->serial);
    Outgoing* const entry_0 = unsent_0_.first();
    const bool first = !waits && (entry_0 == nullptr || at_or_before(entry->serial, entry_0->serial));
    if (!first) entry = entry_0;
    if (entry == nullptr) return;
    OutgoingList& list = first ? unsent_ : unsent_0_;
    const bool expired = entry->expires != 0 && now_.wall / 1000 >= entry->expires;
    const Error error = expired ? Error::message_expired : check_publish(head_of(*entry));
    if (error != Error::none) {
      drop(list, entry, error);
      continue;
    }
    send_publish(*entry);
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
