#include "property.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bytes.hpp"
#include "names.hpp"
#include "random.hpp"

using namespace tarta::packet_set;
using tarta::Bytes;
using tarta::ExactBytes;
using tarta::Fault;
using tarta::hex;
using tarta::Properties;
using tarta::Property;
using tarta::PropertyItem;
using tarta::PropertyRule;
using tarta::PropertyType;
using tarta::Reader;
using tarta::Writer;

namespace {

constexpr std::uint32_t places[] = {WILL,    CONNECT,   CONNACK, PUBLISH,     PUBACK,   PUBREC,     PUBREL,
                                    PUBCOMP, SUBSCRIBE, SUBACK,  UNSUBSCRIBE, UNSUBACK, DISCONNECT, AUTH};
constexpr std::uint32_t all_places = WILL | CONNECT | CONNACK | PUBLISH | PUBACK | PUBREC | PUBREL | PUBCOMP |
                                     SUBSCRIBE | SUBACK | UNSUBSCRIBE | UNSUBACK | DISCONNECT | AUTH;

constexpr unsigned count = static_cast<unsigned>(Property::count);

bool is_number(Property property) { return tarta::info(property).type < PropertyType::text; }

// One property, in a block of exactly its size.
std::vector<std::uint8_t> written(Property property, std::uint32_t number) {
  std::vector<std::uint8_t> bytes(tarta::property_size(property, number));
  Writer writer{bytes.data()};
  tarta::write_property(writer, property, number);
  CHECK(writer.position() == bytes.data() + bytes.size());
  return bytes;
}

std::vector<std::uint8_t> written(Property property, Bytes value) {
  std::vector<std::uint8_t> bytes(tarta::property_size(property, value));
  Writer writer{bytes.data()};
  tarta::write_property(writer, property, value);
  CHECK(writer.position() == bytes.data() + bytes.size());
  return bytes;
}

std::vector<std::uint8_t> user_property(std::string_view name, std::string_view value) {
  std::vector<std::uint8_t> bytes(5 + name.size() + value.size());
  Writer writer{bytes.data()};
  writer.byte(tarta::info(Property::user_property).identifier);
  writer.text(name);
  writer.text(value);
  return bytes;
}

// A property with a value that is allowed.
std::vector<std::uint8_t> example(Property property) {
  if (tarta::info(property).type == PropertyType::pair) return user_property("a", "b");
  if (is_number(property)) return written(property, 1);
  return written(property, tarta::as_bytes("x"));
}

Fault check(Bytes raw, std::uint32_t where) {
  const ExactBytes exact{raw};
  return Properties{}.check(exact, where);
}

std::vector<std::uint8_t> operator+(std::vector<std::uint8_t> a, const std::vector<std::uint8_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("properties: they have identifiers of their own") {
  std::vector<std::uint8_t> identifiers;
  for (unsigned i = 0; i < count; ++i) {
    const tarta::PropertyInfo& info = tarta::info(static_cast<Property>(i));
    CHECK((identifiers.empty() || info.identifier > identifiers.back()));
    CHECK(info.packets != 0);
    CHECK((info.packets & ~all_places) == 0);
    identifiers.push_back(info.identifier);
  }
}

TEST_CASE("properties: each one is allowed in its packets, and nowhere else") {
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    const std::vector<std::uint8_t> raw = example(property);
    for (const std::uint32_t where : places) {
      INFO("property ", i, " in ", where);
      const bool allowed = (tarta::info(property).packets & where) != 0;
      CHECK(check(raw, where) == (allowed ? Fault::none : Fault::property_misplaced));
    }
  }
}

TEST_CASE("properties: each one stands once, but for user properties and subscription identifiers") {
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    for (const std::uint32_t where : places) {
      if ((tarta::info(property).packets & where) == 0) continue;
      INFO("property ", i, " in ", where);
      const bool repeats =
          property == Property::user_property || (property == Property::subscription_identifier && where == PUBLISH);
      const Fault expected = repeats ? Fault::none : Fault::property_repeated;
      CHECK(check(example(property) + example(property), where) == expected);
      // With another between them.
      const std::vector<std::uint8_t> other = example(Property::user_property);
      CHECK(check(example(property) + other + example(property), where) == expected);
    }
  }
}

