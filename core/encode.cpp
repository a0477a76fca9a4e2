#include "encode.hpp"

namespace tarta {
namespace {

std::uint32_t size32(std::size_t size) { return static_cast<std::uint32_t>(size); }

std::uint32_t with_header(std::uint32_t remaining) { return 1 + variable_size(remaining) + remaining; }

void write_header(Writer& writer, PacketType type, unsigned flags, std::uint32_t remaining) {
  writer.byte(static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags));
  writer.variable(remaining);
}

// PUBREL, SUBSCRIBE and UNSUBSCRIBE have the flags 0010 (5.0 §2.1.3).
unsigned fixed_flags(PacketType type) {
  return type == PacketType::pubrel || type == PacketType::subscribe || type == PacketType::unsubscribe ? 2 : 0;
}

std::uint32_t properties_size(Bytes raw, Version version) {
  return version == Version::v5 ? variable_size(size32(raw.size())) + size32(raw.size()) : 0;
}
std::uint32_t properties_size(const Properties& properties, Version version) {
  return properties_size(properties.raw(), version);
}

void write_properties(Writer& writer, const Properties& properties, Version version) {
  if (version != Version::v5) return;
  writer.variable(size32(properties.raw().size()));
  writer.bytes(properties.raw());
}

std::uint32_t data_size(std::size_t size) { return 2 + size32(size); }

std::string_view protocol_name(Version version) { return version == Version::v3_1 ? "MQIsdp" : "MQTT"; }

std::uint32_t remaining(const Connect& packet) {
  std::uint32_t size = data_size(protocol_name(packet.version).size()) + 4;
  size += properties_size(packet.properties, packet.version) + data_size(packet.client_id.size());
  if (packet.has_will) {
    size += properties_size(packet.will.properties, packet.version);
    size += data_size(packet.will.topic.size()) + data_size(packet.will.payload.size());
  }
  if (packet.has_username) size += data_size(packet.username.size());
  if (packet.has_password) size += data_size(packet.password.size());
  return size;
}

std::uint32_t remaining(const Connack& packet, Version version) {
  return 2 + properties_size(packet.properties, version);
}

std::uint32_t remaining(const Publish& packet, Version version) {
  return data_size(packet.topic.size()) + (packet.qos > 0 ? 2 : 0) + properties_size(packet.properties, version) +
         size32(packet.payload.size());
}

// What follows of a reason code and properties: nothing, the code, or both (5.0 §3.4.2.1, §3.14.2.1).
std::uint32_t answer_size(std::uint8_t reason, const Properties& properties, Version version) {
  if (version != Version::v5) return 0;
  if (!properties.empty()) return 1 + properties_size(properties, version);
  return reason == 0 ? 0 : 1;
}

void write_answer(Writer& writer, std::uint8_t reason, const Properties& properties, Version version) {
  const std::uint32_t size = answer_size(reason, properties, version);
  if (size > 0) writer.byte(reason);
  if (size > 1) write_properties(writer, properties, version);
}

std::uint32_t remaining(const Acknowledgement& packet, Version version) {
  return 2 + answer_size(packet.reason, packet.properties, version);
}

std::uint32_t remaining(const FilterList& packet, Version version) {
  return 2 + properties_size(packet.properties, version) + size32(packet.filters.size());
}

std::uint32_t remaining(const CodeList& packet, Version version) {
  return 2 + properties_size(packet.properties, version) + size32(packet.codes.size());
}

std::uint32_t remaining(const Notice& packet, Version version) {
  return answer_size(packet.reason, packet.properties, version);
}

std::uint32_t own_properties_size(const PublishHead& head) {
  std::uint32_t size = size32(head.properties.size());
  if (head.expires) size += property_size(Property::message_expiry_interval, head.expiry);
  if (head.alias != 0) size += property_size(Property::topic_alias, head.alias);
  return size;
}

std::uint32_t remaining(const PublishHead& head, Version version) {
  std::uint32_t size = data_size(head.topic.size()) + (head.id != 0 ? 2 : 0) + head.payload_size;
  if (version == Version::v5) {
    const std::uint32_t properties = own_properties_size(head);
    size += variable_size(properties) + properties;
  }
  return size;
}

}  // namespace

