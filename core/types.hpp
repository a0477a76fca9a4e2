// The words that every part of the core uses: views of bytes, protocol versions, packet types, and the numbers of
// reason.def, error.def and fault.def as enumerations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// Marks what runs once a connection, or once an operation: the module is downloaded and compiled before it does
// anything, so that what is not hot is made small, and kept out of what is.
#ifdef __clang__
#define TARTA_COLD [[clang::minsize, gnu::noinline]]
#else
#define TARTA_COLD [[gnu::cold, gnu::noinline]]
#endif

namespace tarta {

using Bytes = std::span<const std::uint8_t>;  // a view; who hands it out says how long it is valid

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The protocol level of CONNECT (5.0 §3.1.2.2).
enum class Version : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

enum class Sender : std::uint8_t { server, client };

// 5.0 §2.1.2
enum class PacketType : std::uint8_t {
  reserved,
  connect,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth,
};

// A set of packet types, as the tables write it: CONNECT | PUBLISH. WILL stands for the Will Properties.
namespace packet_set {
enum : std::uint32_t {
  WILL = 1U << 0,
  CONNECT = 1U << 1,
  CONNACK = 1U << 2,
  PUBLISH = 1U << 3,
  PUBACK = 1U << 4,
  PUBREC = 1U << 5,
  PUBREL = 1U << 6,
  PUBCOMP = 1U << 7,
  SUBSCRIBE = 1U << 8,
  SUBACK = 1U << 9,
  UNSUBSCRIBE = 1U << 10,
  UNSUBACK = 1U << 11,
  DISCONNECT = 1U << 14,
  AUTH = 1U << 15,
};
}  // namespace packet_set

// The bit of a packet type in such a set.
constexpr std::uint32_t bit(PacketType type) { return 1U << static_cast<unsigned>(type); }

enum class Reason : std::uint8_t {
#define TARTA_REASON(code, name, text, packets) name = code,
#include "reason.def"
#undef TARTA_REASON
};

// A reason code from 0x80 on is a refusal (5.0 §2.4).
constexpr bool is_refusal(std::uint8_t reason) { return reason >= 0x80; }

// Serials count up and go round: is `a` at or before `b`?
constexpr bool at_or_before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(b - a) >= 0; }

// May this packet bear this reason code? (5.0 §2.4)
bool reason_allowed(std::uint8_t code, PacketType packet);

enum class Error : std::uint8_t {
#define TARTA_ERROR(name, NAME, meaning) name,
#define TARTA_HOST_ERROR(name, NAME, meaning) name,
#include "error.def"
#undef TARTA_ERROR
#undef TARTA_HOST_ERROR
};

enum class Fault : std::uint8_t {
#define TARTA_FAULT(name, reason, text, section) name,
#include "fault.def"
#undef TARTA_FAULT
};

// The reason code that answers a fault, and the error that the host is told.
Reason reason_of(Fault fault);
Error error_of(Fault fault);

}  // namespace tarta
