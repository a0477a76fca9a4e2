#include "router.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "heap.hpp"
#include "naive_match.hpp"
#include "random.hpp"
#include "topic.hpp"

using tarta::Buffer;
using tarta::Router;

namespace {

using Numbers = std::vector<std::uint32_t>;

Numbers matches(Router& router, std::string_view topic) {
  Buffer<std::uint32_t> numbers;
  router.match(topic, numbers);
  return {numbers.begin(), numbers.end()};
}

// Asks both.
bool match(std::string_view filter, std::string_view topic) {
  Router router{1};
  REQUIRE(router.add(0, filter));
  const bool found = matches(router, topic) == Numbers{0};
  CHECK(found == tarta::matches_naively(filter, topic));
  return found;
}

// Few different levels, so that filters and topics meet often.
std::string random_levels(tarta::Random& random, bool wildcards) {
  static constexpr std::string_view names[] = {"a", "b", "c", "", "$SYS", "$"};
  const std::uint32_t count = 1 + random.below(5);
  std::string text;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) text += '/';
    if (wildcards && i + 1 == count && random.one_in(3)) return text += '#';
    text += wildcards && random.one_in(4) ? "+" : names[random.below(6)];
  }
  return text.empty() ? "/" : text;
}

}  // namespace

TEST_CASE("router: without filters nothing matches") {
  Router router{1};
  CHECK(matches(router, "a").empty());
}

