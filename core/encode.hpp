// Packets -> bytes. `encoded_size` is that of the whole packet, fixed header included; `encode` writes exactly as many
// bytes. The packet must be one that may be sent (names, filters and properties checked); what a version does not know
// is left out. Acknowledgements take the shortest form (5.0 §3.4.2.1).
#pragma once

#include "packet.hpp"

namespace tarta {

std::uint32_t encoded_size(const Connect& packet);
std::uint32_t encoded_size(const Connack& packet, Version version);
std::uint32_t encoded_size(const Publish& packet, Version version);
std::uint32_t encoded_size(const Acknowledgement& packet, Version version);
std::uint32_t encoded_size(const FilterList& packet, Version version);
std::uint32_t encoded_size(const CodeList& packet, Version version);
std::uint32_t encoded_size(const Notice& packet, Version version);

void encode(Writer& writer, const Connect& packet);
void encode(Writer& writer, const Connack& packet, Version version);
void encode(Writer& writer, const Publish& packet, Version version);
void encode(Writer& writer, const Acknowledgement& packet, Version version);
void encode(Writer& writer, const FilterList& packet, Version version);
void encode(Writer& writer, const CodeList& packet, Version version);
void encode(Writer& writer, const Notice& packet, Version version);

// PINGREQ and PINGRESP: two bytes.
void encode_empty(Writer& writer, PacketType type);

// One topic filter of a FilterList, as its `filters` hold it.
std::uint32_t filter_size(const FilterItem& item, PacketType type);
void write_filter(Writer& writer, const FilterItem& item, PacketType type);

// A PUBLISH that is put together from what the session keeps of it: the parts of its properties apart.
struct PublishHead {
  std::uint8_t flags = 0;  // of the fixed header
  std::string_view topic;
  std::uint16_t id = 0;  // 0: QoS 0
  bool expires = false;  // a Message Expiry Interval of `expiry` seconds is written before `properties`
  std::uint32_t expiry = 0;
  std::uint16_t alias = 0;  // 0: none
  Bytes properties;         // encoded, without their length
  std::uint32_t payload_size = 0;
};
std::uint32_t encoded_size(const PublishHead& head, Version version);
void encode(Writer& writer, const PublishHead& head, Version version);  // all but the payload

}  // namespace tarta
