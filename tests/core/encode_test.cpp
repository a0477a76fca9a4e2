// Encoding a PUBLISH from the parts that the session keeps (PublishHead). The vectors encode all other packets.
#include "encode.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bytes.hpp"
#include "decode.hpp"
#include "names.hpp"
#include "random.hpp"

using tarta::Bytes;
using tarta::ExactBytes;
using tarta::Fault;
using tarta::FixedHeader;
using tarta::hex;
using tarta::Property;
using tarta::Publish;
using tarta::PublishHead;
using tarta::Sender;
using tarta::Version;
using tarta::Writer;

namespace {

constexpr std::uint32_t no_limit = 5 + tarta::variable_maximum;

// The packet, in a block of the size that encoded_size() says; the payload is what the block began with.
std::vector<std::uint8_t> encoded(const PublishHead& head, Version version) {
  std::vector<std::uint8_t> bytes(tarta::encoded_size(head, version), 'p');
  Writer writer{bytes.data()};
  tarta::encode(writer, head, version);
  CHECK(writer.position() + head.payload_size == bytes.data() + bytes.size());
  return bytes;
}

Publish decoded(Bytes bytes, Version version) {
  FixedHeader header;
  REQUIRE(tarta::decode_header(bytes, version, Sender::client, no_limit, header) == Fault::none);
  REQUIRE(header.size() == bytes.size());
  Publish packet;
  REQUIRE(tarta::decode(bytes.subspan(header.header_size), header, version, Sender::client, packet) == Fault::none);
  return packet;
}

}  // namespace

// Statements: 5.0 MQTT-2.2.2-1, MQTT-2.2.1-2
TEST_CASE("publish head: the plainest") {
  PublishHead head;
  head.topic = "a/b";
  head.payload_size = 2;
  CHECK(hex(encoded(head, Version::v3_1_1)) == "30 07 00 03 61 2F 62 70 70");
  CHECK(hex(encoded(head, Version::v5)) == "30 08 00 03 61 2F 62 00 70 70");
}

TEST_CASE("publish head: the session's properties come before the application's") {
  const std::vector<std::uint8_t> properties = tarta::from_hex("03 00 01 78");
  PublishHead head;
  head.flags = 0x0D;
  head.topic = "a";
  head.id = 0x1234;
  head.expires = true;
  head.expiry = 7;
  head.alias = 9;
  head.properties = properties;
  CHECK(hex(encoded(head, Version::v5)) == "3D 12 00 01 61 12 34 0C 02 00 00 00 07 23 00 09 03 00 01 78");
  CHECK(hex(encoded(head, Version::v3_1_1)) == "3D 05 00 01 61 12 34");
}

TEST_CASE("publish head: lengths on both sides of every boundary") {
  constexpr std::uint32_t boundaries[] = {127, 16'383, 2'097'151};
  for (const std::uint32_t boundary : boundaries) {
    for (const std::uint32_t remaining : {boundary, boundary + 1}) {
      PublishHead head;
      head.topic = "a";
      head.payload_size = remaining - 3;
      const ExactBytes bytes{encoded(head, Version::v3_1_1)};
      CHECK(bytes.view().size() == 1 + tarta::variable_size(remaining) + remaining);
      CHECK(decoded(bytes, Version::v3_1_1).payload.size() == head.payload_size);
    }
    for (const std::uint32_t size : {boundary, boundary + 1}) {
      std::vector<std::uint8_t> properties;
      while (properties.size() + 70'000 < size) {  // user properties of 65,540 bytes
        const std::vector<std::uint8_t> one = tarta::from_hex("26 FF FF 6E*65535 00 00");
        properties.insert(properties.end(), one.begin(), one.end());
      }
      const std::size_t first = std::min<std::size_t>(size - properties.size() - 5, 65'535);
      const std::size_t second = size - properties.size() - 5 - first;
      std::vector<std::uint8_t> last(5 + first + second, 'v');
      Writer writer{last.data()};
      writer.byte(0x26);
      writer.two_byte(static_cast<std::uint16_t>(first));
      Writer after{last.data() + 3 + first};
      after.two_byte(static_cast<std::uint16_t>(second));
      properties.insert(properties.end(), last.begin(), last.end());
      REQUIRE(properties.size() == size);

      PublishHead head;
      head.topic = "a";
      head.properties = properties;
      const ExactBytes bytes{encoded(head, Version::v5)};
      CHECK(decoded(bytes, Version::v5).properties.raw().size() == size);
    }
  }
}

TEST_CASE("publish head: whatever it is made of comes out again") {
  tarta::Random random{"publish head"};
  for (int round = 0; round < 5'000; ++round) {
    const Version version = random.one_in(2) ? Version::v5 : Version::v3_1_1;
    const auto qos = static_cast<std::uint8_t>(random.below(3));
    const std::string topic(1 + random.below(200), 't');
    const std::vector<std::uint8_t> properties = tarta::from_hex(random.one_in(2) ? "01 01 26 00 01 61 00 01 62" : "");
    PublishHead head;
    head.flags =
        static_cast<std::uint8_t>(unsigned{qos} << 1 | random.below(2) | (qos > 0 && random.one_in(2) ? 8U : 0U));
    head.topic = topic;
    head.id = qos > 0 ? static_cast<std::uint16_t>(1 + random.below(65'535)) : std::uint16_t{0};
    head.expires = random.one_in(2);
    head.expiry = static_cast<std::uint32_t>(random.next());
    head.alias = static_cast<std::uint16_t>(random.one_in(2) ? random.below(65'536) : 0);
    head.properties = properties;
    head.payload_size = random.below(300);

    const ExactBytes bytes{encoded(head, version)};
    const Publish packet = decoded(bytes, version);
    CHECK(tarta::as_text(packet.topic) == topic);
    CHECK(packet.qos == qos);
    CHECK(packet.retain == ((head.flags & 1U) != 0));
    CHECK(packet.dup == ((head.flags & 8U) != 0));
    CHECK(packet.id == head.id);
    CHECK(packet.payload.size() == head.payload_size);
    if (version != Version::v5) continue;
    CHECK(packet.properties.has(Property::message_expiry_interval) == head.expires);
    CHECK(packet.properties.number(Property::message_expiry_interval, head.expiry) == head.expiry);
    CHECK(packet.properties.number(Property::topic_alias, 0) == head.alias);
    CHECK(packet.properties.has(Property::user_property) == !properties.empty());
  }
}
