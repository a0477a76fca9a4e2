#include "types.hpp"

#include <array>

namespace tarta {

namespace {

// By reason code: the packets that may bear it.
constexpr auto bearers = [] {
  using namespace packet_set;
  std::array<std::uint16_t, 256> sets{};
#define TARTA_REASON(code, name, text, packets) sets[code] = packets;
#include "reason.def"
#undef TARTA_REASON
  return sets;
}();

}  // namespace

bool reason_allowed(std::uint8_t code, PacketType packet) { return (bearers[code] & bit(packet)) != 0; }

Reason reason_of(Fault fault) {
  static constexpr std::array reasons{
#define TARTA_FAULT(name, reason, text, section) Reason::reason,
#include "fault.def"
#undef TARTA_FAULT
  };
  return reasons[static_cast<std::size_t>(fault)];
}

Error error_of(Fault fault) {
  switch (fault) {
    case Fault::none:
      return Error::none;
    case Fault::session_unexpected:
      return Error::session_unexpected;
    default:
      break;
  }
  switch (reason_of(fault)) {
    case Reason::malformed_packet:
      return Error::malformed_packet;
    case Reason::packet_too_large:
      return Error::packet_too_large;
    default:
      return Error::protocol_error;
  }
}

}  // namespace tarta
