#include "utf8.hpp"

#include <cstring>

namespace tarta {
namespace {

struct Sequence {
  unsigned size;                 // bytes that a lead byte begins; 0: no lead byte
  std::uint8_t lowest, highest;  // of the second byte
};

// Unicode 15, table 3-7: the second byte keeps out overlong forms, surrogates and what is past U+10FFFF.
constexpr Sequence sequence(std::uint8_t lead) {
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Are the eight bytes all between 0x01 and 0x7F?
bool plain_ascii(const std::uint8_t* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  return ((word | (word - ones)) & highs) == 0;
}

}  // namespace

Utf8 check_utf8(Bytes bytes) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  while (at != end) {
    if (end - at >= 8 && plain_ascii(at)) {
      at += 8;
      continue;
    }
    const std::uint8_t lead = *at;
    if (lead == 0) return Utf8::null_character;
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const Sequence form = sequence(lead);
    if (form.size == 0 || static_cast<std::size_t>(end - at) < form.size) return Utf8::ill_formed;
    if (at[1] < form.lowest || at[1] > form.highest) return Utf8::ill_formed;
    for (unsigned i = 2; i < form.size; ++i) {
      if ((at[i] & 0xC0U) != 0x80) return Utf8::ill_formed;
    }
    at += form.size;
  }
  return Utf8::valid;
}

}  // namespace tarta
