#include "topic.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bytes.hpp"
#include "names.hpp"

using namespace std::string_view_literals;
using tarta::check_topic_name;
using tarta::Fault;
using tarta::valid_filter;
using tarta::valid_topic_name;

// Statements: 5.0 MQTT-3.3.2-2, MQTT-4.7.0-1; 3.1.1 MQTT-4.7.1-1
TEST_CASE("topic names: anything but a wildcard") {
  for (const std::string_view name :
       {"a"sv, "/"sv, "//"sv, "/a"sv, "a/"sv, "a/b/c"sv, " "sv, "tårta/på/tårta"sv, "$SYS/broker/uptime"sv,
        "$share/group/a"sv, "\x01"sv, "\uFEFF"sv, "__proto__"sv}) {
    CAPTURE(name);
    CHECK(valid_topic_name(name));
    CHECK(check_topic_name(tarta::as_bytes(name)) == Fault::none);
  }
  for (const std::string_view name : {"+"sv, "#"sv, "a/+"sv, "a/#"sv, "a+b"sv, "a#"sv, "+/a"sv, "/#"sv}) {
    CAPTURE(name);
    CHECK_FALSE(valid_topic_name(name));
    CHECK(check_topic_name(tarta::as_bytes(name)) == Fault::topic_name_wildcard);
  }
}

// Statements: 5.0 MQTT-3.3.2-1, MQTT-4.7.3-2; 3.1.1 MQTT-3.3.2-1, MQTT-4.7.3-2
TEST_CASE("topic names: well-formed text without U+0000") {
  CHECK(check_topic_name(tarta::as_bytes("a\0b"sv)) == Fault::text_null);
  CHECK(check_topic_name(tarta::as_bytes("a\xC3"sv)) == Fault::text_ill_formed);
  CHECK(check_topic_name(tarta::as_bytes("+\xFF"sv)) == Fault::text_ill_formed);
  CHECK_FALSE(valid_topic_name("a\0b"sv));
  CHECK_FALSE(valid_topic_name("a\xC3"sv));
}

// Statements: 5.0 MQTT-4.7.3-1; 3.1.1 MQTT-4.7.3-1
TEST_CASE("topic names: the empty one stands for an alias only") {
  CHECK(check_topic_name({}) == Fault::none);
  CHECK_FALSE(valid_topic_name(""));
}

// Statements: 5.0 MQTT-4.7.3-3; 3.1.1 MQTT-4.7.3-3
TEST_CASE("topic names and filters: at most 65,535 bytes") {
  CHECK(valid_topic_name(std::string(65'535, 'a')));
  CHECK_FALSE(valid_topic_name(std::string(65'536, 'a')));
  CHECK(valid_filter(std::string(65'535, '/')));
  CHECK_FALSE(valid_filter(std::string(65'536, '/')));
  CHECK(valid_filter("$share/g/" + std::string(65'526, 'a')));
  CHECK_FALSE(valid_filter("$share/g/" + std::string(65'527, 'a')));
}

// Statements: 5.0 MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1, MQTT-4.7.3-2
// Statements: 3.1.1 MQTT-4.7.1-2, MQTT-4.7.1-3, MQTT-4.7.3-1, MQTT-4.7.3-2
// Statements: 5.0 MQTT-3.8.3-1, MQTT-3.10.3-1; 3.1.1 MQTT-3.10.3-1, MQTT-3.8.3-1
TEST_CASE("filters: wildcards fill levels, # the last one") {
  for (const std::string_view filter :
       {"a"sv, "/"sv, "+"sv, "#"sv, "+/+"sv, "/+"sv, "+/"sv, "a/+/b"sv, "a/#"sv, "/#"sv, "+/#"sv, "+/a/#"sv, "//#"sv,
        "$SYS/#"sv, "$SYS/+"sv, "$"sv, "$share"sv, "tårta/+"sv}) {
    CAPTURE(filter);
    CHECK(valid_filter(filter));
    CHECK(valid_filter(filter, false));
  }
  for (const std::string_view filter :
       {""sv, "a+"sv, "+a"sv, "++"sv, "a/b+/c"sv, "a#"sv, "#a"sv, "##"sv, "#/"sv, "#/a"sv, "a/#/b"sv, "a/#/"sv, "#/#"sv,
        "+#"sv, "#+"sv, "a/+#"sv, "a\0"sv, "a/\xFF"sv}) {
    CAPTURE(filter);
    CHECK_FALSE(valid_filter(filter));
    CHECK_FALSE(valid_filter(filter, false));
  }
}

// Statements: 5.0 MQTT-4.8.2-1, MQTT-4.8.2-2
TEST_CASE("filters: shared subscriptions") {
  for (const std::string_view filter :
       {"$share/g/a"sv, "$share/g//"sv, "$share/g/+"sv, "$share/g/#"sv, "$share/g/a/+/#"sv, "$share/g/$SYS/a"sv,
        "$share/å/a"sv, "$share/$share/a"sv, "$share/g/$share/g/a"sv}) {
    CAPTURE(filter);
    CHECK(valid_filter(filter));
    CHECK(tarta::is_shared(filter));
  }
  for (const std::string_view filter :
       {"$share/"sv, "$share/g"sv, "$share/g/"sv, "$share//a"sv, "$share//"sv, "$share/+/a"sv, "$share/#/a"sv,
        "$share/g+/a"sv, "$share/#"sv, "$share/g/a+"sv, "$share/g/#/a"sv}) {
    CAPTURE(filter);
    CHECK_FALSE(valid_filter(filter));
    CHECK(tarta::is_shared(filter));
  }
  for (const std::string_view filter : {"$share"sv, "$shared/g/a"sv, "$SHARE/g/a"sv, "share/g/a"sv, "/$share/g/a"sv}) {
    CAPTURE(filter);
    CHECK_FALSE(tarta::is_shared(filter));
    CHECK(valid_filter(filter));
  }
}

TEST_CASE("filters: before 5.0 $share is a level as any other") {
  for (const std::string_view filter : {"$share/"sv, "$share/g"sv, "$share//a"sv, "$share/+/a"sv, "$share/#"sv}) {
    CAPTURE(filter);
    CHECK(valid_filter(filter, false));
  }
  CHECK_FALSE(valid_filter("$share/g/a+", false));
}

TEST_CASE("filters: the part that is matched") {
  CHECK(tarta::matched_part("a/b") == "a/b");
  CHECK(tarta::matched_part("$share/g/a/b") == "a/b");
  CHECK(tarta::matched_part("$share/g//") == "/");
  CHECK(tarta::matched_part("$share/g/#") == "#");
  CHECK(tarta::matched_part("$SYS/#") == "$SYS/#");
}

TEST_CASE("filters: which have a wildcard") {
  CHECK(tarta::has_wildcard("#"));
  CHECK(tarta::has_wildcard("a/+/b"));
  CHECK(tarta::has_wildcard("$share/g/a/#"));
  CHECK_FALSE(tarta::has_wildcard("a/b"));
  CHECK_FALSE(tarta::has_wildcard("$share/g/a"));
}

TEST_CASE("levels: taken off one by one, empty ones too") {
  const auto levels = [](std::string_view text) {
    std::vector<std::string> all;
    for (bool more = true; more;) all.emplace_back(tarta::next_level(text, more));
    return all;
  };
  using List = std::vector<std::string>;
  CHECK(levels("a") == List{"a"});
  CHECK(levels("a/b/c") == List{"a", "b", "c"});
  CHECK(levels("/") == List{"", ""});
  CHECK(levels("/a//b/") == List{"", "a", "", "b", ""});
  CHECK(levels("") == List{""});
}
