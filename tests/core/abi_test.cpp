// The C ABI: what goes in and comes out of it, and that wrong arguments are told. What a session does with them, the
// session scripts have.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "abi_host.hpp"
#include "inspect.hpp"
#include "options.hpp"
#include "records.hpp"

using tarta::AbiHost;
using tarta::BytesOption;
using tarta::Error;
using tarta::Event;
using tarta::NumberOption;
using tarta::Record;

namespace {

constexpr std::uint32_t no_expiry = 0xFFFF'FFFF;

std::uint32_t number(NumberOption option) { return static_cast<std::uint32_t>(option); }
std::uint32_t number(BytesOption option) { return static_cast<std::uint32_t>(option); }
Error error(std::uint32_t returned) { return static_cast<Error>(returned); }
bool is(const Record& record, Event event) { return record.kind == static_cast<unsigned>(event); }

// Publishes with the payload `text`; its error.
Error publish(AbiHost& host, std::uint32_t operation, std::uint32_t topic, std::uint32_t flags, std::string_view text) {
  std::uint8_t* const payload =
      tarta_publish(host, operation, topic, flags, static_cast<std::uint32_t>(text.size()), 0, no_expiry);
  CHECK((payload != nullptr) == (host.error() == Error::none));
  if (payload != nullptr) std::memcpy(payload, text.data(), text.size());
  return host.error();
}

}  // namespace

TEST_CASE("abi: a new session has nothing to say") {
  AbiHost host;
  const tarta_status& status = host.status();
  CHECK(status.record_words == 0);
  CHECK(status.output_length == 0);
  CHECK(status.error == 0);
  CHECK(status.flags == 0);
  CHECK(status.pending == 0);
  CHECK(std::isinf(status.deadline));
}

