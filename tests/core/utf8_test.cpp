#include "utf8.hpp"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "bytes.hpp"
#include "random.hpp"

using tarta::Bytes;
using tarta::check_utf8;
using tarta::ExactBytes;
using tarta::Utf8;

namespace {

// What 5.0 §1.5.4 asks, in the simplest way: put the code point together, then look whether it may be there and whether
// it could have been shorter.
Utf8 judge(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const unsigned lead = bytes[at++];
    unsigned more = 0;
    while (more < 7 && (lead << more & 0x80U) != 0) ++more;  // leading ones of the first byte
    if (more == 1 || more > 4) return Utf8::ill_formed;
    if (more > 0) --more;
    std::uint32_t point = more == 0 ? lead : lead & (0x3FU >> more);
    for (unsigned i = 0; i < more; ++i) {
      if (at == bytes.size() || bytes[at] >> 6U != 2) return Utf8::ill_formed;
      point = point << 6U | (bytes[at++] & 0x3FU);
    }
    const unsigned needed = point < 0x80 ? 0U : point < 0x800 ? 1U : point < 0x1'0000 ? 2U : 3U;
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    if (needed != more || surrogate || point > 0x10'FFFF) return Utf8::ill_formed;
    if (point == 0) return Utf8::null_character;
  }
  return Utf8::valid;
}

// Both must find the same. Says how often they did not, and the first time in full: a check per sequence takes minutes.
class Comparison {
 public:
  void add(Bytes bytes) {
    if (check_utf8(bytes) == judge(bytes)) return;
    if (differences_++ == 0) first_ = tarta::hex(bytes);
  }
  ~Comparison() {
    INFO("first: ", first_);
    CHECK(differences_ == 0);
  }

 private:
  std::uint64_t differences_ = 0;
  std::string first_;
};

Utf8 check(std::initializer_list<std::uint8_t> bytes) { return check_utf8(ExactBytes{bytes}); }

}  // namespace

TEST_CASE("utf8: all sequences of one to three bytes") {
  Comparison comparison;
  const auto block = std::make_unique<std::uint8_t[]>(3);
  // The last bytes of the block, so that a read past the end is seen.
  for (unsigned a = 0; a < 256; ++a) {
    block[2] = static_cast<std::uint8_t>(a);
    comparison.add({block.get() + 2, 1});
    for (unsigned b = 0; b < 256; ++b) {
      block[1] = static_cast<std::uint8_t>(b);
      comparison.add({block.get() + 1, 2});
      for (unsigned c = 0; c < 256; ++c) {
        block[0] = static_cast<std::uint8_t>(c);
        comparison.add({block.get(), 3});
      }
    }
  }
}

TEST_CASE("utf8: sequences of four bytes, at the edges of every range") {
  constexpr std::array<std::uint8_t, 26> edges{0x00, 0x01, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x91,
                                               0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xEC,
                                               0xED, 0xEE, 0xEF, 0xF0, 0xF3, 0xF4, 0xF5, 0xFF};
  Comparison comparison;
  const auto block = std::make_unique<std::uint8_t[]>(4);
  const Bytes four{block.get(), 4};
  for (const std::uint8_t a : edges) {
    for (const std::uint8_t b : edges) {
      for (const std::uint8_t c : edges) {
        for (const std::uint8_t d : edges) {
          block[0] = a, block[1] = b, block[2] = c, block[3] = d;
          comparison.add(four);
        }
      }
    }
  }
}

TEST_CASE("utf8: every code point as four bytes, and those past the last one") {
  Comparison comparison;
  const auto block = std::make_unique<std::uint8_t[]>(4);
  for (std::uint32_t point = 0; point < 0x20'0000; ++point) {
    for (unsigned i = 0; i < 4; ++i) {
      block[i] =
          static_cast<std::uint8_t>((i == 0 ? 0xF0U : 0x80U) | (point >> 6 * (3 - i) & (i == 0 ? 0x07U : 0x3FU)));
    }
    comparison.add({block.get(), 4});
  }
}

TEST_CASE("utf8: a special byte anywhere among plain ones") {
  Comparison comparison;
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      for (const unsigned special : {0x00U, 0x01U, 0x7FU, 0x80U, 0xC3U, 0xFFU}) {
        std::vector<std::uint8_t> text(size, 'a');
        text[place] = static_cast<std::uint8_t>(special);
        comparison.add(ExactBytes{text});
      }
    }
  }
}

TEST_CASE("utf8: random mixtures of characters and faults") {
  static constexpr std::string_view pieces[] = {
      "a",        "plain text",       "\x01",    "å", "漢字", "😀", "\x7F", "\xEF\xBB\xBF", "\xED\xA0\x80",
      "\xC0\x80", "\xF4\x90\x80\x80", "\xE2\x82"};
  Comparison comparison;
  tarta::Random random{"utf8"};
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    const bool sound = random.one_in(2);
    for (std::uint32_t count = random.below(12); count > 0; --count) text += pieces[random.below(sound ? 8 : 12)];
    if (random.one_in(10)) text += '\0';
    comparison.add(ExactBytes{text});
  }
}

TEST_CASE("utf8: what the specification names") {
  CHECK(check_utf8({}) == Utf8::valid);
  CHECK(check({0}) == Utf8::null_character);
  CHECK(check({0xC0, 0x80}) == Utf8::ill_formed);                          // U+0000 in two bytes
  CHECK(check({0xED, 0x9F, 0xBF}) == Utf8::valid);                         // U+D7FF
  CHECK(check({0xED, 0xA0, 0x80}) == Utf8::ill_formed);                    // U+D800
  CHECK(check({0xED, 0xBF, 0xBF}) == Utf8::ill_formed);                    // U+DFFF
  CHECK(check({0xEE, 0x80, 0x80}) == Utf8::valid);                         // U+E000
  CHECK(check({0xEF, 0xBB, 0xBF}) == Utf8::valid);                         // U+FEFF
  CHECK(check({0xEF, 0xBF, 0xBF}) == Utf8::valid);                         // U+FFFF
  CHECK(check({0xF4, 0x8F, 0xBF, 0xBF}) == Utf8::valid);                   // U+10FFFF
  CHECK(check({0xF4, 0x90, 0x80, 0x80}) == Utf8::ill_formed);              // U+110000
  CHECK(check({0xED, 0xA1, 0x8C, 0xED, 0xBE, 0xB4}) == Utf8::ill_formed);  // a surrogate pair (CESU-8)
}
