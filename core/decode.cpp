#include "decode.hpp"

#include <array>

#include "topic.hpp"

namespace tarta {
namespace {

using namespace packet_set;

constexpr unsigned any_flags = 0x10;  // of PUBLISH, which uses them all

// The four flags that the fixed header of each packet must have (5.0 §2.1.3), and who may send it.
struct TypeRule {
  std::uint8_t flags;
  bool from_client;
  bool from_server;
};
constexpr std::array<TypeRule, 16> type_rules{{
    {0, false, false},        // reserved
    {0, true, false},         // CONNECT
    {0, false, true},         // CONNACK
    {any_flags, true, true},  // PUBLISH
    {0, true, true},          // PUBACK
    {0, true, true},          // PUBREC
    {2, true, true},          // PUBREL
    {0, true, true},          // PUBCOMP
    {2, true, false},         // SUBSCRIBE
    {0, false, true},         // SUBACK
    {2, true, false},         // UNSUBSCRIBE
    {0, false, true},         // UNSUBACK
    {0, true, false},         // PINGREQ
    {0, false, true},         // PINGRESP
    {0, true, true},          // DISCONNECT
    {0, true, true},          // AUTH
}};

// What the first byte of a packet tells.
Fault check_type(PacketType type, std::uint8_t flags, Version version, Sender sender) {
  const bool known = type != PacketType::reserved && (type != PacketType::auth || version == Version::v5);
  if (!known) return Fault::packet_type_reserved;
  const TypeRule& rule = type_rules[static_cast<std::size_t>(type)];
  const bool server_disconnect = type == PacketType::disconnect && sender == Sender::server;
  const bool allowed = sender == Sender::client ? rule.from_client : rule.from_server;
  if (!allowed || (server_disconnect && version != Version::v5)) return Fault::wrong_direction;
  if (rule.flags == any_flags) {
    if ((flags & 6U) == 6) return Fault::publish_qos;
    if ((flags & 14U) == 8 && version != Version::v3_1) return Fault::publish_dup;  // 5.0 §3.3.1.1
    return Fault::none;
  }
  // 3.1 uses none of them but the QoS of PUBREL, SUBSCRIBE and UNSUBSCRIBE, whose repetitions have DUP (3.1 §3).
  const unsigned used = version != Version::v3_1 ? 15U : rule.flags == 2 ? 6U : 0U;
  return (flags & used) == rule.flags ? Fault::none : Fault::flags_reserved;
}

Fault finish(const Reader& reader) {
  if (reader.fault() != Fault::none) return reader.fault();
  return reader.at_end() ? Fault::none : Fault::trailing_bytes;
}

void read_properties(Reader& reader, Version version, std::uint32_t where, Properties& properties) {
  if (version == Version::v5) properties.read(reader, where);
}

// --- CONNECT (5.0 §3.1, 3.1.1 §3.1) ------------------------------------------------------------------------------

enum ConnectFlags : unsigned {
  reserved_flag = 1,
  clean_start_flag = 2,
  will_flag = 4,
  will_qos_shift = 3,
  will_retain_flag = 32,
  password_flag = 64,
  username_flag = 128,
};

void read_protocol(Reader& reader, Connect& packet) {
  const std::string_view name = reader.text();
  const std::uint8_t level = reader.byte();
  if (reader.fault() != Fault::none) return;
  if (name == "MQIsdp") {
    if (level != 3) return reader.fail(Fault::connect_protocol_version);
  } else if (name == "MQTT") {
    if (level != 4 && level != 5) return reader.fail(Fault::connect_protocol_version);
  } else {
    return reader.fail(Fault::connect_protocol_name);
  }
  packet.version = static_cast<Version>(level);
}

void read_connect_flags(Reader& reader, Connect& packet) {
  const unsigned flags = reader.byte();
  packet.clean_start = flags & clean_start_flag;
  packet.has_will = flags & will_flag;
  packet.will.qos = flags >> will_qos_shift & 3U;
  packet.will.retain = flags & will_retain_flag;
  packet.has_password = flags & password_flag;
  packet.has_username = flags & username_flag;
  // 3.1 does not use the reserved bit, and disregards those of a will that is not there.
  const bool strict = packet.version != Version::v3_1;
  const bool reserved = strict && (flags & reserved_flag) != 0;
  const bool will_without_flag = strict && !packet.has_will && (packet.will.qos != 0 || packet.will.retain);
  // 5.0 §3.1.2.9 allows a password alone; 3.1.1 does not [MQTT-3.1.2-22].
  const bool password_alone = packet.version != Version::v5 && packet.has_password && !packet.has_username;
  if (reserved || will_without_flag || (packet.has_will && packet.will.qos == 3) || password_alone)
    reader.fail(Fault::connect_flags);
}

void read_client_id(Reader& reader, Connect& packet) {
  packet.client_id = reader.text();
  if (reader.fault() != Fault::none) return;
  const std::size_t size = packet.client_id.size();
  const bool refused_3_1 = packet.version == Version::v3_1 && (size == 0 || size > 23);              // 3.1 §3.1
  const bool refused_3_1_1 = packet.version == Version::v3_1_1 && size == 0 && !packet.clean_start;  // [MQTT-3.1.3-8]
  if (refused_3_1 || refused_3_1_1) reader.fail(Fault::connect_client_identifier);
}

void read_will(Reader& reader, Version version, Will& will) {
  read_properties(reader, version, WILL, will.properties);
  will.topic = reader.text();
  will.payload = reader.data();
  if (reader.fault() != Fault::none) return;
  if (will.topic.empty()) return reader.fail(Fault::topic_name_empty);
  Fault fault = check_topic_name(as_bytes(will.topic));
  if (fault == Fault::none) fault = check_response_topic(will.properties);
  if (fault != Fault::none) reader.fail(fault);
}

// --- reason codes ------------------------------------------------------------------------------------------------

// 3.1.1 §3.2.2.3 and §3.9.3: the return codes of CONNACK and SUBACK.
bool return_code_allowed(std::uint8_t code, PacketType packet) {
  return packet == PacketType::connack ? code <= 5 : code <= 2 || code == 0x80;
}

bool code_allowed(std::uint8_t code, PacketType packet, Version version) {
  return version == Version::v5 ? reason_allowed(code, packet) : return_code_allowed(code, packet);
}

Fault check_subscription(const FilterItem& item, Version version) {
  if (!valid_filter(item.filter, version == Version::v5)) return Fault::filter_invalid;
  if (version == Version::v5 && options::reserved(item.options)) return Fault::subscription_options_reserved;
  if (version == Version::v3_1_1 && item.options > 3) return Fault::subscription_options_reserved;
  if (options::qos(item.options) == 3) return Fault::subscription_options;
  if (version != Version::v5) return Fault::none;
  if (options::retain_handling(item.options) == 3) return Fault::subscription_options;
  if (options::no_local(item.options) && is_shared(item.filter)) return Fault::shared_no_local;
  return Fault::none;
}

}  // namespace

bool notice_code_allowed(std::uint8_t code, PacketType packet, Sender sender) {
  if (!reason_allowed(code, packet)) return false;
  if (packet == PacketType::auth) {
    const Reason reason{code};
    if (reason == Reason::success) return sender == Sender::server;
    return reason == Reason::continue_authentication || sender == Sender::client;
  }
  if (sender == Sender::server) return Reason{code} != Reason::disconnect_with_will_message;
  switch (Reason{code}) {
    case Reason::success:
    case Reason::disconnect_with_will_message:
    case Reason::unspecified_error:
    case Reason::malformed_packet:
    case Reason::protocol_error:
    case Reason::implementation_specific_error:
    case Reason::topic_name_invalid:
    case Reason::receive_maximum_exceeded:
    case Reason::topic_alias_invalid:
    case Reason::packet_too_large:
    case Reason::message_rate_too_high:
    case Reason::quota_exceeded:
    case Reason::administrative_action:
    case Reason::payload_format_invalid:
      return true;
    default:
      return false;
  }
}

Fault check_response_topic(const Properties& properties) {
  if (!properties.has(Property::response_topic)) return Fault::none;
  const Bytes topic = properties.bytes(Property::response_topic);
  if (topic.empty()) return Fault::response_topic_empty;
  return check_topic_name(topic) == Fault::none ? Fault::none : Fault::response_topic_wildcard;
}

Fault decode_header(Bytes bytes, Version version, Sender sender, std::uint32_t maximum_packet_size,
                    FixedHeader& header) {
  header = {};
  if (bytes.empty()) return Fault::none;
  const auto type = static_cast<PacketType>(bytes[0] >> 4U);
  const std::uint8_t flags = bytes[0] & 15U;
  if (const Fault fault = check_type(type, flags, version, sender); fault != Fault::none) return fault;
  Reader reader{bytes.subspan(1)};
  const std::uint32_t remaining = reader.variable();
  if (reader.fault() == Fault::truncated) return Fault::none;
  if (reader.fault() != Fault::none) return reader.fault();
  header = {type, flags, 1 + variable_size(remaining), remaining};
  return header.size() > maximum_packet_size ? Fault::packet_too_large : Fault::none;
}

Fault decode(Bytes body, Connect& packet) {
  Reader reader{body};
  read_protocol(reader, packet);
  if (reader.fault() != Fault::none) return reader.fault();
  read_connect_flags(reader, packet);
  packet.keepalive = reader.two_byte();
  read_properties(reader, packet.version, CONNECT, packet.properties);
  read_client_id(reader, packet);
  if (reader.fault() == Fault::none && packet.has_will) read_will(reader, packet.version, packet.will);
  // In 3.1 the remaining length wins over the flags of user name and password.
  const auto left_off = [&] { return packet.version == Version::v3_1 && reader.at_end(); };
  packet.has_username = packet.has_username && !left_off();
  if (packet.has_username) packet.username = reader.text();
  packet.has_password = packet.has_password && !left_off();
  if (packet.has_password) packet.password = reader.data();
  // 5.0 §3.1.2.11.10: no Authentication Data without an Authentication Method.
  const bool data_alone =
      packet.properties.has(Property::authentication_data) && !packet.properties.has(Property::authentication_method);
  if (data_alone) reader.fail(Fault::authentication_data_alone);
  return finish(reader);
}

Fault decode(Bytes body, Version version, Connack& packet) {
  Reader reader{body};
  const std::uint8_t flags = reader.byte();
  packet.reason = reader.byte();
  if (reader.fault() != Fault::none) return reader.fault();
  if (version != Version::v3_1) {  // 3.1 §3.2 leaves the first byte unused
    if (flags > 1) return Fault::connack_flags;
    packet.session_present = flags == 1;
  }
  if (!code_allowed(packet.reason, PacketType::connack, version)) return Fault::reason_code;
  if (packet.session_present && packet.reason != 0) return Fault::connack_session_present;
  read_properties(reader, version, CONNACK, packet.properties);
  return finish(reader);
}

Fault decode(Bytes body, const FixedHeader& header, Version version, Sender sender, Publish& packet) {
  packet.retain = header.flags & 1U;
  packet.qos = header.flags >> 1U & 3U;
  packet.dup = header.flags & 8U;
  Reader reader{body};
  packet.topic = reader.data();
  packet.id = packet.qos > 0 ? reader.packet_identifier() : std::uint16_t{0};
  read_properties(reader, version, PUBLISH, packet.properties);
  packet.payload = reader.rest();
  if (reader.fault() != Fault::none) return reader.fault();
  if (packet.topic.empty() && !packet.properties.has(Property::topic_alias)) return Fault::topic_name_empty;
  // 5.0 §3.3.4: only the server puts Subscription Identifiers into a PUBLISH.
  if (sender == Sender::client && packet.properties.has(Property::subscription_identifier)) {
    return Fault::subscription_identifier_from_client;
  }
  return check_response_topic(packet.properties);
}

Fault decode(Bytes body, const FixedHeader& header, Version version, Acknowledgement& packet) {
  packet.type = header.type;
  Reader reader{body};
  packet.id = reader.packet_identifier();
  // 5.0 §3.4.2.1: the reason code and the properties may be left off.
  if (version == Version::v5 && !reader.at_end()) {
    packet.reason = reader.byte();
    if (!reason_allowed(packet.reason, packet.type)) return Fault::reason_code;
    if (!reader.at_end()) packet.properties.read(reader, bit(packet.type));
  }
  return finish(reader);
}

FilterItem next_filter(Bytes& filters, PacketType type) {
  Reader reader{filters};
  FilterItem item;
  item.filter = reader.text();
  if (type == PacketType::subscribe) item.options = reader.byte();
  filters = reader.rest();
  return item;
}

Fault decode(Bytes body, const FixedHeader& header, Version version, FilterList& packet) {
  packet.type = header.type;
  Reader reader{body};
  packet.id = reader.packet_identifier();
  read_properties(reader, version, bit(packet.type), packet.properties);
  packet.filters = {reader.position(), reader.left()};
  if (reader.fault() != Fault::none) return reader.fault();
  if (packet.filters.empty()) return Fault::filters_missing;
  while (!reader.at_end()) {
    FilterItem item;
    item.filter = reader.text();
    if (packet.type == PacketType::subscribe) item.options = reader.byte();
    if (reader.fault() != Fault::none) return reader.fault();
    if (const Fault fault = check_subscription(item, version); fault != Fault::none) return fault;
  }
  return Fault::none;
}

Fault decode(Bytes body, const FixedHeader& header, Version version, CodeList& packet) {
  packet.type = header.type;
  Reader reader{body};
  packet.id = reader.packet_identifier();
  read_properties(reader, version, bit(packet.type), packet.properties);
  if (packet.type == PacketType::unsuback && version != Version::v5) return finish(reader);
  packet.codes = reader.rest();
  if (reader.fault() != Fault::none) return reader.fault();
  if (packet.codes.empty()) return Fault::codes_missing;
  for (const std::uint8_t code : packet.codes) {
    if (!code_allowed(code, packet.type, version)) return Fault::reason_code;
  }
  return Fault::none;
}

Fault decode(Bytes body, const FixedHeader& header, Version version, Sender sender, Notice& packet) {
  packet.type = header.type;
  Reader reader{body};
  if (version != Version::v5 || reader.at_end()) return finish(reader);  // 5.0 §3.14.2.1: nothing means 0x00
  packet.reason = reader.byte();
  if (!notice_code_allowed(packet.reason, packet.type, sender)) return Fault::reason_code;
  // AUTH has its properties left off only with its reason code (5.0 §3.15.2.1).
  if (packet.type == PacketType::auth || !reader.at_end()) packet.properties.read(reader, bit(packet.type));
  if (const Fault fault = finish(reader); fault != Fault::none) return fault;
  if (packet.type == PacketType::auth) {
    return packet.properties.has(Property::authentication_method) ? Fault::none : Fault::authentication_method_missing;
  }
  const bool expiry = packet.properties.has(Property::session_expiry_interval);
  return expiry && sender == Sender::server ? Fault::session_expiry_from_server : Fault::none;  // 5.0 §3.14.2.2.2
}

Fault decode_empty(Bytes body) { return body.empty() ? Fault::none : Fault::trailing_bytes; }

std::uint32_t publish_head_size(Bytes body, const FixedHeader& header, Version version) {
  Reader reader{body};
  reader.data();
  if ((header.flags & 6U) != 0) reader.two_byte();
  if (version == Version::v5) reader.bytes(reader.variable());
  if (reader.fault() == Fault::none) return static_cast<std::uint32_t>(reader.position() - body.data());
  // A length that is wrong, or that points past the packet, will never be complete: the decoder shall say so.
  return reader.fault() == Fault::truncated ? 0 : static_cast<std::uint32_t>(body.size());
}

}  // namespace tarta