TEST_CASE("router: the examples of the specification") {
  // 5.0 §4.7.1.2
  CHECK(match("sport/tennis/player1/#", "sport/tennis/player1"));
  CHECK(match("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
  CHECK(match("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
  CHECK(match("sport/#", "sport"));
  CHECK(match("#", "sport"));
  // 5.0 §4.7.1.3
  CHECK(match("sport/tennis/+", "sport/tennis/player1"));
  CHECK(match("sport/+", "sport/"));
  CHECK(match("+/+", "/finance"));
  CHECK(match("/+", "/finance"));
  // 5.0 §4.7.2
  CHECK(match("$SYS/#", "$SYS/"));
  CHECK(match("$SYS/#", "$SYS"));
  CHECK(match("$SYS/monitor/+", "$SYS/monitor/Clients"));
}

TEST_CASE("router: levels of any length, which come and go") {
  Router router{1};
  std::vector<std::string> filters;
  for (const std::size_t length : {1U, 7U, 8U, 9U, 10U, 100U, 30'000U}) {
    for (const char last : {'x', 'y'}) filters.push_back("a/" + std::string(length - 1, 'l') + last + "/b");
  }
  const auto found = [&](std::uint32_t i) { return matches(router, filters[i]); };
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t i = 0; i < filters.size(); ++i) REQUIRE(router.add(i, filters[i]));
    for (std::uint32_t i = 0; i < filters.size(); ++i) CHECK(found(i) == Numbers{i});
    CHECK(matches(router, "a/llllllll/b").empty());
    for (std::uint32_t i = 0; i < filters.size(); i += 2) router.remove(i);
    for (std::uint32_t i = 0; i < filters.size(); ++i) CHECK(found(i) == (i % 2 == 0 ? Numbers{} : Numbers{i}));
    for (std::uint32_t i = 1; i < filters.size(); i += 2) router.remove(i);
  }
}

TEST_CASE("router: what does not match") {
  CHECK_FALSE(match("sport/tennis/+", "sport/tennis/player1/ranking"));
  CHECK_FALSE(match("sport/+", "sport"));
  CHECK_FALSE(match("+", "/finance"));
  CHECK_FALSE(match("#", "$SYS/monitor"));
  CHECK_FALSE(match("#", "$"));
  CHECK_FALSE(match("+/monitor/Clients", "$SYS/monitor/Clients"));
  CHECK_FALSE(match("+", "$SYS"));
  CHECK_FALSE(match("+/#", "$SYS/monitor"));
  CHECK_FALSE(match("ACCOUNTS", "Accounts"));
  CHECK_FALSE(match("a", "a/"));
  CHECK_FALSE(match("a", "/a"));
  CHECK_FALSE(match("a/b", "a"));
  CHECK_FALSE(match("a/#", "ab"));
}

TEST_CASE("router: a $ that does not stand first is a character as any other") {
  Router router{1};
  router.add(0, "a/+");
  router.add(1, "a/#");
  router.add(2, "+/$b");
  CHECK(matches(router, "a/$b") == Numbers{0, 1, 2});
}

TEST_CASE("router: each filter once, in ascending order, equal ones too") {
  Router router{1};
  router.add(7, "a/b");
  router.add(2, "a/+");
  router.add(9, "#");
  router.add(0, "a/b");
  router.add(5, "+/b");
  router.add(3, "a/b/#");
  router.add(4, "a/c");
  CHECK(matches(router, "a/b") == Numbers{0, 2, 3, 5, 7, 9});
  router.remove(7);
  CHECK(matches(router, "a/b") == Numbers{0, 2, 3, 5, 9});
  router.remove(0);
  CHECK(matches(router, "a/b") == Numbers{2, 3, 5, 9});
}

TEST_CASE("router: a removed filter leaves those that share its levels") {
  Router router{1};
  router.add(0, "a/b/c");
  router.add(1, "a/b");
  router.add(2, "a/b/c/d");
  router.add(3, "a/+/c");
  router.remove(0);
  CHECK(matches(router, "a/b/c") == Numbers{3});
  CHECK(matches(router, "a/b") == Numbers{1});
  CHECK(matches(router, "a/b/c/d") == Numbers{2});
  router.remove(2);
  router.remove(2);
  router.remove(99);
  CHECK(matches(router, "a/b/c/d").empty());
  CHECK(matches(router, "a/b") == Numbers{1});
}

TEST_CASE("router: its generation tells of every change") {
  Router router{1};
  std::uint32_t last = router.generation();
  CHECK(last != 0);
  const auto changed = [&] {
    const std::uint32_t before = std::exchange(last, router.generation());
    return last != before;
  };
  router.add(0, "a");
  CHECK(changed());
  router.remove(1);
  CHECK_FALSE(changed());
  router.remove(0);
  CHECK(changed());
}

TEST_CASE("router: as many levels as 65,535 bytes hold") {
  std::string name = "a", every = "+";
  for (int level = 1; level < 32'768; ++level) {
    name += "/a";
    every += "/+";
  }
  const std::string slashes(65'535, '/');  // 65,536 empty levels
  REQUIRE(name.size() == 65'535);

  Router router{1};
  REQUIRE(router.add(0, name));
  REQUIRE(router.add(1, every));
  REQUIRE(router.add(2, "a/#"));
  REQUIRE(router.add(3, slashes));
  REQUIRE(router.add(4, every.substr(0, 65'533) + "/#"));
  CHECK(matches(router, name) == Numbers{0, 1, 2, 4});
  CHECK(matches(router, name.substr(0, 65'533)) == Numbers{2, 4});
  CHECK(matches(router, slashes) == Numbers{3, 4});
  for (std::uint32_t number = 0; number < 5; ++number) router.remove(number);
  CHECK(matches(router, name).empty());
}

TEST_CASE("router: many filters of one level") {
  Router router{1};
  constexpr std::uint32_t count = 20'000;
  for (std::uint32_t i = 0; i < count; ++i) REQUIRE(router.add(i, "room/" + std::to_string(i) + "/light"));
  for (std::uint32_t i = 0; i < count; i += 97) {
    REQUIRE(matches(router, "room/" + std::to_string(i) + "/light") == Numbers{i});
  }
  CHECK(matches(router, "room/20000/light").empty());
}

TEST_CASE("router: as a naive matcher says, while filters come and go") {
  tarta::Random random{"router"};
  for (int round = 0; round < 20; ++round) {
    Router router{random.next()};
    std::map<std::uint32_t, std::string> filters;
    for (int step = 0; step < 400; ++step) {
      const std::uint32_t number = random.below(80);
      if (filters.erase(number) > 0) {
        router.remove(number);
      } else {
        filters[number] = random_levels(random, true);
        REQUIRE(tarta::valid_filter(filters[number]));
        REQUIRE(router.add(number, filters[number]));
      }
      const std::string topic = random_levels(random, false);
      Numbers expected;
      for (const auto& [at, filter] : filters) {
        if (tarta::matches_naively(filter, topic)) expected.push_back(at);
      }
      INFO("topic ", topic, ", round ", round, ", step ", step);
      REQUIRE(matches(router, topic) == expected);
    }
  }
}

TEST_CASE("router: filters that are gone leave no memory behind") {
  tarta::Random random{"router, memory"};
  Router router{1};
  const auto come_and_go = [&] {
    for (std::uint32_t i = 0; i < 500; ++i) router.add(i, std::to_string(random.next()) + "/+/x/" + std::to_string(i));
    for (std::uint32_t i = 0; i < 500; ++i) router.remove(i);
  };
  come_and_go();
  const std::size_t before = tarta::heap_in_use();
  for (int round = 0; round < 20; ++round) come_and_go();
  CHECK(tarta::heap_in_use() == before);
}
