// What a store gives back through wasm/tarta.h, and what is said of it.
// The C ABI: what goes in and comes out of it, and that wrong arguments are told. What a session does with them, the
// session scripts have.
#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "abi_host.hpp"
#include "options.hpp"
#include "records.hpp"

using tarta::AbiHost;
using tarta::Error;
using tarta::NumberOption;
using tarta::Record;

namespace {

std::uint32_t number(NumberOption option) { return static_cast<std::uint32_t>(option); }
Error error(std::uint32_t returned) { return static_cast<Error>(returned); }

}  // namespace

TEST_CASE("abi: what a crash has left of a message that is over is forgotten") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::durable), 1);
  REQUIRE(error(tarta_restore(host, 2, 9, 0, 0)) == Error::none);  // its release, without the message
  tarta_tick(host, 0, 0);
  const std::vector<Record> records = host.records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].kind == static_cast<std::uint32_t>(tarta::Event::forget));
  CHECK(records[0].words[1] == 2);
  CHECK(records[0].words[2] == 9);
}

// Statements: classes 20
TEST_CASE("abi: a store's records are checked before they are believed") {
  AbiHost host;
  for (const std::uint32_t kind : {0U, 6U, 255U, 257U, 261U, 0xFFFF'FFFFU}) {
    CAPTURE(kind);
    CHECK(error(tarta_restore(host, kind, 1, host.put("x"), 0)) == Error::store_corrupt);
  }
  const auto restore = [&](std::uint32_t key, std::string_view hexadecimal) {
    return error(tarta_restore(host, 1, key, host.put(tarta::from_hex(hexadecimal)), 5));
  };
  // Format, flags, expiry, sizes of topic and properties; topic, properties, payload.
  CHECK(restore(1, "01 02 00 00 00 00 00 01 00 00 00 00 61 78") == Error::none);
  CHECK(restore(1, "01 02 00 00 00 00 00 01 00 00 00 00 61 78") == Error::store_corrupt);  // twice
  CHECK(restore(0, "01 02 00 00 00 00 00 01 00 00 00 00 61 78") == Error::store_corrupt);
  CHECK(restore(65'536, "01 02 00 00 00 00 00 01 00 00 00 00 61 78") == Error::store_corrupt);
  CHECK(restore(65'538, "01 02 00 00 00 00 00 01 00 00 00 00 61 78") == Error::store_corrupt);
  CHECK(restore(2, "") == Error::store_corrupt);
  CHECK(restore(2, "02 02 00 00 00 00 00 01 00 00 00 00 61 78") == Error::store_corrupt);     // another format
  CHECK(restore(2, "01 00 00 00 00 00 00 01 00 00 00 00 61 78") == Error::store_corrupt);     // QoS 0
  CHECK(restore(2, "01 06 00 00 00 00 00 01 00 00 00 00 61 78") == Error::store_corrupt);     // QoS 3
  CHECK(restore(2, "01 02 00 00 00 00 00 03 00 00 00 00 61 78") == Error::store_corrupt);     // a longer topic
  CHECK(restore(2, "01 02 00 00 00 00 00 01 FF FF FF FF 61 78") == Error::store_corrupt);     // more properties
  CHECK(restore(2, "01 02 00 00 00 00 00 01 00 00 00 00 23 78") == Error::store_corrupt);     // a wildcard
  CHECK(restore(2, "01 02 00 00 00 00 00 01 00 00 00 02 61 01 02") == Error::store_corrupt);  // a property value
  CHECK(restore(2, "01 05 00 00 00 00 00 01 00 00 00 00 61") == Error::none);
  CHECK(error(tarta_restore(host, 2, 2, 0, 0)) == Error::none);           // released
  CHECK(error(tarta_restore(host, 2, 1, 0, 0)) == Error::store_corrupt);  // QoS 1
  CHECK(error(tarta_restore(host, 2, 9, 0, 0)) == Error::none);           // what remains of a message that is over
  CHECK(error(tarta_restore(host, 2, 0, 0, 0)) == Error::store_corrupt);
  CHECK(error(tarta_restore(host, 2, 65'538, 0, 0)) == Error::store_corrupt);  // 2, and more bits
  CHECK(error(tarta_restore(host, 3, 7, 0, 0)) == Error::none);                // inbound
  CHECK(error(tarta_restore(host, 3, 0, 0, 0)) == Error::store_corrupt);
  CHECK(error(tarta_restore(host, 3, 65'536, 0, 0)) == Error::store_corrupt);
  CHECK(host.status().pending == 2);

  // What was cut anywhere is either refused, or a message with a shorter payload.
  const std::vector<std::uint8_t> whole =
      tarta::from_hex("01 02 00 00 00 00 00 03 00 00 00 02 61 2F 62 01 01 78 79 7A");
  for (std::uint32_t size = 0; size < whole.size(); ++size) {
    const std::uint32_t key = 100 + size;
    const bool enough = size >= 17;
    host.put(tarta::Bytes{whole}.first(size));
    CHECK(error(tarta_restore(host, 1, key, size, 0)) == (enough ? Error::none : Error::store_corrupt));
  }
}

TEST_CASE("abi: what a store knows of the client is checked, too") {
  // Format, version of the session, what is known of it, session expiry; client identifier.
  for (const std::string_view wrong :
       {"", "01", "01 05 00 00 00 00", "02 05 00 00 00 00 00 61", "01 02 00 00 00 00 00 61", "01 06 00 00 00 00 00 61",
        "01 05 03 00 00 00 00 61", "01 05 00 00 00 00 00 C0 80", "01 05 00 00 00 00 00 61 00"}) {
    AbiHost host;
    CAPTURE(wrong);
    const std::vector<std::uint8_t> bytes = wrong.empty() ? std::vector<std::uint8_t>{} : tarta::from_hex(wrong);
    CHECK(error(tarta_restore(host, 5, 0, host.put(bytes), 0)) == Error::store_corrupt);
  }
  const std::string longest(65'535, 'a'), client{"\1\5\0\0\0\0\0", 7};
  AbiHost host;
  CHECK(error(tarta_restore(host, 5, 0, host.put(client + longest + "a"), 0)) == Error::store_corrupt);
  CHECK(error(tarta_restore(host, 5, 0, host.put(client + longest), 0)) == Error::none);
  REQUIRE(error(tarta_restore(host, 5, 0, host.put(client + "me"), 0)) == Error::none);
  REQUIRE(tarta_transport_opened(host, 0, 0, 0) == 0);
  CHECK(host.sent().ends_with("00 02 6D 65"));
}

TEST_CASE("abi: restoring comes before the first connection") {
  AbiHost host;
  host.connect(5);
  CHECK(error(tarta_restore(host, 5, 0, host.put("me"), 0)) == Error::invalid_argument);
}

TEST_CASE("abi: stored and store_failed of serials that there are not") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::durable), 1);
  host.connect(5);
  tarta_stored(host, 2);  // the client, as it is known since CONNACK
  for (const std::uint32_t serial : {0U, 1U, 2U, 1000U, 0xFFFF'FFFFU}) {
    tarta_store_failed(host, serial);
    tarta_stored(host, serial);
  }
  CHECK(host.error() == Error::none);
  CHECK((host.status().flags & TARTA_ONLINE) != 0);
}

TEST_CASE("abi: what a store knows of subscriptions is checked, too") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::clean_start), 0);
  const auto restore = [&](std::uint32_t number, std::string_view hexadecimal) {
    return error(tarta_restore(host, 4, number, host.put(tarta::from_hex(hexadecimal)), 0));
  };
  // Format, options; filter.
  CHECK(restore(0, "01 01 61") == Error::none);
  CHECK(restore(0, "01 01 61") == Error::store_corrupt);  // twice
  CHECK(restore(1, "01") == Error::store_corrupt);
  CHECK(restore(1, "01 01") == Error::store_corrupt);            // no filter
  CHECK(restore(1, "02 01 61") == Error::store_corrupt);         // another format
  CHECK(restore(1, "01 03 61") == Error::store_corrupt);         // QoS 3
  CHECK(restore(1, "01 01 61 23") == Error::store_corrupt);      // "a#"
  CHECK(restore(1U << 20, "01 01 61") == Error::store_corrupt);  // a number that there is not
  CHECK(restore(1, "01 01 62") == Error::none);
}

TEST_CASE("abi: what is left of a session that has expired is lost with it") {
  AbiHost host;
  REQUIRE(error(tarta_restore(host, 3, 7, 0, 0)) == Error::none);  // received at QoS 2, and not released
  REQUIRE(error(tarta_restore(host, 5, 0, host.put(tarta::from_hex("01 05 01 00 00 00 0A 61")), 0)) == Error::none);
  REQUIRE(tarta_transport_opened(host, 0, 0, 0) == 0);
  host.receive("20 03 00 00 00");
  const std::vector<Record> records = host.records();
  REQUIRE(records.size() == 2);
  CHECK(records[1].kind == static_cast<std::uint32_t>(tarta::Event::session_lost));
}

TEST_CASE("abi: what waits for the store asks for no tick") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::durable), 1);
  host.connect(5);
  REQUIRE(tarta_define_topic(host, 0, host.put("a")) == 0);
  REQUIRE(tarta_define_filter(host, 0, host.put("a"), 0) == 0);
  const auto wants = [&] { return (host.status().flags & TARTA_OUTPUT) != 0; };
  const auto turn = [&] {
    tarta_tick(host, 1, 1);
    tarta_sent(host);
  };
  REQUIRE(tarta_publish(host, 1, 0, 2, 0, 0, 0xFFFF'FFFF) != nullptr);
  turn();
  turn();
  CHECK_FALSE(wants());
  tarta_stored(host, 3);  // the client and the message
  turn();
  tarta_sent(host);
  REQUIRE(tarta_subscribe(host, 2, host.put_numbers({0}), 0) == 0);
  turn();
  CHECK_FALSE(wants());
  tarta_stored(host, 4);
  CHECK(wants());
}

// Statements: scenarios 22
TEST_CASE("abi: CONNECT waits for the client's first record, and asks for no tick meanwhile but that of the time-out") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::durable), 1);
  tarta_set_number(host, number(NumberOption::connect_timeout), 1'000);
  const auto wants = [&] { return (host.status().flags & TARTA_OUTPUT) != 0; };
  REQUIRE(tarta_transport_opened(host, 0, 0, 0) == 0);
  CHECK(wants());
  CHECK(host.status().output_length == 0);
  tarta_tick(host, 1, 1);
  const std::vector<Record> records = host.records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].kind == static_cast<std::uint32_t>(tarta::Event::persist));
  CHECK_FALSE(wants());
  CHECK(host.status().deadline == 1'000);
  tarta_sent(host);
  tarta_tick(host, 500, 500);
  CHECK(host.records().empty());
  CHECK(host.status().output_length == 0);
  tarta_stored(host, records[0].words[0]);
  CHECK(wants());
  CHECK(host.status().output_length == 0);
  tarta_tick(host, 600, 600);
  CHECK(host.sent().starts_with("10 "));
  CHECK(host.status().deadline == 1'600);
}

TEST_CASE("abi: what waits for the client's own record asks for no tick") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::durable), 1);
  REQUIRE(tarta_define_topic(host, 0, host.put("a")) == 0);
  REQUIRE(tarta_publish(host, 1, 0, 2, 0, 0, 0xFFFF'FFFF) != nullptr);
  host.connect(5);
  tarta_tick(host, 1, 1);
  tarta_stored(host, 2);  // the message, and that the client has asked for a session
  tarta_tick(host, 2, 2);
  tarta_sent(host);
  CHECK((host.status().flags & TARTA_OUTPUT) == 0);
  tarta_stored(host, 3);  // the client, as it is known since CONNACK
  CHECK((host.status().flags & TARTA_OUTPUT) != 0);
}