std::uint32_t encoded_size(const Connect& packet) { return with_header(remaining(packet)); }
std::uint32_t encoded_size(const Connack& packet, Version version) { return with_header(remaining(packet, version)); }
std::uint32_t encoded_size(const Publish& packet, Version version) { return with_header(remaining(packet, version)); }
std::uint32_t encoded_size(const Acknowledgement& packet, Version version) {
  return with_header(remaining(packet, version));
}
std::uint32_t encoded_size(const FilterList& packet, Version version) {
  return with_header(remaining(packet, version));
}
std::uint32_t encoded_size(const CodeList& packet, Version version) { return with_header(remaining(packet, version)); }
std::uint32_t encoded_size(const Notice& packet, Version version) { return with_header(remaining(packet, version)); }
std::uint32_t encoded_size(const PublishHead& head, Version version) { return with_header(remaining(head, version)); }

void encode(Writer& writer, const Connect& packet) {
  write_header(writer, PacketType::connect, 0, remaining(packet));
  writer.text(protocol_name(packet.version));
  writer.byte(static_cast<std::uint8_t>(packet.version));
  // 5.0 §3.1.2.3: user name, password, will retain, will QoS, will, clean start, reserved.
  const unsigned will = packet.has_will ? unsigned{packet.will.retain} << 5 | unsigned{packet.will.qos} << 3 | 4U : 0U;
  writer.byte(static_cast<std::uint8_t>(unsigned{packet.has_username} << 7 | unsigned{packet.has_password} << 6 | will |
                                        unsigned{packet.clean_start} << 1));
  writer.two_byte(packet.keepalive);
  write_properties(writer, packet.properties, packet.version);
  writer.text(packet.client_id);
  if (packet.has_will) {
    write_properties(writer, packet.will.properties, packet.version);
    writer.text(packet.will.topic);
    writer.data(packet.will.payload);
  }
  if (packet.has_username) writer.text(packet.username);
  if (packet.has_password) writer.data(packet.password);
}

void encode(Writer& writer, const Connack& packet, Version version) {
  write_header(writer, PacketType::connack, 0, remaining(packet, version));
  writer.byte(packet.session_present);
  writer.byte(packet.reason);
  write_properties(writer, packet.properties, version);
}

void encode(Writer& writer, const Publish& packet, Version version) {
  const unsigned flags = unsigned{packet.dup} << 3 | unsigned{packet.qos} << 1 | unsigned{packet.retain};
  write_header(writer, PacketType::publish, flags, remaining(packet, version));
  writer.data(packet.topic);
  if (packet.qos > 0) writer.two_byte(packet.id);
  write_properties(writer, packet.properties, version);
  writer.bytes(packet.payload);
}

void encode(Writer& writer, const Acknowledgement& packet, Version version) {
  write_header(writer, packet.type, fixed_flags(packet.type), remaining(packet, version));
  writer.two_byte(packet.id);
  write_answer(writer, packet.reason, packet.properties, version);
}

void encode(Writer& writer, const FilterList& packet, Version version) {
  write_header(writer, packet.type, fixed_flags(packet.type), remaining(packet, version));
  writer.two_byte(packet.id);
  write_properties(writer, packet.properties, version);
  writer.bytes(packet.filters);
}

void encode(Writer& writer, const CodeList& packet, Version version) {
  write_header(writer, packet.type, 0, remaining(packet, version));
  writer.two_byte(packet.id);
  write_properties(writer, packet.properties, version);
  writer.bytes(packet.codes);
}

void encode(Writer& writer, const Notice& packet, Version version) {
  write_header(writer, packet.type, 0, remaining(packet, version));
  write_answer(writer, packet.reason, packet.properties, version);
}

void encode_empty(Writer& writer, PacketType type) { write_header(writer, type, 0, 0); }

std::uint32_t filter_size(const FilterItem& item, PacketType type) {
  return data_size(item.filter.size()) + (type == PacketType::subscribe ? 1 : 0);
}

void write_filter(Writer& writer, const FilterItem& item, PacketType type) {
  writer.text(item.filter);
  if (type == PacketType::subscribe) writer.byte(item.options);
}

void encode(Writer& writer, const PublishHead& head, Version version) {
  write_header(writer, PacketType::publish, head.flags, remaining(head, version));
  writer.text(head.topic);
  if (head.id != 0) writer.two_byte(head.id);
  if (version != Version::v5) return;
  writer.variable(own_properties_size(head));
  if (head.expires) write_property(writer, Property::message_expiry_interval, head.expiry);
  if (head.alias != 0) write_property(writer, Property::topic_alias, head.alias);
  writer.bytes(head.properties);
}

}  // namespace tarta
