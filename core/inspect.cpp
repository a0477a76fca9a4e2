#include "inspect.hpp"

#include "topic.hpp"

namespace tarta {
namespace {

class Describer {
 public:
  Describer(const std::uint8_t* origin, Version version, Buffer<std::uint32_t>& words)
      : origin_(origin), v5_(version == Version::v5), words_(words) {}

  void number(Field field, std::uint32_t value) { add(field, value, 0); }
  TARTA_COLD void bytes(Field field, Bytes bytes) {
    const auto offset = bytes.empty() ? 0 : static_cast<std::uint32_t>(bytes.data() - origin_);
    add(field, offset, static_cast<std::uint32_t>(bytes.size()));
  }
  void text(Field field, std::string_view text) { bytes(field, as_bytes(text)); }
  void properties(Field field, const Properties& properties) {
    if (v5_) bytes(field, properties.raw());
  }
  void reason(std::uint8_t reason) {
    if (v5_) number(Field::reason_code, reason);
  }
  bool v5() const { return v5_; }

 private:
  TARTA_COLD void add(Field field, std::uint32_t first, std::uint32_t second) {
    words_.push(static_cast<std::uint32_t>(field));
    words_.push(first);
    words_.push(second);
  }

  const std::uint8_t* origin_;
  bool v5_;
  Buffer<std::uint32_t>& words_;
};

void describe(Describer& to, const Connect& packet) {
  to.number(Field::protocol_version, static_cast<std::uint32_t>(packet.version));
  to.number(Field::clean_start, packet.clean_start);
  to.number(Field::keepalive, packet.keepalive);
  to.properties(Field::properties, packet.properties);
  to.text(Field::client_id, packet.client_id);
  if (packet.has_will) {
    to.number(Field::will_qos, packet.will.qos);
    to.number(Field::will_retain, packet.will.retain);
    to.properties(Field::will_properties, packet.will.properties);
    to.text(Field::will_topic, packet.will.topic);
    to.bytes(Field::will_payload, packet.will.payload);
  }
  if (packet.has_username) to.text(Field::username, packet.username);
  if (packet.has_password) to.bytes(Field::password, packet.password);
}

void describe(Describer& to, Version version, const Connack& packet) {
  if (version != Version::v3_1) to.number(Field::session_present, packet.session_present);
  to.number(Field::reason_code, packet.reason);
  to.properties(Field::properties, packet.properties);
}

void describe(Describer& to, const Publish& packet) {
  to.number(Field::dup, packet.dup);
  to.number(Field::qos, packet.qos);
  to.number(Field::retain, packet.retain);
  to.bytes(Field::topic, packet.topic);
  if (packet.qos > 0) to.number(Field::packet_identifier, packet.id);
  to.properties(Field::properties, packet.properties);
  to.bytes(Field::payload, packet.payload);
}

void describe(Describer& to, const Acknowledgement& packet) {
  to.number(Field::packet_identifier, packet.id);
  to.reason(packet.reason);
  to.properties(Field::properties, packet.properties);
}

void describe(Describer& to, const FilterList& packet) {
  to.number(Field::packet_identifier, packet.id);
  to.properties(Field::properties, packet.properties);
  for (Bytes filters = packet.filters; !filters.empty();) {
    const FilterItem item = next_filter(filters, packet.type);
    to.text(Field::filter, item.filter);
    if (packet.type == PacketType::subscribe) to.number(Field::options, item.options);
  }
}

void describe(Describer& to, const CodeList& packet) {
  to.number(Field::packet_identifier, packet.id);
  to.properties(Field::properties, packet.properties);
  if (packet.type == PacketType::suback || to.v5()) to.bytes(Field::reason_codes, packet.codes);
}

void describe(Describer& to, const Notice& packet) {
  to.reason(packet.reason);
  to.properties(Field::properties, packet.properties);
}

// Decodes with what the packet type asks for, and describes what was found.
template <class Packet, class Decode>
Fault show(Describer& to, Decode decode) {
  Packet packet;
  const Fault fault = decode(packet);
  if (fault == Fault::none) describe(to, packet);
  return fault;
}

Fault inspect_body(Bytes body, const FixedHeader& header, Version version, Sender sender, Describer& to) {
  switch (header.type) {
    case PacketType::connack: {
      Connack packet;
      const Fault fault = decode(body, version, packet);
      if (fault == Fault::none) describe(to, version, packet);
      return fault;
    }
    case PacketType::publish:
      return show<Publish>(to, [&](Publish& packet) {
        const Fault fault = decode(body, header, version, sender, packet);
        return fault == Fault::none ? check_topic_name(packet.topic) : fault;
      });
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return show<Acknowledgement>(to, [&](Acknowledgement& packet) { return decode(body, header, version, packet); });
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      return show<FilterList>(to, [&](FilterList& packet) { return decode(body, header, version, packet); });
    case PacketType::suback:
    case PacketType::unsuback:
      return show<CodeList>(to, [&](CodeList& packet) { return decode(body, header, version, packet); });
    case PacketType::disconnect:
    case PacketType::auth:
      return show<Notice>(to, [&](Notice& packet) { return decode(body, header, version, sender, packet); });
    default:
      return decode_empty(body);
  }
}

}  // namespace

Inspection inspect(Bytes bytes, Version version, Sender sender, std::uint32_t maximum_packet_size,
                   Buffer<std::uint32_t>& words) {
  words.clear();
  FixedHeader header;
  const Fault fault = decode_header(bytes, version, sender, maximum_packet_size, header);
  if (fault != Fault::none) return {0, fault};
  if (header.header_size == 0 || bytes.size() < header.size()) return {};
  const Bytes body = bytes.subspan(header.header_size, header.remaining);
  words.push(static_cast<std::uint32_t>(header.type));
  Inspection result{header.size(), Fault::none};
  if (header.type == PacketType::connect) {
    Connect packet;
    result.fault = decode(body, packet);
    Describer to{bytes.data(), packet.version, words};
    if (result.fault == Fault::none) describe(to, packet);
  } else {
    Describer to{bytes.data(), version, words};
    result.fault = inspect_body(body, header, version, sender, to);
  }
  if (result.fault != Fault::none) result.size = 0;
  return result;
}

}  // namespace tarta
