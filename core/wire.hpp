// Reading and writing the data types of MQTT (5.0 §1.5), bounded and without exceptions.
//
// A Reader never passes the end of its span. What it cannot read sets a fault that stays (the first one), and from
// then on every read gives 0 or nothing: a decoder reads all fields in a row and looks at the fault once.
// A Writer appends to a span whose size was computed before; it never grows.
#pragma once

#include <cstring>

#include "types.hpp"
#include "utf8.hpp"

namespace tarta {

constexpr std::uint32_t variable_maximum = 268'435'455;  // 5.0 §1.5.5

// Bytes of a number as a variable byte integer, 1 to 4.
constexpr std::uint32_t variable_size(std::uint32_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

class Reader {
 public:
  explicit Reader(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  Fault fault() const { return fault_; }
  TARTA_COLD void fail(Fault fault) {
    if (fault_ == Fault::none) fault_ = fault;
    at_ = end_;
  }

  const std::uint8_t* position() const { return at_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool at_end() const { return at_ == end_; }

  std::uint8_t byte() {
    if (left() < 1) return fail(Fault::truncated), std::uint8_t{0};
    return *at_++;
  }

  std::uint16_t two_byte() {
    if (left() < 2) return fail(Fault::truncated), std::uint16_t{0};
    const auto value = static_cast<std::uint16_t>(at_[0] << 8 | at_[1]);
    at_ += 2;
    return value;
  }

  std::uint32_t four_byte() {
    if (left() < 4) return fail(Fault::truncated), 0U;
    const std::uint32_t value =
        std::uint32_t{at_[0]} << 24 | std::uint32_t{at_[1]} << 16 | std::uint32_t{at_[2]} << 8 | std::uint32_t{at_[3]};
    at_ += 4;
    return value;
  }

  // At most four bytes, in the shortest form (5.0 §1.5.5).
  std::uint32_t variable() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const std::uint8_t next = byte();
      value |= std::uint32_t{next & 0x7FU} << shift;
      if (next & 0x80U) continue;
      if (shift > 0 && next == 0) fail(Fault::length_not_minimal);
      return fault_ == Fault::none ? value : 0;
    }
    return fail(Fault::length_too_long), 0U;
  }

  Bytes bytes(std::size_t size) {
    if (left() < size) return fail(Fault::truncated), Bytes{};
    const Bytes view{at_, size};
    at_ += size;
    return view;
  }

  Bytes rest() { return bytes(left()); }

  // Two bytes of length, then as many bytes (5.0 §1.5.6).
  Bytes data() { return bytes(two_byte()); }

  // The same, which must be well-formed UTF-8 without U+0000 (5.0 §1.5.4).
  std::string_view text() {
    const Bytes view = data();
    switch (check_utf8(view)) {
      case Utf8::valid:
        return as_text(view);
      case Utf8::null_character:
        return fail(Fault::text_null), std::string_view{};
      case Utf8::ill_formed:
        break;
    }
    return fail(Fault::text_ill_formed), std::string_view{};
  }

  std::uint16_t packet_identifier() {
    const std::uint16_t id = two_byte();
    if (id == 0) fail(Fault::packet_identifier_zero);
    return id;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  Fault fault_ = Fault::none;
};

class Writer {
 public:
  explicit Writer(std::uint8_t* at) : at_(at) {}

  std::uint8_t* position() const { return at_; }

  void byte(std::uint8_t value) { *at_++ = value; }

  void two_byte(std::uint16_t value) {
    byte(static_cast<std::uint8_t>(value >> 8));
    byte(static_cast<std::uint8_t>(value));
  }

  void four_byte(std::uint32_t value) {
    two_byte(static_cast<std::uint16_t>(value >> 16));
    two_byte(static_cast<std::uint16_t>(value));
  }

  void variable(std::uint32_t value) {
    for (; value >= 128; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80U));
    byte(static_cast<std::uint8_t>(value));
  }

  void bytes(Bytes view) {
    if (!view.empty()) std::memcpy(at_, view.data(), view.size());
    at_ += view.size();
  }

  void data(Bytes view) {
    two_byte(static_cast<std::uint16_t>(view.size()));
    bytes(view);
  }

  void text(std::string_view view) { data(as_bytes(view)); }

 private:
  std::uint8_t* at_;
};

}  // namespace tarta
