// The check of UTF-8 strings (5.0 §1.5.4): well-formed as Unicode 15 table 3-7 says (no surrogates, nothing overlong,
// nothing past U+10FFFF), and no U+0000. Control characters, noncharacters and U+FEFF are accepted.
#pragma once

#include "types.hpp"

namespace tarta {

enum class Utf8 : std::uint8_t { valid, null_character, ill_formed };

Utf8 check_utf8(Bytes bytes);

}  // namespace tarta
