#include "options.hpp"

#include <doctest/doctest.h>

#include <string>

#include "bytes.hpp"
#include "names.hpp"
#include "random.hpp"

using tarta::as_bytes;
using tarta::as_text;
using tarta::BytesOption;
using tarta::Error;
using tarta::NumberOption;
using tarta::Options;

namespace {

constexpr std::uint32_t largest = 0xFFFF'FFFF;

struct Range {
  NumberOption option;
  std::uint32_t least, most;
};

// What each number may be. `version` has a gap, and a test of its own.
constexpr Range ranges[] = {
    {NumberOption::clean_start, 0, 1},
    {NumberOption::keepalive, 0, 65'535},
    {NumberOption::ping_early, 0, 1},
    {NumberOption::session_expiry_interval, 0, largest},
    {NumberOption::receive_maximum, 1, 65'535},
    {NumberOption::maximum_packet_size, 1, largest},
    {NumberOption::topic_alias_maximum, 0, 65'535},
    {NumberOption::connect_timeout, 0, largest},
    {NumberOption::ack_timeout, 0, largest},
    {NumberOption::queue_max_messages, 0, largest},
    {NumberOption::queue_max_bytes, 0, largest},
    {NumberOption::queue_overflow, 0, 2},
    {NumberOption::broker_session, 0, 2},
    {NumberOption::on_session_lost, 0, 2},
    {NumberOption::durable, 0, 1},
    {NumberOption::will_qos, 0, 2},
    {NumberOption::will_retain, 0, 1},
};

}  // namespace

// Statements: 5.0 MQTT-3.1.2-12; 3.1.1 MQTT-3.1.2-14
TEST_CASE("options: every number has its range") {
  CHECK(std::size(ranges) == static_cast<std::size_t>(NumberOption::count) - 1);
  for (const Range& range : ranges) {
    const NumberOption option = range.option;
    const std::uint32_t least = range.least, most = range.most;
    CAPTURE(static_cast<int>(option));
    Options options;
    const std::uint32_t initial = options[option];
    CHECK(initial >= least);
    CHECK(initial <= most);
    if (least > 0) CHECK(options.set(option, least - 1) == Error::invalid_argument);
    if (most < largest) {
      CHECK(options.set(option, most + 1) == Error::invalid_argument);
      CHECK(options.set(option, largest) == Error::invalid_argument);
    }
    CHECK(options[option] == initial);
    CHECK(options.set(option, least) == Error::none);
    CHECK(options[option] == least);
    CHECK(options.set(option, most) == Error::none);
    CHECK(options[option] == most);
  }
}

TEST_CASE("options: the versions there are") {
  Options options;
  CHECK(options[NumberOption::version] == 0);
  for (const std::uint32_t version : {3U, 4U, 5U, 0U}) {
    CHECK(options.set(NumberOption::version, version) == Error::none);
    CHECK(options[NumberOption::version] == version);
  }
  for (const std::uint32_t version : {1U, 2U, 6U, largest}) {
    CHECK(options.set(NumberOption::version, version) == Error::invalid_argument);
    CHECK(options[NumberOption::version] == 0);
  }
}

TEST_CASE("options: bytes are absent until they are set, empty ones too") {
  for (unsigned i = 0; i < static_cast<unsigned>(BytesOption::count); ++i) {
    const auto option = static_cast<BytesOption>(i);
    CAPTURE(i);
    Options options;
    CHECK_FALSE(options.has(option));
    CHECK(options[option].empty());
    const bool may_be_empty = option != BytesOption::will_topic;
    CHECK(options.set(option, {}) == (may_be_empty ? Error::none : Error::invalid_argument));
    CHECK(options.has(option) == may_be_empty);
    CHECK(options[option].empty());
    options.clear(option);
    CHECK_FALSE(options.has(option));
  }
}

TEST_CASE("options: bytes are copied, replaced and cleared") {
  Options options;
  std::string name = "Åsa";
  CHECK(options.set(BytesOption::username, as_bytes(name)) == Error::none);
  name = "Bo";
  CHECK(as_text(options[BytesOption::username]) == "Åsa");
  CHECK(options.set(BytesOption::username, as_bytes(name)) == Error::none);
  CHECK(as_text(options[BytesOption::username]) == "Bo");
  options.clear(BytesOption::username);
  CHECK(options[BytesOption::username].empty());
  CHECK_FALSE(options.has(BytesOption::username));
  CHECK_FALSE(options.has(BytesOption::password));
}

TEST_CASE("options: bytes keep apart, whatever becomes of their neighbours") {
  constexpr auto count = static_cast<unsigned>(BytesOption::count);
  constexpr BytesOption any[] = {BytesOption::client_id, BytesOption::password, BytesOption::will_payload,
                                 BytesOption::authentication_data};
  tarta::Random random{"options"};
  Options options;
  std::string expected[count];
  for (int step = 0; step < 2'000; ++step) {
    const BytesOption option = any[random.below(std::size(any))];
    std::string& value = expected[static_cast<unsigned>(option)];
    value.assign(random.below(30), static_cast<char>('a' + random.below(26)));
    if (random.one_in(4)) {
      value.clear();
      options.clear(option);
    } else {
      REQUIRE(options.set(option, as_bytes(value)) == Error::none);
    }
    for (unsigned i = 0; i < count; ++i) REQUIRE(as_text(options[static_cast<BytesOption>(i)]) == expected[i]);
  }
}

// Statements: 5.0 MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-3.1.3-4, MQTT-3.1.3-11, MQTT-3.1.3-12
// Statements: 3.1.1 MQTT-1.5.3-1, MQTT-1.5.3-2, MQTT-3.1.3-10, MQTT-3.1.3-11, MQTT-3.1.3-4
TEST_CASE("options: texts are well-formed, and all fit into two bytes of length") {
  const std::string ill_formed = "a\xED\xA0\x80", with_null = std::string("a\0b", 3);
  const std::string longest(65'535, 'a'), too_long(65'536, 'a');
  for (const BytesOption option :
       {BytesOption::client_id, BytesOption::username, BytesOption::authentication_method, BytesOption::will_topic}) {
    CAPTURE(static_cast<int>(option));
    Options options;
    CHECK(options.set(option, as_bytes(ill_formed)) == Error::invalid_argument);
    CHECK(options.set(option, as_bytes(with_null)) == Error::invalid_argument);
    CHECK(options.set(option, as_bytes(too_long)) == Error::invalid_argument);
    CHECK_FALSE(options.has(option));
    CHECK(options.set(option, as_bytes(longest)) == Error::none);
    CHECK(options[option].size() == 65'535);
  }
  for (const BytesOption option :
       {BytesOption::password, BytesOption::will_payload, BytesOption::authentication_data}) {
    CAPTURE(static_cast<int>(option));
    Options options;
    CHECK(options.set(option, as_bytes(ill_formed)) == Error::none);
    CHECK(options.set(option, as_bytes(with_null)) == Error::none);
    CHECK(options.set(option, as_bytes(longest)) == Error::none);
    CHECK(options.set(option, as_bytes(too_long)) == Error::invalid_argument);
    CHECK(options[option].size() == 65'535);
  }
}

TEST_CASE("options: the topic of a will is a topic name") {
  Options options;
  for (const std::string_view topic : {"", "a/+", "#"}) {
    CHECK(options.set(BytesOption::will_topic, as_bytes(topic)) == Error::invalid_argument);
  }
  CHECK(options.set(BytesOption::will_topic, as_bytes("a/b")) == Error::none);
}

TEST_CASE("options: properties are checked, each for its place") {
  const auto will_delay = tarta::from_hex("18 00 00 00 05");
  const auto request_problem_information = tarta::from_hex("17 00");
  const auto user_property = tarta::from_hex("26 00 01 61 00 01 62");
  const auto unfinished = tarta::from_hex("26 00 01 61 00 02 62");
  Options options;
  CHECK(options.set(BytesOption::will_properties, will_delay) == Error::none);
  CHECK(options.set(BytesOption::will_properties, request_problem_information) == Error::invalid_argument);
  CHECK(options.set(BytesOption::connect_properties, request_problem_information) == Error::none);
  CHECK(options.set(BytesOption::connect_properties, will_delay) == Error::invalid_argument);
  for (const BytesOption option : {BytesOption::will_properties, BytesOption::connect_properties}) {
    CHECK(options.set(option, user_property) == Error::none);
    CHECK(options.set(option, unfinished) == Error::invalid_argument);
    CHECK(tarta::hex(options[option]) == tarta::hex(user_property));
  }
  // A Response Topic is a topic name; what is an option of its own is set there.
  CHECK(options.set(BytesOption::will_properties, tarta::from_hex("08 00 01 2B")) == Error::invalid_argument);
  for (const char* const own :
       {"11 00 00 00 64", "21 00 01", "27 00 00 00 64", "22 00 01", "15 00 01 6D", "16 00 01 6D"}) {
    CAPTURE(own);
    CHECK(options.set(BytesOption::connect_properties, tarta::from_hex(own)) == Error::invalid_argument);
  }
}

TEST_CASE("options: there are no others") {
  Options options;
  CHECK(options.set(NumberOption::count, 0) == Error::invalid_argument);
  CHECK(options.set(static_cast<NumberOption>(255), 0) == Error::invalid_argument);
  CHECK(options.set(BytesOption::count, {}) == Error::invalid_argument);
  CHECK(options.set(static_cast<BytesOption>(255), {}) == Error::invalid_argument);
  options.clear(BytesOption::count);
  options.clear(static_cast<BytesOption>(255));
}