TEST_CASE("properties: each number is read as it was written") {
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    if (!is_number(property)) continue;
    const tarta::PropertyInfo& info = tarta::info(property);
    const std::uint32_t largest = info.rule == PropertyRule::boolean    ? 1
                                  : info.type == PropertyType::byte     ? 0xFF
                                  : info.type == PropertyType::two_byte ? 0xFFFF
                                  : info.type == PropertyType::variable ? tarta::variable_maximum
                                                                        : 0xFFFF'FFFF;
    for (const std::uint32_t number : {1U, largest / 2, largest}) {
      if (number == 0) continue;
      INFO("property ", i, " with the value ", number);
      const ExactBytes raw{written(property, number)};
      Properties properties;
      REQUIRE(properties.check(raw, info.packets & (0U - info.packets)) == Fault::none);
      CHECK(properties.has(property));
      CHECK(properties.number(property, 12'345) == number);

      Reader reader{raw};
      const PropertyItem item = tarta::next_property(reader);
      CHECK(item.property == property);
      CHECK(item.number == number);
      CHECK(reader.at_end());
    }
  }
}

TEST_CASE("properties: each text and each data is read as it was written") {
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    const tarta::PropertyInfo& info = tarta::info(property);
    if (is_number(property) || info.type == PropertyType::pair) continue;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{127}, std::size_t{128}, std::size_t{65'535}}) {
      INFO("property ", i, " of ", size, " bytes");
      const std::string value(size, 'v');
      const ExactBytes raw{written(property, tarta::as_bytes(value))};
      Properties properties;
      REQUIRE(properties.check(raw, info.packets & (0U - info.packets)) == Fault::none);
      CHECK(properties.has(property));
      CHECK((properties.text(property) == value));

      Reader reader{raw};
      const PropertyItem item = tarta::next_property(reader);
      CHECK(item.property == property);
      CHECK((tarta::as_text(item.bytes) == value));
      CHECK(reader.at_end());
    }
  }
}

TEST_CASE("properties: text is UTF-8, data is not looked at") {
  const std::vector<std::uint8_t> ill_formed{0xC3, 0x28}, null{'a', 0};
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    const tarta::PropertyInfo& info = tarta::info(property);
    if (is_number(property) || info.type == PropertyType::pair) continue;
    CAPTURE(i);
    const std::uint32_t where = info.packets & (0U - info.packets);
    const bool text = info.type == PropertyType::text;
    CHECK(check(written(property, Bytes{ill_formed}), where) == (text ? Fault::text_ill_formed : Fault::none));
    CHECK(check(written(property, Bytes{null}), where) == (text ? Fault::text_null : Fault::none));
  }
  CHECK(check(user_property("a\xC3", "b"), CONNACK) == Fault::text_ill_formed);
  CHECK(check(user_property("a", "b\xC3"), CONNACK) == Fault::text_ill_formed);
  CHECK(check(user_property(std::string_view{"\0", 1}, "b"), CONNACK) == Fault::text_null);
}

TEST_CASE("properties: values that are not allowed") {
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    const tarta::PropertyInfo& info = tarta::info(property);
    if (!is_number(property)) continue;
    CAPTURE(i);
    const std::uint32_t where = info.packets & (0U - info.packets);
    const bool zero_refused = info.rule == PropertyRule::nonzero || info.rule == PropertyRule::nonzero_repeat;
    CHECK(check(written(property, 0U), where) == (zero_refused                       ? Fault::property_value
                                                  : info.rule == PropertyRule::alias ? Fault::topic_alias_zero
                                                                                     : Fault::none));
    if (info.type != PropertyType::byte) continue;
    CHECK(check(written(property, 2U), where) == Fault::property_value);
    CHECK(check(written(property, 255U), where) == Fault::property_value);
  }
}

TEST_CASE("properties: unknown identifiers") {
  for (unsigned identifier = 0; identifier < 128; ++identifier) {
    bool known = false;
    for (unsigned i = 0; i < count; ++i)
      known = known || tarta::info(static_cast<Property>(i)).identifier == identifier;
    if (known) continue;
    CAPTURE(identifier);
    CHECK(check(std::vector<std::uint8_t>{static_cast<std::uint8_t>(identifier), 0}, CONNACK) ==
          Fault::property_unknown);
  }
  CHECK(check(tarta::from_hex("80 01 00"), CONNACK) == Fault::property_unknown);
  CHECK(check(tarta::from_hex("FF FF FF 7F"), CONNACK) == Fault::property_unknown);
  CHECK(check(tarta::from_hex("A4 00 01"), CONNACK) == Fault::length_not_minimal);
  CHECK(check(tarta::from_hex("FF FF FF FF 01"), CONNACK) == Fault::length_too_long);
}

