// Bytes -> struct -> bytes, for all packet types: what the vectors compare, natively and through WebAssembly.
#pragma once

#include <vector>

#include "types.hpp"

namespace tarta {

struct Reencoded {
  Fault fault = Fault::none;
  std::vector<std::uint8_t> bytes;  // empty where there is a fault, or where the packet is unfinished
};

// Decodes the packet that `bytes` begin with, and encodes what came out of it.
Reencoded reencode(Bytes bytes, Version version, Sender sender, std::uint32_t maximum_packet_size);

}  // namespace tarta
