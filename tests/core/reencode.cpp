#include "reencode.hpp"

#include "decode.hpp"
#include "encode.hpp"
#include "topic.hpp"

namespace tarta {
namespace {

// In a block of the size that encoded_size() says, so that AddressSanitizer sees a byte too many; one too few shows in
// the size.
template <class Packet, class... Versions>
std::vector<std::uint8_t> encoded(const Packet& packet, Versions... version) {
  std::vector<std::uint8_t> bytes(encoded_size(packet, version...));
  Writer writer{bytes.data()};
  encode(writer, packet, version...);
  bytes.resize(static_cast<std::size_t>(writer.position() - bytes.data()));
  return bytes;
}

std::vector<std::uint8_t> encoded_empty(PacketType type) {
  std::vector<std::uint8_t> bytes(2);
  Writer writer{bytes.data()};
  encode_empty(writer, type);
  return bytes;
}

// The list is written anew too, filter by filter.
std::vector<std::uint8_t> encoded_filters(FilterList packet, Version version) {
  std::size_t size = 0;
  for (Bytes rest = packet.filters; !rest.empty();) size += filter_size(next_filter(rest, packet.type), packet.type);
  std::vector<std::uint8_t> filters(size);
  Writer writer{filters.data()};
  for (Bytes rest = packet.filters; !rest.empty();) write_filter(writer, next_filter(rest, packet.type), packet.type);
  packet.filters = filters;
  return encoded(packet, version);
}

}  // namespace

Reencoded reencode(Bytes bytes, Version version, Sender sender, std::uint32_t maximum_packet_size) {
  FixedHeader header;
  const Fault fault = decode_header(bytes, version, sender, maximum_packet_size, header);
  if (fault != Fault::none) return {fault, {}};
  if (header.header_size == 0 || bytes.size() < header.size()) return {};
  const Bytes body = bytes.subspan(header.header_size, header.remaining);

  Reencoded result;
  const auto sound = [&](Fault found) {
    result.fault = found;
    return found == Fault::none;
  };
  switch (header.type) {
    case PacketType::connect: {
      Connect packet;
      if (sound(decode(body, packet))) result.bytes = encoded(packet);
      break;
    }
    case PacketType::connack: {
      Connack packet;
      if (sound(decode(body, version, packet))) result.bytes = encoded(packet, version);
      break;
    }
    case PacketType::publish: {
      Publish packet;
      // The decoder leaves the topic name to its caller, who may know it already.
      if (sound(decode(body, header, version, sender, packet)) && sound(check_topic_name(packet.topic))) {
        result.bytes = encoded(packet, version);
      }
      break;
    }
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp: {
      Acknowledgement packet;
      if (sound(decode(body, header, version, packet))) result.bytes = encoded(packet, version);
      break;
    }
    case PacketType::subscribe:
    case PacketType::unsubscribe: {
      FilterList packet;
      if (sound(decode(body, header, version, packet))) result.bytes = encoded_filters(packet, version);
      break;
    }
    case PacketType::suback:
    case PacketType::unsuback: {
      CodeList packet;
      if (sound(decode(body, header, version, packet))) result.bytes = encoded(packet, version);
      break;
    }
    case PacketType::disconnect:
    case PacketType::auth: {
      Notice packet;
      if (sound(decode(body, header, version, sender, packet))) result.bytes = encoded(packet, version);
      break;
    }
    case PacketType::pingreq:
    case PacketType::pingresp:
      if (sound(decode_empty(body))) result.bytes = encoded_empty(header.type);
      break;
    case PacketType::reserved:  // a fault already
      break;
  }
  return result;
}

}  // namespace tarta
