// Any packet as a row of its fields (field.def): what the `packet` event, the packet inspector and the vectors show.
#pragma once

#include "buffer.hpp"
#include "decode.hpp"

namespace tarta {

enum class Field : std::uint8_t {
#define TARTA_FIELD(name, camel, form) name,
#include "field.def"
#undef TARTA_FIELD
};

struct Inspection {
  std::uint32_t size = 0;  // of the packet; 0: unfinished, or a fault
  Fault fault = Fault::none;
};

// Describes the first packet in `bytes` in words (see field.def), offsets counting from its first byte. A CONNECT tells
// its version itself.
Inspection inspect(Bytes bytes, Version version, Sender sender, std::uint32_t maximum_packet_size,
                   Buffer<std::uint32_t>& words);

}  // namespace tarta
