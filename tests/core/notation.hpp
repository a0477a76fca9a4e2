// Packets as a line of text, both ways: `publish qos=1 topic=a/b packetIdentifier=7 payload=hello`. The names are those
// of field.def and property.def. Flags stand alone; what is false, 0 or empty is left out (but for packet identifiers).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "types.hpp"

namespace notation {

// Words of a line: separated by spaces, `"…"` may hold spaces.
std::vector<std::string> words(const std::string& line);

// What the client sent, or the server; `version` is that of the connection.
std::string describe(tarta::Bytes packet, tarta::Version version, tarta::Sender sender);

// The bytes of a packet; throws std::runtime_error for a name that is not known.
std::vector<std::uint8_t> encode(const std::string& line, tarta::Version version);

// Bytes as text where they are printable, else as 0x…; quoted where needed.
std::string quote(tarta::Bytes bytes);

// The properties as ` name=value …`.
std::string describe_properties(tarta::Bytes raw);

std::string hex(unsigned byte);  // 0x8e

}  // namespace notation
