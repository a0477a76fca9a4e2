// WebSocket messages of which the host shows the core only a part (wasm/tarta.h: receive, skipped).
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "abi_host.hpp"
#include "options.hpp"
#include "records.hpp"

using tarta::AbiHost;
using tarta::Event;
using tarta::NumberOption;
using tarta::Record;

namespace {

using Message = std::vector<std::uint8_t>;

constexpr std::uint32_t head_size = 512;

// A PUBLISH of 3.1.1 on the topic "a".
Message publish(std::uint8_t qos, std::size_t payload, std::uint8_t dup = 0) {
  const std::size_t remaining = 3U + (qos > 0 ? 2U : 0U) + payload;
  Message message{static_cast<std::uint8_t>(0x30 | dup << 3 | qos << 1)};
  for (std::size_t left = remaining; left > 0; left >>= 7) {
    message.push_back(static_cast<std::uint8_t>((left & 127) | (left > 127 ? 128 : 0)));
  }
  message.insert(message.end(), {0, 1, 'a'});
  if (qos > 0) message.insert(message.end(), {0, 9});
  message.resize(message.size() + payload, 'x');
  return message;
}

// Shows the core so much of the message from `at` on; the records of that.
std::vector<Record> show(AbiHost& host, const Message& message, std::size_t at, std::size_t size) {
  std::memcpy(tarta_receive_area(host, static_cast<std::uint32_t>(size)), message.data() + at, size);
  tarta_receive(host, static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(message.size() - at));
  return host.records();
}

std::size_t count(const std::vector<Record>& records, Event event) {
  std::size_t found = 0;
  for (const Record& record : records) found += record.kind == static_cast<unsigned>(event) ? 1U : 0U;
  return found;
}

}  // namespace

TEST_CASE("large messages: of a PUBLISH that fills a message its head is enough") {
  for (const std::size_t payload : {600U, 60'000U, 70'000U, 1'000'000U}) {
    CAPTURE(payload);
    AbiHost host;
    host.connect(4);
    Message message = publish(0, payload);
    const std::size_t whole = message.size();
    message.insert(message.end(), {0x30, 3, 0, 1, 'a'});  // another one behind it
    const std::vector<Record> first = show(host, message, 0, head_size);
    REQUIRE(count(first, Event::message) == 1);
    CHECK(first.back().words[2] == payload);
    CHECK((first.back().flags & 64U) == 0);
    CHECK(host.status().consumed == whole);
    CHECK(host.status().skip == 0);
    CHECK(count(show(host, message, whole, message.size() - whole), Event::message) == 1);
  }
}

TEST_CASE("large messages: packets of other types are gathered") {
  AbiHost host;
  tarta_set_number(host, static_cast<std::uint32_t>(NumberOption::version), 5);
  REQUIRE(tarta_transport_opened(host, 0, 0, 0) == 0);
  tarta_sent(host);
  // A CONNACK with two user properties of 60,000 bytes.
  Message message{0x20, 0xD2, 0xA9, 0x07, 0, 0, 0xCD, 0xA9, 0x07};
  for (int i = 0; i < 2; ++i) {
    message.insert(message.end(), {0x26, 0, 1, 'k', 0xEA, 0x60});
    message.resize(message.size() + 60'000, 'v');
  }
  message[1] = static_cast<std::uint8_t>(((message.size() - 4) & 127) | 128);
  message[2] = static_cast<std::uint8_t>(((message.size() - 4) >> 7 & 127) | 128);
  message[6] = static_cast<std::uint8_t>(((message.size() - 9) & 127) | 128);
  message[7] = static_cast<std::uint8_t>(((message.size() - 9) >> 7 & 127) | 128);
  CHECK(show(host, message, 0, 65'536).empty());
  CHECK(host.status().consumed == 65'536);
  CHECK(count(show(host, message, 65'536, message.size() - 65'536), Event::connack) == 1);
}

TEST_CASE("large messages: one that has come whole at QoS 2 is not delivered again, one that was cut is") {
  for (const bool cut : {false, true}) {
    CAPTURE(cut);
    AbiHost host;
    tarta_set_number(host, static_cast<std::uint32_t>(NumberOption::clean_start), 0);
    host.connect(4);
    Message half = publish(2, 100'000);
    const std::size_t whole = half.size();
    half.resize(1'000);
    REQUIRE(count(show(host, half, 0, half.size()), Event::message) == 1);
    REQUIRE(host.status().skip == whole - 1'000);
    tarta_skipped(host, static_cast<std::uint32_t>(whole - 1'000 - (cut ? 1 : 0)));
    tarta_transport_closed(host, 1, 1);
    REQUIRE(tarta_transport_opened(host, 0, 2, 2) == 0);
    tarta_sent(host);
    host.receive("20 02 01 00");
    tarta_tick(host, 3, 3);
    const Message again = publish(2, 10, 1);
    CHECK(count(show(host, again, 0, again.size()), Event::message) == (cut ? 1 : 0));
  }
}
