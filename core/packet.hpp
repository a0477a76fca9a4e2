// One plain struct for each control packet (5.0 §3), the same for all versions of MQTT: fields that a version does not
// know are left at their defaults. All texts, bytes and properties are views into the bytes that were decoded, or that
// the encoder is given; nothing is owned.
#pragma once

#include "property.hpp"

namespace tarta {

// 5.0 §2.1. `size` counts the whole packet.
struct FixedHeader {
  PacketType type = PacketType::reserved;
  std::uint8_t flags = 0;
  std::uint32_t header_size = 0;  // 2 to 5
  std::uint32_t remaining = 0;

  std::uint32_t size() const { return header_size + remaining; }
};

struct Will {
  std::uint8_t qos = 0;
  bool retain = false;
  std::string_view topic;
  Bytes payload;
  Properties properties;
};

struct Connect {
  Version version = Version::v5;
  bool clean_start = false;
  std::uint16_t keepalive = 0;  // seconds
  std::string_view client_id;
  bool has_will = false;
  bool has_username = false;
  bool has_password = false;
  Will will;
  std::string_view username;
  Bytes password;
  Properties properties;
};

struct Connack {
  bool session_present = false;
  std::uint8_t reason = 0;  // a reason code (5.0 §3.2.2.2), or a return code (3.1.1 §3.2.2.3)
  Properties properties;
};

struct Publish {
  bool dup = false;
  std::uint8_t qos = 0;
  bool retain = false;
  Bytes topic;  // as it came: check_topic_name() says whether it is one
  std::uint16_t id = 0;
  Properties properties;
  Bytes payload;
};

// PUBACK, PUBREC, PUBREL, PUBCOMP
struct Acknowledgement {
  PacketType type = PacketType::puback;
  std::uint16_t id = 0;
  std::uint8_t reason = 0;
  Properties properties;
};

// SUBSCRIBE and UNSUBSCRIBE
struct FilterList {
  PacketType type = PacketType::subscribe;
  std::uint16_t id = 0;
  Properties properties;
  Bytes filters;  // as on the wire; next_filter() walks them
};

struct FilterItem {
  std::string_view filter;
  std::uint8_t options = 0;  // 5.0 §3.8.3.1; 0 in UNSUBSCRIBE
};

// SUBACK and UNSUBACK
struct CodeList {
  PacketType type = PacketType::suback;
  std::uint16_t id = 0;
  Properties properties;
  Bytes codes;  // none in an UNSUBACK of 3.1.1
};

// DISCONNECT and AUTH
struct Notice {
  PacketType type = PacketType::disconnect;
  std::uint8_t reason = 0;
  Properties properties;
};

// The subscription options (5.0 §3.8.3.1).
namespace options {
constexpr std::uint8_t qos(std::uint8_t options) { return options & 3U; }
constexpr bool no_local(std::uint8_t options) { return (options & 4U) != 0; }
constexpr std::uint8_t retain_handling(std::uint8_t options) { return options >> 4U & 3U; }
constexpr bool reserved(std::uint8_t options) { return (options & 0xC0U) != 0; }
}  // namespace options

}  // namespace tarta
