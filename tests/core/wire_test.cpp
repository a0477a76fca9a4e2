#include "wire.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "bytes.hpp"
#include "names.hpp"
#include "random.hpp"

using tarta::Bytes;
using tarta::ExactBytes;
using tarta::Fault;
using tarta::hex;
using tarta::Reader;
using tarta::Writer;

TEST_CASE("reader: numbers are big-endian") {
  const ExactBytes bytes{0x01, 0x12, 0x34, 0xFF, 0xFE, 0xFD, 0xFC};
  Reader reader{bytes};
  CHECK(reader.byte() == 0x01);
  CHECK(reader.two_byte() == 0x1234);
  CHECK(reader.four_byte() == 0xFFFE'FDFC);
  CHECK(reader.at_end());
  CHECK(reader.fault() == Fault::none);
}

TEST_CASE("reader: data and text have a length of two bytes") {
  const ExactBytes bytes{0, 3, 0, 0xFF, 7, 0, 2, 'a', 'b', 0, 0, 9};
  Reader reader{bytes};
  CHECK(hex(reader.data()) == "00 FF 07");
  CHECK(reader.text() == "ab");
  CHECK(reader.text().empty());
  CHECK(hex(reader.rest()) == "09");
  CHECK(reader.rest().empty());
  CHECK(reader.fault() == Fault::none);
}

TEST_CASE("reader: nothing is read past the end") {
  struct Case {
    const char* what;
    ExactBytes bytes;
    void (*read)(Reader&);
  };
  const Case cases[] = {
      {"a byte", {}, [](Reader& reader) { reader.byte(); }},
      {"two bytes of none", {}, [](Reader& reader) { reader.two_byte(); }},
      {"two bytes of one", {1}, [](Reader& reader) { reader.two_byte(); }},
      {"four bytes of three", {1, 2, 3}, [](Reader& reader) { reader.four_byte(); }},
      {"a variable byte integer of none", {}, [](Reader& reader) { reader.variable(); }},
      {"a variable byte integer that goes on", {0x80}, [](Reader& reader) { reader.variable(); }},
      {"a variable byte integer that goes on thrice", {0xFF, 0xFF, 0xFF}, [](Reader& reader) { reader.variable(); }},
      {"bytes", {1, 2, 3}, [](Reader& reader) { reader.bytes(4); }},
      {"as many bytes as there can be", {1, 2, 3}, [](Reader& reader) { reader.bytes(SIZE_MAX); }},
      {"data without its length", {0}, [](Reader& reader) { reader.data(); }},
      {"data", {0, 3, 1, 2}, [](Reader& reader) { reader.data(); }},
      {"data of 65,535 bytes", {0xFF, 0xFF, 1}, [](Reader& reader) { reader.data(); }},
      {"text", {0, 2, 'a'}, [](Reader& reader) { reader.text(); }},
      {"a packet identifier", {1}, [](Reader& reader) { reader.packet_identifier(); }},
  };
  for (const Case& one : cases) {
    CAPTURE(one.what);
    Reader reader{one.bytes};
    one.read(reader);
    CHECK(reader.fault() == Fault::truncated);
    CHECK(reader.at_end());
  }
}

TEST_CASE("reader: the first fault stays, and every read after it gives nothing") {
  const ExactBytes bytes{0, 0, 0xFF, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  Reader reader{bytes};
  CHECK(reader.packet_identifier() == 0);
  CHECK(reader.fault() == Fault::packet_identifier_zero);
  CHECK(reader.at_end());
  CHECK(reader.byte() == 0);
  CHECK(reader.two_byte() == 0);
  CHECK(reader.four_byte() == 0);
  CHECK(reader.variable() == 0);
  CHECK(reader.bytes(1).empty());
  CHECK(reader.data().empty());
  CHECK(reader.text().empty());
  CHECK(reader.rest().empty());
  CHECK(reader.packet_identifier() == 0);
  reader.fail(Fault::trailing_bytes);
  CHECK(reader.fault() == Fault::packet_identifier_zero);
}

TEST_CASE("reader: texts are checked") {
  const auto fault_of = [](std::initializer_list<std::uint8_t> bytes) {
    const ExactBytes exact{bytes};
    Reader reader{exact};
    CHECK(reader.text().empty());
    return reader.fault();
  };
  CHECK(fault_of({0, 2, 'a', 0}) == Fault::text_null);
  CHECK(fault_of({0, 2, 0xC3, 'a'}) == Fault::text_ill_formed);
  CHECK(fault_of({0, 1, 0xC3, 0xA5}) == Fault::text_ill_formed);  // cut in the middle of a character
}

// Statements: 5.0 MQTT-1.5.5-1
TEST_CASE("variable byte integers: the boundaries of 5.0 table 1-1") {
  struct Case {
    std::uint32_t value;
    const char* bytes;
  };
  const Case cases[] = {
      {0, "00"},
      {1, "01"},
      {127, "7F"},
      {128, "80 01"},
      {16'383, "FF 7F"},
      {16'384, "80 80 01"},
      {2'097'151, "FF FF 7F"},
      {2'097'152, "80 80 80 01"},
      {tarta::variable_maximum, "FF FF FF 7F"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.value);
    std::array<std::uint8_t, 4> room{};
    Writer writer{room.data()};
    writer.variable(one.value);
    const Bytes written{room.data(), static_cast<std::size_t>(writer.position() - room.data())};
    CHECK(hex(written) == one.bytes);
    CHECK(written.size() == tarta::variable_size(one.value));

    const ExactBytes exact{written};
    Reader reader{exact};
    CHECK(reader.variable() == one.value);
    CHECK(reader.at_end());
    CHECK(reader.fault() == Fault::none);
  }
}

TEST_CASE("variable byte integers: each value is read as it was written") {
  tarta::Random random{"variable byte integers"};
  for (int round = 0; round < 20'000; ++round) {
    const std::uint32_t value = static_cast<std::uint32_t>(random.next()) >> (4 + random.below(28));
    const auto block = std::make_unique<std::uint8_t[]>(tarta::variable_size(value));
    Writer writer{block.get()};
    writer.variable(value);
    Reader reader{{block.get(), tarta::variable_size(value)}};
    REQUIRE(reader.variable() == value);
    REQUIRE(reader.at_end());
  }
}

TEST_CASE("variable byte integers: longer than needed, or than four bytes") {
  const auto fault_of = [](std::initializer_list<std::uint8_t> bytes) {
    const ExactBytes exact{bytes};
    Reader reader{exact};
    CHECK(reader.variable() == 0);
    return reader.fault();
  };
  CHECK(fault_of({0x80, 0x00}) == Fault::length_not_minimal);
  CHECK(fault_of({0xFF, 0x00}) == Fault::length_not_minimal);
  CHECK(fault_of({0x81, 0x80, 0x00}) == Fault::length_not_minimal);
  CHECK(fault_of({0xFF, 0xFF, 0xFF, 0x00}) == Fault::length_not_minimal);
  CHECK(fault_of({0x80, 0x80, 0x80, 0x80}) == Fault::length_too_long);
  CHECK(fault_of({0xFF, 0xFF, 0xFF, 0xFF, 0x7F}) == Fault::length_too_long);
  CHECK(fault_of({0x80, 0x80, 0x80, 0x80, 0x00}) == Fault::length_too_long);
}

TEST_CASE("writer: writes what the reader reads") {
  std::array<std::uint8_t, 32> room{};
  Writer writer{room.data()};
  writer.byte(0xAB);
  writer.two_byte(0x1234);
  writer.four_byte(0x8765'4321);
  writer.bytes({});
  writer.data({});
  writer.text("tårta");
  const Bytes written{room.data(), static_cast<std::size_t>(writer.position() - room.data())};
  CHECK(hex(written) == "AB 12 34 87 65 43 21 00 00 00 06 74 C3 A5 72 74 61");

  Reader reader{written};
  CHECK(reader.byte() == 0xAB);
  CHECK(reader.two_byte() == 0x1234);
  CHECK(reader.four_byte() == 0x8765'4321);
  CHECK(reader.data().empty());
  CHECK(reader.text() == "tårta");
  CHECK(reader.at_end());
}
