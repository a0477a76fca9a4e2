// What comes from the server: framing, and what each packet does.
#include "session.hpp"
#include "topic.hpp"

namespace tarta {
namespace {

// A PUBLISH larger than this is not gathered here: its payload stays with the host, piece by piece.
constexpr std::uint32_t largest_gathered = 64 * 1024;

enum MessageFlags : unsigned { with_identifier = 16, with_properties = 32, goes_on = 64, by_identifier = 128 };

// Refusals that another attempt cannot mend (5.0 §3.2.2.2, 3.1.1 §3.2.2.3).
bool connack_is_final(std::uint8_t reason, Version version) {
  if (version != Version::v5) return reason != 3;  // server unavailable
  switch (Reason{reason}) {
    case Reason::unspecified_error:
    case Reason::implementation_specific_error:
    case Reason::server_unavailable:
    case Reason::server_busy:
    case Reason::quota_exceeded:
    case Reason::use_another_server:
    case Reason::server_moved:  // the host may go there
    case Reason::connection_rate_exceeded:
      return false;
    default:
      return true;
  }
}

// A DISCONNECT after which another attempt would do harm, or fail the same way (5.0 §3.14.2.1).
bool disconnect_is_final(std::uint8_t reason) {
  switch (Reason{reason}) {
    case Reason::malformed_packet:
    case Reason::protocol_error:
    case Reason::not_authorized:
    case Reason::bad_authentication_method:
    case Reason::session_taken_over:
    case Reason::topic_filter_invalid:
    case Reason::topic_name_invalid:
    case Reason::packet_too_large:
    case Reason::administrative_action:
      return true;
    default:
      return false;
  }
}

}  // namespace

// --- framing ---------------------------------------------------------------------------------------------------------

std::uint8_t* Session::receive_area(std::uint32_t size) {
  // Not before: records of the last receive() point to what lies there.
  if (tail_at_ > 0) std::memmove(input_.data(), input_.data() + tail_at_, tail_);
  tail_at_ = 0;
  input_.truncate(tail_);
  std::uint8_t* const area = input_.extend(size);
  room_ = area != nullptr ? size : 0;
  return area;
}

void Session::receive(std::uint32_t available, std::uint32_t total) {
  records_.clear();
  if (room_ == 0) receive_area(0);
  available = available < room_ ? available : room_;  // nothing is read that was not put there
  room_ = 0;
  consumed_ = 0;
  origin_ = tail_;
  filled_ = tail_ + available;
  position_ = 0;
  message_end_ = std::uint64_t{tail_} + (total > available ? total : available);
  heard_ = heard_ || total > 0;
  received_ = true;
  decode_input();
}

void Session::more() {
  records_.clear();
  if (has_more_) decode_input();
}

void Session::skipped(std::uint32_t count) {
  received_ = true;
  skip_ = count < skip_ ? skip_ - count : 0;
}

void Session::decode_input() {
  has_more_ = false;
  while (decode_next()) {
    if (!records_.full()) continue;
    has_more_ = true;
    return;
  }
  finish_input();
  check_memory();
}

// One packet. False: what is left is not a whole one, or nobody is interested any more.
bool Session::decode_next() {
  if (!open() || disconnecting_ || position_ >= filled_) return false;
  const Bytes rest{input_.data() + position_, filled_ - position_};
  FixedHeader header;
  const Fault fault =
      decode_header(rest, version_, Sender::server, in_force_[NumberOption::maximum_packet_size], header);
  if (fault != Fault::none) return violate(fault), false;
  if (header.header_size == 0) return false;
  if (header.size() > rest.size()) return decode_large(header, rest, message_end_ - position_);
  position_ += header.size();
  handle(header, rest.subspan(header.header_size, header.remaining));
  return true;
}

// A PUBLISH of which only the head is here, because the host holds the payload back or because it is too large to be
// gathered. False: its packet is to be gathered after all, or its payload goes beyond this message.
bool Session::decode_large(const FixedHeader& header, Bytes rest, std::uint64_t rest_in_message) {
  const bool ends_here = header.size() <= rest_in_message;
  if (header.type != PacketType::publish || !(ends_here || header.size() > largest_gathered)) return false;
  const Bytes body = rest.subspan(header.header_size);
  const std::uint32_t head = publish_head_size(body, header, version_);
  if (head == 0) return false;
  if (ends_here) {
    position_ += header.size();
  } else {
    skip_ = header.size() - static_cast<std::uint32_t>(rest_in_message);
    position_ = static_cast<std::uint32_t>(message_end_);
  }
  if (const Fault fault = check_phase(PacketType::publish); fault != Fault::none) return violate(fault), false;
  receive_publish(header, body.first(head), header.remaining - head, !ends_here);
  return ends_here;
}

// Keeps the unfinished packet, if there is one, for the next receive().
void Session::finish_input() {
  if (!open() || position_ >= filled_) {
    tail_ = 0;
    consumed_ = (position_ > filled_ ? position_ : filled_) - origin_;
    return;
  }
  consumed_ = filled_ - origin_;
  tail_ = filled_ - position_;
  tail_at_ = position_;
}

Place Session::place(Bytes bytes) const {
  if (bytes.empty()) return {};
  return {static_cast<std::uint32_t>(bytes.data() - (input_.data() + origin_)),
          static_cast<std::uint32_t>(bytes.size())};
}

// --- packets ---------------------------------------------------------------------------------------------------------

// What may come when (5.0 §3.2):
//
//              opening            connecting         online
//   CONNACK    connack_expected   none               connack_repeated
//   AUTH       connack_expected   none               none
//   others     connack_expected   connack_expected   none
Fault Session::check_phase(PacketType type) const {
  if (online()) return type == PacketType::connack ? Fault::connack_repeated : Fault::none;
  const bool answers_connect = type == PacketType::connack || type == PacketType::auth;
  return phase_ == Phase::connecting && answers_connect ? Fault::none : Fault::connack_expected;
}

void Session::handle(const FixedHeader& header, Bytes body) {
  if (const Fault fault = check_phase(header.type); fault != Fault::none) return violate(fault);
  switch (header.type) {
    case PacketType::publish:
      return receive_publish(header, body, 0, false);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return receive_acknowledgement(header, body);
    case PacketType::connack:
      return receive_connack(body);
    case PacketType::suback:
    case PacketType::unsuback:
      return receive_codes(header, body);
    case PacketType::disconnect:
      return receive_disconnect(header, body);
    case PacketType::auth:
      return receive_auth(header, body);
    default:  // PINGRESP; decode_header() has refused the rest
      if (const Fault fault = decode_empty(body); fault != Fault::none) return violate(fault);
      ping_outstanding_ = false;
  }
}

void Session::receive_connack(Bytes body) {
  // A server answers a version it does not know in the shape of its own (3.1.1 §3.1.2.2, 5.0 §3.1.2.2).
  constexpr std::uint8_t unacceptable_version = 1;
  constexpr auto unsupported_version = static_cast<std::uint8_t>(Reason::unsupported_protocol_version);
  const bool is_5 = version_ == Version::v5;
  const bool other_shape = is_5 ? body.size() == 2 : body.size() > 2;
  Connack packet;
  if (other_shape && body[0] == 0 && body[1] == (is_5 ? unacceptable_version : unsupported_version)) {
    packet.reason = unsupported_version;
  } else if (const Fault fault = decode(body, version_, packet); fault != Fault::none) {
    return violate(fault);
  }
  if (packet.reason == 0) {
    Fault fault = is_5 ? check_method(packet.properties) : Fault::none;
    if (packet.properties.has(Property::response_information) && !response_information_) {
      fault = Fault::response_information;
    }
    return fault == Fault::none ? connected(packet) : violate(fault);
  }
  const bool version_refused = packet.reason == unacceptable_version || packet.reason == unsupported_version;
  unsigned flags = connack_is_final(packet.reason, version_) ? closed_final : 0U;
  if (version_refused) flags = change_version();
  if (flags == closed_final) take_back_client();
  end(Error::connack_refused, packet.reason, Fault::none, flags, place(packet.properties));
}

// --- PUBLISH

void Session::receive_publish(const FixedHeader& header, Bytes body, std::uint32_t payload_beyond, bool large) {
  Publish packet;
  Fault fault = decode(body, header, version_, Sender::server, packet);
  if (fault != Fault::none) return violate(fault);
  const std::uint32_t topic = find_topic(packet, fault);
  if (fault != Fault::none) return violate(fault);
  if (topic == Interner::none) return end(Error::out_of_memory, 0, Fault::none, 0);

  std::uint32_t serial = 0;
  skipping_arrival_ = false;
  if (packet.qos > 0) {
    // What comes under an identifier that is held from an earlier connection is a new message of a server that has lost
    // its session, if it comes at QoS 1 (the CONNACK that told it was lost), or in 3.1, which never tells, without DUP.
    const bool anew = packet.qos == 1 || (!packet.dup && version_ == Version::v3_1);
    if (anew && inbound_.forget_earlier(packet.id)) forget(Kept::inbound, packet.id);
    // Before 5.0 the server is not told of a limit.
    const std::uint32_t most = version_ == Version::v5 ? in_force_[NumberOption::receive_maximum] : 65'535;
    switch (inbound_.arrive(packet.id, packet.qos, packet.dup, most, serial)) {
      case Inbound::Arriving::deliver:
        break;
      case Inbound::Arriving::drop:
        return;
      case Inbound::Arriving::acknowledge:
        return answer(PacketType::pubrec, packet.id, 0, serial_);
      case Inbound::Arriving::qos_changed:
        return violate(Fault::qos_changed);
      case Inbound::Arriving::too_many:
        return violate(Fault::receive_maximum);
      case Inbound::Arriving::no_memory:
        return end(Error::out_of_memory, 0, Fault::none, 0);
    }
    skipping_arrival_ = large;
  }
  if (topics_in_.matched(topic) != subscriptions_.router().generation()) route(topic);
  const auto payload = static_cast<std::uint32_t>(packet.payload.size()) + payload_beyond;
  add_message(header, packet, topic, payload, serial, large);
}

// The number of the packet's topic, by name or by alias; a new name is told to the host. None without memory.
std::uint32_t Session::find_topic(const Publish& packet, Fault& fault) {
  const std::uint32_t alias = packet.properties.number(Property::topic_alias, 0);
  if (alias > in_force_[NumberOption::topic_alias_maximum]) return fault = Fault::topic_alias_too_large, Interner::none;
  if (packet.topic.empty()) {
    const std::uint32_t topic = aliases_in_.find(alias);
    if (topic == InboundAliases::none) fault = Fault::topic_alias_unknown;
    return topic;
  }
  std::uint32_t topic = topics_in_.find(packet.topic);
  if (topic == Interner::none) {
    fault = check_topic_name(packet.topic);
    if (fault != Fault::none) return Interner::none;
    topic = topics_in_.add(packet.topic);
    if (topic == Interner::none) return topic;
    const Place name = place(packet.topic);
    records_.add(Event::topic, 0, topic, name.offset, name.length);
  }
  if (alias != 0 && !aliases_in_.set(alias, topic, topics_in_)) return Interner::none;
  return topic;
}

void Session::route(std::uint32_t topic) {
  Router& router = subscriptions_.router();
  router.match(as_text(topics_in_.name(topic)), matches_);
  // Overlapping subscriptions may come as one message each (5.0 §3.3.4). Identifiers tell which one it is for, where
  // the server has one for each of them.
  bool told_apart = matches_.size() > 1;
  for (const std::uint32_t filter : matches_) told_apart = told_apart && !subscriptions_.nameless(filter);
  topics_in_.set_matched(topic, router.generation(), told_apart);
  records_.begin(Event::match);
  records_.push(topic);
  for (const std::uint32_t filter : matches_) records_.push(filter);
  records_.end();
}

void Session::add_message(const FixedHeader& header, const Publish& packet, std::uint32_t topic, std::uint32_t length,
                          std::uint32_t serial, bool large) {
  // An empty payload has a place too: where it would begin.
  const auto offset = static_cast<std::uint32_t>(packet.payload.data() - (input_.data() + origin_));
  const bool chosen = packet.properties.has(Property::subscription_identifier) && topics_in_.told_apart(topic);
  const unsigned flags = header.flags | (large ? goes_on : 0U) | (chosen ? by_identifier : 0U);
  const Place properties = place(packet.properties);
  const bool bears = properties.length > 0;
  if (packet.qos == 0 && !bears) return records_.add_message(flags, topic, offset, length);
  if (!bears) return records_.add_message(flags | with_identifier, topic, offset, length, packet.id, serial);
  if (packet.qos == 0) {
    return records_.add_message(flags | with_properties, topic, offset, length, properties.offset, properties.length);
  }
  records_.add_message(flags | with_identifier | with_properties, topic, offset, length, packet.id, serial,
                       properties.offset, properties.length);
}

// --- acknowledgements

void Session::receive_acknowledgement(const FixedHeader& header, Bytes body) {
  Acknowledgement packet;
  Fault fault = decode(body, header, version_, packet);
  if (fault == Fault::none) fault = check_problem_information(packet.properties);
  if (fault != Fault::none) return violate(fault);
  if (packet.type == PacketType::pubrel) return receive_pubrel(packet);
  Outgoing* const entry = ids_.find(packet.id);
  if (entry == nullptr || !entry->sent) {
    // 5.0 §3.6.2.1: a PUBREC for what we do not know is told so; other acknowledgements have no answer.
    const auto unknown = static_cast<std::uint8_t>(Reason::packet_identifier_not_found);
    const bool answered = packet.type == PacketType::pubrec && !is_refusal(packet.reason);
    if (answered) answer(PacketType::pubrel, packet.id, unknown, serial_);
    return;
  }
  switch (effect_of(entry->stage, packet.type, packet.reason)) {
    case Effect::wrong:
      return violate(Fault::acknowledgement_kind);
    case Effect::complete:
      if (entry->charged) ++quota_;  // 5.0 §4.9
      return complete(entry, packet.reason, place(packet.properties));
    case Effect::release:
      if (entry->operation != 0 && (packet.reason != 0 || !packet.properties.empty())) {
        const Place properties = place(packet.properties);
        records_.add(Event::received, 0, entry->operation, packet.reason, properties.offset, properties.length);
      }
      if (entry->abandoned) take_up(entry);
      entry->stage = Stage::pubcomp;
      entry->serial = keep(Kept::released, entry->id);
      [[fallthrough]];
    case Effect::repeat:
      return answer(PacketType::pubrel, packet.id, 0, entry->serial);
  }
}

void Session::receive_pubrel(const Acknowledgement& packet) {
  if (inbound_.waiting(packet.id)) return violate(Fault::acknowledgement_kind);
  const bool held = inbound_.held(packet.id);
  inbound_.release(packet.id);
  if (!held) {
    const auto unknown = static_cast<std::uint8_t>(Reason::packet_identifier_not_found);
    return answer(PacketType::pubcomp, packet.id, unknown, serial_);
  }
  // The release is kept before PUBCOMP goes out: the server may use the identifier for another message from then on.
  answer(PacketType::pubcomp, packet.id, 0, forget(Kept::inbound, packet.id));
}

// --- DISCONNECT and AUTH

void Session::receive_disconnect(const FixedHeader& header, Bytes body) {
  Notice packet;
  if (const Fault fault = decode(body, header, version_, Sender::server, packet); fault != Fault::none) {
    return violate(fault);
  }
  const unsigned flags = disconnect_is_final(packet.reason) ? closed_final : 0U;
  end(Error::server_disconnected, packet.reason, Fault::none, flags, place(packet.properties));
}

// 5.0 §4.12: all packets of an exchange name the method of CONNECT, which AUTH and CONNACK may not leave out.
Fault Session::check_method(const Properties& properties) const {
  const bool named = properties.has(Property::authentication_method);
  const bool same =
      named == has_method_ && (!named || properties.text(Property::authentication_method) == as_text(method_));
  return same ? Fault::none : Fault::authentication_method_changed;
}

// 5.0 §3.1.2.11.7: a client that asked for none gets none but in PUBLISH, CONNACK and DISCONNECT.
Fault Session::check_problem_information(const Properties& properties) const {
  const bool given = properties.has(Property::reason_string) || properties.has(Property::user_property);
  return given && !problem_information_ ? Fault::problem_information : Fault::none;
}

void Session::receive_auth(const FixedHeader& header, Bytes body) {
  Notice packet;
  Fault fault = decode(body, header, version_, Sender::server, packet);
  // The server goes on with the exchange that CONNECT began, which CONNACK ends, or with one that we have begun since.
  const bool goes_on = phase_ == Phase::connecting ? has_method_ && packet.reason != 0 : authenticating_;
  if (fault == Fault::none && !goes_on) fault = Fault::authentication_unexpected;
  if (fault == Fault::none) fault = check_method(packet.properties);
  if (fault == Fault::none) fault = check_problem_information(packet.properties);
  if (fault != Fault::none) return violate(fault);
  const Place properties = place(packet.properties);
  if (packet.reason == 0) authenticating_ = false;
  auth_unanswered_ = packet.reason != 0;
  records_.add(Event::auth, 0, packet.reason, properties.offset, properties.length);
}

}  // namespace tarta