TEST_CASE("properties: none of them reaches past the end") {
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    const std::uint32_t where = tarta::info(property).packets & (0U - tarta::info(property).packets);
    const std::vector<std::uint8_t> whole = example(property);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      INFO("property ", i, ", ", size, " bytes of it");
      CHECK(check(Bytes{whole}.first(size), where) == Fault::truncated);
    }
  }
}

TEST_CASE("properties: what is not there has the value that is asked for") {
  Properties properties;
  CHECK(properties.check({}, CONNACK) == Fault::none);
  CHECK(properties.empty());
  for (unsigned i = 0; i < count; ++i) {
    const auto property = static_cast<Property>(i);
    CHECK_FALSE(properties.has(property));
    CHECK(properties.number(property, 7) == 7);
    CHECK(properties.bytes(property).empty());
  }
}

TEST_CASE("properties: checked anew, they know nothing of those before") {
  Properties properties;
  const std::vector<std::uint8_t> first = example(Property::receive_maximum), second = example(Property::maximum_qos);
  REQUIRE(properties.check(first, CONNACK) == Fault::none);
  REQUIRE(properties.check(second, CONNACK) == Fault::none);
  CHECK_FALSE(properties.has(Property::receive_maximum));
  CHECK(properties.has(Property::maximum_qos));
}

TEST_CASE("properties: of those that repeat, the last is kept") {
  const ExactBytes raw{written(Property::subscription_identifier, 7U) + user_property("a", "1") +
                       written(Property::subscription_identifier, 300U) + user_property("b", "2")};
  Properties properties;
  REQUIRE(properties.check(raw, PUBLISH) == Fault::none);
  CHECK(properties.number(Property::subscription_identifier, 0) == 300);
  CHECK(properties.text(Property::user_property) == "b");

  std::vector<std::string> walked;
  for (Reader reader{properties.raw()}; !reader.at_end();) {
    const PropertyItem item = tarta::next_property(reader);
    walked.push_back(item.property == Property::user_property
                         ? std::string{tarta::as_text(item.bytes)} + "=" + std::string{tarta::as_text(item.second)}
                         : std::to_string(item.number));
  }
  CHECK(walked == std::vector<std::string>{"7", "a=1", "300", "b=2"});
}

TEST_CASE("properties: read with their length") {
  const auto read = [](std::string_view text) {
    const ExactBytes bytes{tarta::from_hex(text)};
    Reader reader{bytes};
    Properties properties;
    properties.read(reader, CONNACK);
    return reader.fault();
  };
  CHECK(read("00") == Fault::none);
  CHECK(read("02 24 01") == Fault::none);
  CHECK(read("02 24 01 FF") == Fault::none);  // what is behind them is not theirs
  CHECK(read("01 24 01") == Fault::truncated);
  CHECK(read("03 24 01") == Fault::truncated);
  CHECK(read("FF FF FF 7F 24 01") == Fault::truncated);
  CHECK(read("82 00 24 01") == Fault::length_not_minimal);
  CHECK(read("80 80 80 80 01") == Fault::length_too_long);
  CHECK(read("") == Fault::truncated);
}

TEST_CASE("properties: any mixture, in any order") {
  tarta::Random random{"properties"};
  for (int round = 0; round < 5'000; ++round) {
    const std::uint32_t where = places[random.below(std::size(places))];
    std::vector<Property> order;
    std::vector<std::uint8_t> raw;
    std::uint32_t present = 0;
    for (std::uint32_t left = random.below(8); left > 0; --left) {
      const auto property = static_cast<Property>(random.below(count));
      const bool repeated = (present >> static_cast<unsigned>(property) & 1U) != 0;
      if ((tarta::info(property).packets & where) == 0 || (repeated && property != Property::user_property)) continue;
      present |= 1U << static_cast<unsigned>(property);
      order.push_back(property);
      raw = raw + example(property);
    }
    CAPTURE(hex(raw));
    const ExactBytes exact{raw};
    Properties properties;
    REQUIRE(properties.check(exact, where) == Fault::none);
    for (unsigned i = 0; i < count; ++i)
      REQUIRE(properties.has(static_cast<Property>(i)) == ((present >> i & 1U) != 0));
    Reader reader{exact};
    for (const Property property : order) REQUIRE(tarta::next_property(reader).property == property);
    REQUIRE(reader.at_end());
    if (raw.empty()) continue;
    const Fault cut = check(Bytes{raw}.first(raw.size() - 1), where);
    REQUIRE(cut == Fault::truncated);
  }
}