TEST_CASE("abi: delays between attempts follow from the seed") {
  AbiHost host{7}, same{7}, other{8};
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const double delay = tarta_reconnect_delay(host, 100, 1'000, 2, 0);
    CHECK(delay <= 1'000);
    CHECK(tarta_reconnect_delay(same, 100, 1'000, 2, 0) == delay);
    if (tarta_reconnect_delay(other, 100, 1'000, 2, 0) != delay) differs = true;
    CHECK(tarta_reconnect_delay(host, 100, 1'000, 2, 1) <= 100);
    tarta_reconnect_delay(same, 100, 1'000, 2, 1);
  }
  CHECK(differs);
}

TEST_CASE("abi: the status block stays where it is") {
  AbiHost host;
  const tarta_status* const before = tarta_status_of(host);
  host.connect(5);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    tarta_define_topic(host, i, host.put("topic/" + std::to_string(i)));
    publish(host, i + 1, i, 2, std::string(1000, 'x'));
  }
  CHECK(tarta_status_of(host) == before);
  CHECK(before->pending == 1000);
}

TEST_CASE("abi: sessions know nothing of each other") {
  AbiHost one{1}, two{2};
  tarta_define_topic(one, 0, one.put("a"));
  CHECK(publish(one, 1, 0, 0, "x") == Error::none);
  CHECK(publish(two, 1, 0, 0, "x") == Error::invalid_argument);
  CHECK(one.status().pending == 1);
  CHECK(two.status().pending == 0);
}

TEST_CASE("abi: a session without a client identifier makes one from its seed") {
  const auto connect_of = [](std::uint32_t seed) {
    AbiHost host{seed};
    tarta_transport_opened(host, 0, 0, 0);
    return host.sent();
  };
  CHECK(connect_of(1) == connect_of(1));
  CHECK(connect_of(1) != connect_of(2));
}

TEST_CASE("abi: options by their numbers, and no others") {
  AbiHost host;
  CHECK(error(tarta_set_number(host, number(NumberOption::keepalive), 10)) == Error::none);
  CHECK(error(tarta_set_number(host, number(NumberOption::keepalive), 65'536)) == Error::invalid_argument);
  CHECK(error(tarta_set_number(host, number(NumberOption::version), 3)) == Error::none);
  for (const std::uint32_t none :
       {number(NumberOption::count), 255U, 256U, 256U + number(NumberOption::keepalive), 0xFFFF'FFFFU}) {
    CHECK(error(tarta_set_number(host, none, 1)) == Error::invalid_argument);
    CHECK(host.error() == Error::invalid_argument);
  }
  CHECK(error(tarta_set_bytes(host, number(BytesOption::client_id), host.put("me"))) == Error::none);
  CHECK(error(tarta_set_bytes(host, number(BytesOption::username), host.put("Åsa"))) == Error::none);
  CHECK(error(tarta_clear_bytes(host, number(BytesOption::username))) == Error::none);
  for (const std::uint32_t none : {number(BytesOption::count), 255U, 256U, 0xFFFF'FFFFU}) {
    CHECK(error(tarta_set_bytes(host, none, host.put("x"))) == Error::invalid_argument);
    CHECK(error(tarta_clear_bytes(host, none)) == Error::invalid_argument);
  }
  tarta_transport_opened(host, 0, 0, 0);
  CHECK(host.sent() == "10 10 00 06 4D 51 49 73 64 70 03 02 00 0A 00 02 6D 65");
}

TEST_CASE("abi: a length beyond the scratch area is an error") {
  AbiHost host;
  const Error wrong = Error::invalid_argument;
  host.put("abc");
  CHECK(error(tarta_set_bytes(host, number(BytesOption::password), 4)) == wrong);
  CHECK(error(tarta_set_bytes(host, number(BytesOption::password), 0xFFFF'FFFF)) == wrong);
  CHECK(error(tarta_define_topic(host, 0, 4)) == wrong);
  CHECK(error(tarta_define_filter(host, 0, 4, 0)) == wrong);
  CHECK(error(tarta_disconnect(host, 0, 4)) == wrong);
  CHECK(error(tarta_restore(host, 5, 0, 4, 0)) == wrong);
  CHECK(tarta_inspect(host, 4, 5, 0) == 0);
  CHECK(host.error() == wrong);
  CHECK(error(tarta_define_filter(host, 0, 3, 0)) == Error::none);
  host.put_numbers({0});
  CHECK(error(tarta_subscribe(host, 1, 2, 0)) == wrong);
  CHECK(error(tarta_subscribe(host, 1, 1, 1)) == wrong);
  CHECK(error(tarta_subscribe(host, 1, 0x4000'0001, 0)) == wrong);
  CHECK(error(tarta_unsubscribe(host, 1, 2, 0)) == wrong);
  CHECK(error(tarta_unsubscribe(host, 1, 1, 0xFFFF'FFFF)) == wrong);
  CHECK(error(tarta_define_topic(host, 0, host.put("a"))) == Error::none);
  CHECK(tarta_publish(host, 1, 0, 0, 0, 2, no_expiry) == nullptr);
  CHECK(host.error() == wrong);
}

TEST_CASE("abi: names have numbers that the host hands out") {
  AbiHost host;
  CHECK(error(tarta_define_topic(host, 7, host.put("a/b"))) == Error::none);
  CHECK(error(tarta_define_topic(host, 7, host.put("another"))) == Error::none);
  CHECK(error(tarta_define_topic(host, 0, host.put("a/+"))) == Error::invalid_topic);
  CHECK(error(tarta_define_topic(host, 0, host.put(""))) == Error::invalid_topic);
  CHECK(error(tarta_define_topic(host, 0xFFFF'FFFF, host.put("a"))) == Error::invalid_argument);
  CHECK(error(tarta_define_filter(host, 3, host.put("a/#"), 1)) == Error::none);
  CHECK(error(tarta_define_filter(host, 3, host.put("a/#"), 2)) == Error::none);
  CHECK(error(tarta_define_filter(host, 3, host.put("b/#"), 2)) == Error::invalid_argument);
  CHECK(error(tarta_define_filter(host, 4, host.put("#/a"), 0)) == Error::invalid_filter);
  CHECK(error(tarta_define_filter(host, 0xFFFF'FFFF, host.put("a"), 0)) == Error::invalid_argument);
  tarta_forget_filter(host, 3);
  tarta_forget_filter(host, 3);
  tarta_forget_filter(host, 0xFFFF'FFFF);
  CHECK(error(tarta_define_filter(host, 3, host.put("b/#"), 2)) == Error::none);
}

TEST_CASE("abi: subscription options that are not allowed") {
  AbiHost host;
  for (const std::uint32_t options : {0x03U, 0x30U, 0x40U, 0x80U, 0xFFU, 0x100U, 0x101U, 0xFFFF'FFFFU}) {
    CAPTURE(options);
    CHECK(error(tarta_define_filter(host, 0, host.put("a"), options)) == Error::invalid_argument);
  }
  CHECK(error(tarta_define_filter(host, 0, host.put("$share/g/a"), 0x04)) == Error::invalid_argument);  // No Local
  CHECK(error(tarta_define_filter(host, 0, host.put("a"), 0x2E)) == Error::none);
}

TEST_CASE("abi: publish refuses what it does not know") {
  AbiHost host;
  host.connect(5);
  tarta_define_topic(host, 1, host.put("a"));
  CHECK(publish(host, 1, 0, 0, "x") == Error::invalid_argument);
  CHECK(publish(host, 1, 2, 0, "x") == Error::invalid_argument);
  CHECK(publish(host, 1, 0xFFFF'FFFF, 0, "x") == Error::invalid_argument);
  for (const std::uint32_t flags : {6U, 7U, 8U, 10U, 16U, 0xFFU, 0x100U, 0x102U, 0xFFFF'FFFFU}) {
    CAPTURE(flags);
    CHECK(publish(host, 1, 1, flags, "x") == Error::invalid_argument);
  }
  const auto with_properties = [&](std::string_view hexadecimal) {
    const std::uint32_t size = host.put(tarta::from_hex(hexadecimal));
    tarta_publish(host, 1, 1, 0, 0, size, no_expiry);
    return host.error();
  };
  CHECK(with_properties("01 01") == Error::none);
  CHECK(with_properties("01 02") == Error::invalid_argument);           // not allowed
  CHECK(with_properties("21 00 01") == Error::invalid_argument);        // of another packet
  CHECK(with_properties("23 00 01") == Error::invalid_argument);        // the alias is the session's,
  CHECK(with_properties("02 00 00 00 01") == Error::invalid_argument);  // so is the expiry,
  CHECK(with_properties("0B 01") == Error::invalid_argument);           // and the identifier the server's
  CHECK(with_properties("08 00 00") == Error::invalid_argument);        // an empty response topic
  CHECK(with_properties("08 00 01 23") == Error::invalid_argument);     // a wildcard in it
  CHECK(tarta_publish(host, 1, 1, 0, 0x1000'0000, 0, no_expiry) == nullptr);
  CHECK(host.error() == Error::packet_too_large);
  CHECK(tarta_publish(host, 1, 1, 0, 0xFFFF'FFFF, 0, no_expiry) == nullptr);
  CHECK(host.error() == Error::packet_too_large);
}

TEST_CASE("abi: publish says where the payload goes") {
  AbiHost host;
  host.connect(4);
  tarta_define_topic(host, 0, host.put("a"));
  CHECK(publish(host, 0, 0, 1, "now") == Error::none);
  CHECK((host.status().flags & TARTA_QUEUED) == 0);
  CHECK((host.status().flags & TARTA_OUTPUT) != 0);
  CHECK(host.sent() == "31 06 00 01 61 6E 6F 77");
  CHECK(publish(host, 0, 0, 0, "") == Error::none);
  CHECK(host.sent() == "30 03 00 01 61");
  CHECK(publish(host, 9, 0, 2, "q1") == Error::none);
  CHECK(host.status().pending == 1);
  CHECK(host.status().pending_bytes == 3);
  CHECK(host.status().output_length == 0);
  CHECK((tarta_tick(host, 1, 1) & TARTA_FLUSH) != 0);
  CHECK(host.sent() == "32 07 00 01 61 00 01 71 31");
  host.receive("40 02 00 01");
  REQUIRE(host.records().size() == 1);
  CHECK(is(host.records()[0], Event::done));
  CHECK(host.records()[0].words[0] == 9);
  CHECK(host.status().pending == 0);
}

TEST_CASE("abi: a publish at QoS 0 waits while there is no connection") {
  AbiHost host;
  tarta_define_topic(host, 0, host.put("a"));
  CHECK(publish(host, 5, 0, 0, "later") == Error::none);
  CHECK((host.status().flags & TARTA_QUEUED) != 0);
  CHECK(host.status().pending_bytes == 6);
}

TEST_CASE("abi: subscribing to filters by number") {
  AbiHost host;
  host.connect(5);
  tarta_define_filter(host, 2, host.put("a"), 1);
  tarta_define_filter(host, 5, host.put("b/#"), 0x2E);
  CHECK(error(tarta_subscribe(host, 1, 0, 0)) == Error::invalid_argument);
  CHECK(error(tarta_subscribe(host, 1, host.put_numbers({2, 3}), 0)) == Error::invalid_argument);
  CHECK(error(tarta_subscribe(host, 1, host.put_numbers({0xFFFF'FFFF}), 0)) == Error::invalid_argument);
  CHECK(error(tarta_unsubscribe(host, 1, host.put_numbers({3}), 0)) == Error::invalid_argument);
  CHECK(error(tarta_subscribe(host, 7, host.put_numbers({5, 2}), 0)) == Error::none);
  tarta_tick(host, 1, 1);
  CHECK(host.sent() == "82 0D 00 01 00 00 03 62 2F 23 2E 00 01 61 01");
  host.receive("90 05 00 01 00 02 87");
  REQUIRE(host.records().size() == 1);
  CHECK(is(host.records()[0], Event::suback));
  CHECK(host.records()[0].words == std::vector<std::uint32_t>{7, 0, 0, 2, 0x87});
}

TEST_CASE("abi: properties of a request follow its numbers") {
  AbiHost host;
  host.connect(5);
  tarta_define_filter(host, 0, host.put("a"), 0);
  const auto request = [&](const char* hexadecimal, auto call) {
    const std::vector<std::uint8_t> properties = tarta::from_hex(hexadecimal);
    std::vector<std::uint8_t> arguments(4);
    arguments.insert(arguments.end(), properties.begin(), properties.end());
    host.put(arguments);
    return error(call(host, 1, 1, static_cast<std::uint32_t>(properties.size())));
  };
  CHECK(request("26 00 01 61 00 01 62", tarta_unsubscribe) == Error::none);
  CHECK(request("26 00 01 61 00 02 62", tarta_unsubscribe) == Error::invalid_argument);  // unfinished
  CHECK(request("0B 05", tarta_unsubscribe) == Error::invalid_argument);                 // of another packet
  CHECK(request("0B 05", tarta_subscribe) == Error::invalid_argument);                   // the session's own
  tarta_tick(host, 1, 1);
  CHECK(host.sent() == "A2 0D 00 01 07 26 00 01 61 00 01 62 00 01 61");
}

TEST_CASE("abi: a filter that is forgotten before its SUBSCRIBE leaves") {
  AbiHost host;
  host.connect(4);
  tarta_define_filter(host, 0, host.put("a"), 0);
  tarta_define_filter(host, 1, host.put("b"), 0);
  CHECK(error(tarta_subscribe(host, 7, host.put_numbers({1, 0}), 0)) == Error::none);
  tarta_forget_filter(host, 1);
  tarta_tick(host, 1, 1);
  const std::string sent = host.sent();
  if (sent == "82 06 00 01 00 01 61 00") {
    host.receive("90 03 00 01 00");
  } else {
    CHECK(sent == "82 0A 00 01 00 01 62 00 00 01 61 00");
    host.receive("90 04 00 01 00 00");
  }
  REQUIRE(host.records().size() == 1);
  CHECK(is(host.records()[0], Event::suback));
  CHECK((host.status().flags & TARTA_ONLINE) != 0);
}

TEST_CASE("abi: a message comes as records, and is acknowledged once it was delivered") {
  AbiHost host;
  host.connect(4);
  tarta_define_filter(host, 4, host.put("a/+"), 1);
  host.receive("32 07 00 03 61 2F 62 00 09 32 09 00 03 61 2F 62 00 0A 68 69");
  const std::vector<Record> records = host.records();
  REQUIRE(records.size() == 4);
  CHECK(is(records[0], Event::topic));
  const std::uint32_t topic = records[0].words[0];
  CHECK(records[0].words == std::vector<std::uint32_t>{topic, 4, 3});
  CHECK(is(records[1], Event::match));
  CHECK(records[1].words == std::vector<std::uint32_t>{topic, 4});
  CHECK(is(records[2], Event::message));
  CHECK(records[2].flags == (2U | 16U));
  CHECK(records[2].words == std::vector<std::uint32_t>{topic, 9, 0, 9, 1});
  CHECK(records[3].words == std::vector<std::uint32_t>{topic, 18, 2, 10, 2});
  CHECK(host.sent().empty());
  tarta_delivered(host, 1);
  CHECK(host.sent() == "40 02 00 09");
  tarta_hold(host, 2);
  tarta_delivered(host, 2);
  CHECK(host.sent().empty());
  tarta_acknowledge(host, 2, 0);
  CHECK(host.sent() == "40 02 00 0A");
}

TEST_CASE("abi: what records point to is there while they are walked") {
  AbiHost host;
  host.connect(4);
  const auto text_at = [&](std::uint32_t offset, std::uint32_t length) {
    const std::uint8_t* const from = host.area() + static_cast<std::int32_t>(offset);
    return std::string{tarta::as_text({from, length})};
  };
  host.receive("30 0B 00 03 61 62 63 66 69 72 73 74 21 30 0C 00 03 78");  // abc: first!, and a part of another
  std::vector<Record> records = host.records();
  REQUIRE(records.size() == 3);
  CHECK(text_at(records[0].words[1], records[0].words[2]) == "abc");
  CHECK(text_at(records[2].words[1], records[2].words[2]) == "first!");
  CHECK(host.status().tail == 5);

  host.receive("79 7A 73 65 63 6F 6E 64 21 30 20 00 03 41 42 43 44 45 46");  // the rest of it, and a part of a third
  records = host.records();
  REQUIRE(records.size() == 3);
  CHECK(static_cast<std::int32_t>(records[0].words[1]) == -1);
  CHECK(text_at(records[0].words[1], records[0].words[2]) == "xyz");
  CHECK(text_at(records[2].words[1], records[2].words[2]) == "second!");
}

// Statements: classes 4
TEST_CASE("abi: a violation is the end, wherever its packet is cut, and whatever follows") {
  const std::vector<std::uint8_t> violation = tarta::from_hex("30 08 00 01 61 03 23 00 00 78");  // topic alias 0
  for (std::size_t cut = 0; cut <= violation.size(); ++cut) {
    CAPTURE(cut);
    AbiHost host;
    host.connect(5);
    std::size_t closed = 0, others = 0;
    const auto look = [&] {
      for (const Record& record : host.records()) ++(is(record, Event::closed) ? closed : others);
    };
    host.receive(tarta::Bytes{violation}.first(cut));
    look();
    host.receive(tarta::Bytes{violation}.subspan(cut));
    look();
    CHECK(closed == 1);
    CHECK(host.sent() == "E0 01 94");
    host.receive("30 04 00 01 61 00");
    look();
    tarta_tick(host, 1, 1);
    look();
    CHECK(closed == 1);
    CHECK(others == 0);
    CHECK(host.sent().empty());
  }
}

TEST_CASE("abi: a tick amid a message that takes several rounds loses nothing of it") {
  AbiHost host;
  host.connect(4);
  std::vector<std::uint8_t> message;
  constexpr std::uint32_t packets = 10'000;
  for (std::uint32_t i = 0; i < packets; ++i) message.insert(message.end(), {0x30, 0x03, 0x00, 0x01, 'a'});
  constexpr auto kind = static_cast<std::uint32_t>(tarta::Event::message);
  std::uint32_t found = 0;
  const auto count = [&] {
    for (const Record& record : host.records()) found += record.kind == kind ? 1U : 0U;
  };
  std::uint32_t result = host.receive(message);
  REQUIRE((result & TARTA_MORE) != 0);
  while ((result & TARTA_MORE) != 0) {
    count();
    tarta_tick(host, 1, 1);
    result = tarta_more(host);
  }
  count();
  CHECK(found == packets);
}

TEST_CASE("abi: acknowledgements of messages that there are not") {
  AbiHost host;
  host.connect(5);
  for (const std::uint32_t serial : {0U, 1U, 0x8000'0000U, 0xFFFF'FFFFU}) {
    tarta_delivered(host, serial);
    tarta_hold(host, serial);
    tarta_acknowledge(host, serial, 0);
  }
  CHECK(host.sent().empty());
}

TEST_CASE("abi: an acknowledgement by hand bears a reason code of PUBACK") {
  AbiHost host;
  host.connect(5);
  host.receive("32 06 00 01 61 00 09 00");
  tarta_hold(host, 1);
  for (const std::uint32_t reason : {0x01U, 0x04U, 0x92U, 0xFFU, 0x100U, 0x180U}) {
    CAPTURE(reason);
    CHECK(error(tarta_acknowledge(host, 1, reason)) == Error::invalid_argument);
  }
  CHECK(host.sent().empty());
  CHECK(error(tarta_acknowledge(host, 1, 0x87)) == Error::none);
  CHECK(host.sent() == "40 03 00 09 87");
}

TEST_CASE("abi: reason codes that the packet may not bear") {
  AbiHost host;
  tarta_set_bytes(host, number(BytesOption::authentication_method), host.put("m"));
  REQUIRE(tarta_transport_opened(host, 0, 0, 0) == 0);
  host.receive("F0 06 18 04 15 00 01 6D");
  for (const std::uint32_t reason : {0x00U, 0x01U, 0x80U, 0x118U, 0xFFFF'FF18U}) {
    CAPTURE(reason);
    CHECK(error(tarta_authenticate(host, reason, 0)) == Error::invalid_argument);
  }
  CHECK(error(tarta_authenticate(host, 0x18, 0)) == Error::none);
  for (const std::uint32_t reason : {0x01U, 0x18U, 0x84U, 0x100U, 0x104U, 0xFFFF'FF00U}) {
    CAPTURE(reason);
    CHECK(error(tarta_disconnect(host, reason, 0)) == Error::invalid_argument);
  }
  CHECK(error(tarta_disconnect(host, 0, host.put(tarta::from_hex("21 00 01")))) == Error::invalid_argument);
  CHECK(error(tarta_disconnect(host, 0x04, 0)) == Error::none);
}

TEST_CASE("abi: authentication only where a method was set, at 5.0") {
  AbiHost without;
  without.connect(5);
  CHECK(error(tarta_authenticate(without, 0x18, 0)) == Error::invalid_argument);
  AbiHost old;
  tarta_set_bytes(old, number(BytesOption::authentication_method), old.put("m"));
  CHECK(error(tarta_authenticate(old, 0x18, 0)) == Error::invalid_argument);  // no connection
  old.connect(4);
  CHECK(error(tarta_authenticate(old, 0x18, 0)) == Error::invalid_argument);
  AbiHost long_winded;
  tarta_set_bytes(long_winded, number(BytesOption::authentication_method), long_winded.put("m"));
  REQUIRE(tarta_transport_opened(long_winded, 0, 0, 0) == 0);
  long_winded.receive("F0 06 18 04 15 00 01 6D");
  const std::string longest(65'535, 'a');
  CHECK(error(tarta_authenticate(long_winded, 0x18, long_winded.put(longest + "a"))) == Error::invalid_argument);
  CHECK(error(tarta_authenticate(long_winded, 0x18, long_winded.put(longest))) == Error::none);
}

TEST_CASE("abi: operations that there are not cannot be cancelled") {
  AbiHost host;
  tarta_define_topic(host, 0, host.put("a"));
  CHECK(error(tarta_cancel(host, 0)) == Error::invalid_argument);
  CHECK(error(tarta_cancel(host, 1)) == Error::invalid_argument);
  publish(host, 1, 0, 2, "x");
  CHECK(error(tarta_cancel(host, 1)) == Error::none);
  CHECK(error(tarta_cancel(host, 1)) == Error::invalid_argument);
  CHECK(host.status().pending == 0);
}

TEST_CASE("abi: a transport is opened once at a time") {
  AbiHost host;
  CHECK(error(tarta_transport_opened(host, 0, 0, 0)) == Error::none);
  CHECK(error(tarta_transport_opened(host, 0, 0, 0)) == Error::invalid_argument);
  tarta_transport_closed(host, 1, 1);
  CHECK(error(tarta_transport_opened(host, 15, 2, 2)) == Error::none);
}

TEST_CASE("abi: a server has a number below 16") {
  AbiHost host;
  CHECK(error(tarta_transport_opened(host, 16, 0, 0)) == Error::invalid_argument);
  CHECK(error(tarta_transport_opened(host, 0xFFFF'FFFF, 0, 0)) == Error::invalid_argument);
  CHECK(error(tarta_transport_opened(host, 15, 0, 0)) == Error::none);
}

TEST_CASE("abi: bytes that were never put into the receive area are not looked at") {
  AbiHost host;
  host.connect(5);
  CHECK(tarta_receive(host, 100, 100) == 0);
  REQUIRE(tarta_receive_area(host, 2) != nullptr);
  tarta_receive_area(host, 2)[0] = 0xD0;
  tarta_receive_area(host, 2)[1] = 0x00;
  tarta_receive(host, 0xFFFF'FFFF, 0xFFFF'FFFF);
  CHECK(host.records().empty());
  tarta_receive_area(host, 1)[0] = 0xD0;
  tarta_receive(host, 1, 0);  // less in all than is there
  CHECK(host.records().empty());
}

TEST_CASE("abi: what lies in the receive area behind the bytes that are told is not looked at") {
  AbiHost host;
  host.connect(4);
  std::memcpy(tarta_receive_area(host, 8), "\x30\x03\0\1a\xFF\xFF\xFF", 8);
  tarta_receive(host, 5, 5);
  const std::vector<Record> records = host.records();
  CHECK(is(records.back(), Event::message));
  CHECK(host.status().tail == 0);
}

TEST_CASE("abi: probe asks for a tick, which tries the line") {
  AbiHost host;
  tarta_probe(host);  // there is none
  CHECK((host.status().flags & TARTA_OUTPUT) == 0);
  host.connect(5);
  tarta_probe(host);
  CHECK((host.status().flags & TARTA_OUTPUT) != 0);
  tarta_tick(host, 1, 1);
  CHECK(host.sent() == "C0 00");
  CHECK((host.status().flags & TARTA_OUTPUT) == 0);
  CHECK(host.status().deadline == 5'001);
  tarta_transport_closed(host, 2, 2);
  tarta_probe(host);  // there is none any more
  CHECK((host.status().flags & TARTA_OUTPUT) == 0);
}

TEST_CASE("abi: probe does nothing where Keep Alive is off") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::keepalive), 0);
  host.connect(5);
  tarta_probe(host);
  CHECK((host.status().flags & TARTA_OUTPUT) == 0);
  tarta_tick(host, 1, 1);
  CHECK(host.sent().empty());
}

TEST_CASE("abi: OUTPUT tells of what a tick would send, and of nothing else") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::durable), 1);
  tarta_set_number(host, number(NumberOption::clean_start), 0);
  tarta_set_number(host, number(NumberOption::keepalive), 0);
  host.connect(5);
  std::uint32_t stored = 2;  // the client itself, before CONNECT and since CONNACK
  tarta_stored(host, stored);
  REQUIRE(tarta_define_topic(host, 0, host.put("a")) == 0);
  const auto wants = [&] { return (host.status().flags & TARTA_OUTPUT) != 0; };
  const auto tick = [&] {
    tarta_tick(host, 1, 1);
    const std::string sent = host.sent();
    return sent;
  };
  tick();
  CHECK_FALSE(wants());

  // A message, and an acknowledgement, wait for the store.
  REQUIRE(publish(host, 1, 0, 2, "x") == Error::none);
  CHECK(wants());  // the store is to be told
  CHECK(tick().empty());
  CHECK_FALSE(wants());
  tarta_stored(host, ++stored);
  CHECK(wants());
  CHECK(tick().starts_with("32"));
  CHECK_FALSE(wants());
  host.receive("34 06 00 01 61 00 07 00");
  tarta_delivered(host, 1);
  CHECK(tick().empty());
  CHECK_FALSE(wants());
  tarta_stored(host, ++stored);
  CHECK(wants());
  CHECK(tick() == "50 02 00 07");
  CHECK_FALSE(wants());

  // What is sent again, and is more than the output takes at once.
  const std::string large(100'000, 'x');
  for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(publish(host, 10 + i, 0, 2, large) == Error::none);
  tick();
  tarta_stored(host, stored += 3);
  while (wants()) tick();
  tarta_transport_closed(host, 2, 2);
  REQUIRE(tarta_transport_opened(host, 0, 3, 3) == 0);
  tarta_sent(host);
  host.receive("20 06 01 00 03 21 00 04");
  CHECK(wants());
  tick();
  CHECK(wants());
  CHECK(tick().starts_with("3A"));
  CHECK_FALSE(wants());

  // … or more than the quota.
  tarta_transport_closed(host, 4, 4);
  REQUIRE(tarta_transport_opened(host, 0, 5, 5) == 0);
  tarta_sent(host);
  host.receive("20 06 01 00 03 21 00 01");
  tick();
  CHECK_FALSE(wants());
  CHECK((host.receive("40 02 00 01") & TARTA_FLUSH) != 0);
}

TEST_CASE("abi: before a connection, and after it, bytes mean nothing") {
  AbiHost host;
  CHECK(host.receive("20 02 00 00") == 0);
  host.connect(4);
  tarta_transport_closed(host, 1, 1);
  CHECK((host.receive("30 03 00 01 61") & ~std::uint32_t{TARTA_FLUSH}) == 0);
  CHECK(host.records().empty());
  CHECK(tarta_more(host) == 0);
  CHECK(tarta_skipped(host, 1000) == 0);
}

TEST_CASE("abi: an empty message is nothing") {
  AbiHost host;
  host.connect(5);
  CHECK(host.receive(tarta::Bytes{}) == 0);
  CHECK(host.status().consumed == 0);
  CHECK((host.status().flags & TARTA_ONLINE) != 0);
}

TEST_CASE("abi: more words than a buffer takes come in several calls") {
  AbiHost host;
  host.connect(4);
  std::vector<std::uint8_t> message;
  constexpr std::uint32_t count = 9'000;  // of 4 words each
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::vector<std::uint8_t> one = tarta::from_hex("30 04 00 01 61 78");
    message.insert(message.end(), one.begin(), one.end());
  }
  std::uint32_t messages = 0;
  int calls = 1;
  for (std::uint32_t result = host.receive(message);; result = tarta_more(host), ++calls) {
    CHECK((result & 0x1FFF'FFFFU) == host.status().record_words);
    for (const Record& record : host.records()) messages += is(record, Event::message);
    if ((result & TARTA_MORE) == 0) break;
  }
  CHECK(messages == count);
  CHECK(calls > 1);
  CHECK(host.status().consumed == message.size());
}

TEST_CASE("abi: a request that waits for a packet identifier goes out as soon as one is free") {
  AbiHost host;
  tarta_set_number(host, number(NumberOption::queue_max_messages), 100'000);
  tarta_set_number(host, number(NumberOption::keepalive), 0);
  host.connect(5);
  REQUIRE(tarta_define_topic(host, 0, host.put("a")) == 0);
  REQUIRE(tarta_define_filter(host, 0, host.put("a"), 0) == 0);
  while (tarta_publish(host, 0, 0, 2, 0, 0, no_expiry) != nullptr) {
  }
  do {
    tarta_tick(host, 1, 1);
    tarta_sent(host);
  } while ((host.status().flags & TARTA_OUTPUT) != 0);
  REQUIRE(tarta_subscribe(host, 1, host.put_numbers({0}), 0) == 0);
  tarta_tick(host, 2, 2);
  CHECK((host.status().flags & TARTA_OUTPUT) == 0);
  CHECK((host.receive("40 02 12 34") & TARTA_FLUSH) != 0);
  tarta_tick(host, 3, 3);
  CHECK(host.sent() == "82 09 12 34 02 0B 01 00 01 61 00");
}

TEST_CASE("abi: DISCONNECT leaves out what the server would not take with it") {
  const std::string session_expiry = "11 00 00 00 05", words = " 26 00 01 6B 00 01 76";
  const auto said = [](std::string_view properties, const char* connack) {
    AbiHost host;
    tarta_set_number(host, number(NumberOption::version), 5);
    REQUIRE(tarta_transport_opened(host, 0, 0, 0) == 0);
    tarta_sent(host);
    host.receive(connack);
    REQUIRE(error(tarta_disconnect(host, 4, host.put(tarta::from_hex(properties)))) == Error::none);
    tarta_tick(host, 1, 1);
    return host.sent();
  };
  const char* const any = "20 03 00 00 00";
  const char* const ten = "20 08 00 00 05 27 00 00 00 0A";
  const char* const three = "20 08 00 00 05 27 00 00 00 03";
  CHECK(said(session_expiry + words, any) == "E0 0E 04 0C " + session_expiry + words);
  CHECK(said(session_expiry + words, ten) == "E0 07 04 05 " + session_expiry);
  CHECK(said(words.substr(1), ten) == "E0 01 04");
  CHECK(said(words.substr(1), three) == "E0 01 04");
}

TEST_CASE("abi: a session that ends with its connection is not kept at DISCONNECT") {
  for (const std::uint32_t asked : {0U, 1U}) {
    AbiHost host;
    tarta_set_number(host, number(NumberOption::session_expiry_interval), asked);
    host.connect(5);
    CHECK(error(tarta_disconnect(host, 0, host.put(tarta::from_hex("11 00 00 00 05")))) ==
          (asked == 0 ? Error::invalid_argument : Error::none));
    CHECK(error(tarta_disconnect(host, 0, host.put(tarta::from_hex("11 00 00 00 00")))) == Error::none);
  }
}

TEST_CASE("abi: inspection") {
  AbiHost host;
  const auto inspect = [&](std::string_view hexadecimal, std::uint32_t version, std::uint32_t from_client) {
    return tarta_inspect(host, host.put(tarta::from_hex(hexadecimal)), version, from_client);
  };
  CHECK(inspect("20 02 01 00 FF", 4, 0) == 4);
  CHECK(host.error() == Error::none);
  const tarta_status& status = host.status();
  const std::vector<std::uint32_t> words(status.records, status.records + status.record_words);
  CHECK(words == std::vector<std::uint32_t>{2, static_cast<std::uint32_t>(tarta::Field::session_present), 1, 0,
                                            static_cast<std::uint32_t>(tarta::Field::reason_code), 0, 0});

  CHECK(inspect("20 02 01", 4, 0) == 0);  // unfinished
  CHECK(host.error() == Error::none);
  CHECK(status.record_words == 0);

  CHECK(inspect("20 02 02 00", 4, 0) == 0);  // a fault
  CHECK(host.error() == Error::malformed_packet);
  REQUIRE(status.record_words == 1);
  CHECK(static_cast<tarta::Fault>(status.records[0]) == tarta::Fault::connack_flags);

  CHECK(inspect("20 02 00 00", 4, 1) == 0);  // not from a client
  CHECK(host.error() == Error::protocol_error);

  for (const std::uint32_t version : {0U, 2U, 6U, 0x104U, 0xFFFF'FFFFU}) {
    CHECK(inspect("20 02 00 00", version, 0) == 0);
    CHECK(host.error() == Error::invalid_argument);
  }
}

TEST_CASE("abi: inspection does not disturb a connection") {
  AbiHost host;
  host.connect(4);
  host.receive("30 05 00 01");  // the beginning of a packet
  tarta_inspect(host, host.put(tarta::from_hex("30 05 00 01 62 68 69")), 4, 0);
  host.receive("61 68 69");
  const std::vector<Record> records = host.records();
  REQUIRE(records.size() == 3);
  CHECK(is(records[2], Event::message));
  CHECK(static_cast<std::int32_t>(records[0].words[1]) == 0);  // the topic's letter is in this message,
  CHECK(static_cast<std::int32_t>(records[2].words[1]) == 1);  // so is the payload
  CHECK(records[2].words[2] == 2);
}

TEST_CASE("abi: more scratch than there is memory") {
  AbiHost host;
  CHECK(tarta_scratch(host, 0xFFFF'FFFF) == nullptr);
  CHECK(tarta_receive_area(host, 0xFFFF'FFFF) == nullptr);
  CHECK(error(tarta_define_topic(host, 0, host.put("a"))) == Error::none);
}
