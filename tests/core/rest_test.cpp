// An idle session gives memory back when it pings. Nothing that is under way may be lost by that.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "abi_host.hpp"
#include "options.hpp"
#include "records.hpp"

using tarta::AbiHost;
using tarta::Bytes;
using tarta::Event;
using tarta::Record;

namespace {

constexpr double ping_time = 60'000;  // ms: Keep Alive as by default

// Ticks when the ping is due, and sends it.
void ping(AbiHost& host) {
  CHECK(host.status().deadline == ping_time);
  tarta_tick(host, ping_time, ping_time);
  CHECK(host.sent() == "C0 00");
}

std::uint32_t messages_of(AbiHost& host) {
  std::uint32_t count = 0;
  for (const Record& record : host.records()) count += record.kind == static_cast<unsigned>(Event::message) ? 1 : 0;
  return count;
}

std::vector<std::uint8_t> many(std::uint32_t count) {
  std::vector<std::uint8_t> chunk;
  for (std::uint32_t i = 0; i < count; ++i) chunk.insert(chunk.end(), {0x30, 4, 0, 1, 'a', 0});
  return chunk;
}

}  // namespace

TEST_CASE("rest: the beginning of a packet stays") {
  AbiHost host;
  host.connect(5);
  host.receive("30 06 00 01 61");
  CHECK(host.status().tail == 5);
  ping(host);
  CHECK(host.status().tail == 5);
  host.receive("00 78 79");
  CHECK(messages_of(host) == 1);
}

TEST_CASE("rest: a receive area that was handed out stays") {
  AbiHost host;
  host.connect(5);
  const std::vector<std::uint8_t> message = many(1);
  const auto size = static_cast<std::uint32_t>(message.size());
  std::memcpy(tarta_receive_area(host, size), message.data(), size);
  ping(host);
  tarta_receive(host, size, size);
  CHECK(messages_of(host) == 1);
}

TEST_CASE("rest: messages that wait for room among the records stay") {
  constexpr std::uint32_t count = 10'000;
  AbiHost host;
  host.connect(5);
  std::uint32_t result = host.receive(Bytes{many(count)});
  REQUIRE((result & TARTA_MORE) != 0);
  std::uint32_t found = messages_of(host);
  ping(host);
  while ((result & TARTA_MORE) != 0) {
    result = tarta_more(host);
    found += messages_of(host);
  }
  CHECK(found == count);
}

TEST_CASE("rest: what is not sent yet stays before the ping") {
  AbiHost host;
  host.connect(5);
  host.receive("34 06 00 01 61 00 07 00");
  tarta_delivered(host, 1);
  tarta_tick(host, 1, 1);
  tarta_tick(host, ping_time + 1, ping_time + 1);
  CHECK(host.sent() == "50 02 00 07 C0 00");
}

TEST_CASE("rest: what is told in the same turn is told") {
  AbiHost host;
  tarta_set_number(host, static_cast<std::uint32_t>(tarta::NumberOption::version), 5);
  tarta_transport_opened(host, 0, 0, 0);
  tarta_sent(host);
  host.receive("20 06 00 00 03 21 00 01");  // Receive Maximum 1
  host.receive(Bytes{many(1'000)});
  tarta_define_topic(host, 0, host.put("a"));
  for (const std::uint32_t operation : {1U, 2U}) REQUIRE(tarta_publish(host, operation, 0, 2, 0, 0, 60) != nullptr);
  tarta_tick(host, 0, 0);
  tarta_sent(host);
  tarta_tick(host, ping_time, ping_time);
  CHECK(host.sent() == "C0 00");
  const std::vector<Record> records = host.records();
  REQUIRE(records.size() == 1);  // the second message has expired
  CHECK(records[0].kind == static_cast<unsigned>(Event::failed));
}

TEST_CASE("rest: afterwards all goes on as before") {
  AbiHost host;
  host.connect(5);
  tarta_define_filter(host, 3, host.put("+"), 0);
  host.receive(Bytes{many(1'000)});
  CHECK(messages_of(host) == 1'000);
  ping(host);
  host.receive("D0 00");
  host.receive("30 04 00 01 62 00");
  const std::vector<Record> records = host.records();
  REQUIRE(records.size() == 3);  // TOPIC, MATCH, MESSAGE
  CHECK(records[1].words.back() == 3);
  host.receive(Bytes{many(1'000)});
  CHECK(messages_of(host) == 1'000);
}

TEST_CASE("rest: arguments are gone with the turn") {
  AbiHost host;
  host.put("abc");
  tarta_tick(host, 0, 0);
  CHECK(static_cast<tarta::Error>(tarta_define_topic(host, 0, 3)) == tarta::Error::invalid_argument);
}
