// Bytes -> packets. A packet is decoded in two steps: the fixed header says how many bytes belong to it, then the
// function for its type reads the rest, which must be there as a whole. Every read is bounded by the packet; nothing
// is allocated. Each function gives the first fault that it finds (fault.def), or Fault::none.
#pragma once

#include "packet.hpp"

namespace tarta {

// Reads the fixed header of the packet that `bytes` begins with. `header.header_size` stays 0 while more bytes are
// needed to tell. `sender` is who sent the packet: some packets only one side may send.
Fault decode_header(Bytes bytes, Version version, Sender sender, std::uint32_t maximum_packet_size,
                    FixedHeader& header);

// What each takes: the bytes after the fixed header, all of them.
TARTA_COLD Fault decode(Bytes body, Connect& packet);
TARTA_COLD Fault decode(Bytes body, Version version, Connack& packet);
Fault decode(Bytes body, const FixedHeader& header, Version version, Sender sender, Publish& packet);
Fault decode(Bytes body, const FixedHeader& header, Version version, Acknowledgement& packet);
TARTA_COLD Fault decode(Bytes body, const FixedHeader& header, Version version, FilterList& packet);
TARTA_COLD Fault decode(Bytes body, const FixedHeader& header, Version version, CodeList& packet);
TARTA_COLD Fault decode(Bytes body, const FixedHeader& header, Version version, Sender sender, Notice& packet);
Fault decode_empty(Bytes body);  // PINGREQ, PINGRESP

// May this side send this reason code in DISCONNECT or AUTH? (5.0 §3.14.2.1, §3.15.2.1)
TARTA_COLD bool notice_code_allowed(std::uint8_t code, PacketType packet, Sender sender);

// A Response Topic is a topic name (5.0 §3.3.2.3.5).
TARTA_COLD Fault check_response_topic(const Properties& properties);

// Bytes of a PUBLISH before its payload, of which only the first are here; 0 while that cannot be told.
TARTA_COLD std::uint32_t publish_head_size(Bytes body, const FixedHeader& header, Version version);

// The next topic filter of a SUBSCRIBE or UNSUBSCRIBE that has been decoded. `filters` must not be empty.
TARTA_COLD FilterItem next_filter(Bytes& filters, PacketType type);

}  // namespace tarta
