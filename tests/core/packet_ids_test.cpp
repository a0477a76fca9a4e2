#include "packet_ids.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "random.hpp"

using Ids = tarta::PacketIds<int>;

TEST_CASE("packet identifiers: begin at 1, count up, lead to their holders") {
  Ids ids;
  std::vector<int> holders(300);
  for (std::size_t i = 0; i < holders.size(); ++i) REQUIRE(ids.allocate(&holders[i]) == i + 1);
  CHECK(ids.used() == holders.size());
  for (std::size_t i = 0; i < holders.size(); ++i) REQUIRE(ids.find(static_cast<std::uint16_t>(i + 1)) == &holders[i]);
  CHECK(ids.find(0) == nullptr);
  CHECK(ids.find(301) == nullptr);
  CHECK(ids.find(65'535) == nullptr);
}

TEST_CASE("packet identifiers: 65,535 are in use, and there is no other") {
  Ids ids;
  int holder = 0;
  std::vector<bool> seen(65'536);
  for (std::uint32_t i = 0; i < Ids::most; ++i) {
    const std::uint16_t id = ids.allocate(&holder);
    REQUIRE(id != 0);
    REQUIRE_FALSE(seen[id]);
    seen[id] = true;
  }
  CHECK(ids.used() == Ids::most);
  CHECK(ids.allocate(&holder) == 0);
  CHECK(ids.allocate(&holder) == 0);

  ids.release(40'000);
  CHECK(ids.find(40'000) == nullptr);
  CHECK(ids.allocate(&holder) == 40'000);
  CHECK(ids.allocate(&holder) == 0);
}

// Statements: 5.0 MQTT-2.2.1-3, MQTT-4.3.2-1, MQTT-4.3.3-1
TEST_CASE("packet identifiers: one that is held is not given again, however often they go round") {
  Ids ids;
  int held_by = 0, passing = 0;
  for (int i = 0; i < 9; ++i) ids.release(ids.allocate(&passing));
  const std::uint16_t held = ids.allocate(&held_by);
  for (int i = 0; i < 70'000; ++i) {
    const std::uint16_t id = ids.allocate(&passing);
    REQUIRE(id != 0);
    REQUIRE(id != held);
    ids.release(id);
  }
  CHECK(ids.find(held) == &held_by);
  CHECK(ids.used() == 1);
}

TEST_CASE("packet identifiers: one that was released is not the next one given") {
  Ids ids;
  int holder = 0;
  const std::uint16_t id = ids.allocate(&holder);
  ids.release(id);
  CHECK(ids.allocate(&holder) != id);
}

TEST_CASE("packet identifiers: the first of them do not come again soon either") {
  Ids ids;
  int holder = 0;
  for (std::uint16_t expected = 1; expected < 16; ++expected) {
    const std::uint16_t id = ids.allocate(&holder);
    CHECK(id == expected);
    ids.release(id);
  }
}

TEST_CASE("packet identifiers: claimed ones") {
  Ids ids;
  int one = 0, two = 0;
  CHECK(ids.claim(3, &one));
  CHECK(ids.find(3) == &one);
  CHECK_FALSE(ids.claim(3, &two));
  CHECK(ids.find(3) == &one);
  CHECK(ids.claim(65'535, &two));
  CHECK(ids.find(65'535) == &two);
  CHECK_FALSE(ids.claim(0, &one));
  CHECK(ids.find(0) == nullptr);
  CHECK(ids.used() == 2);

  CHECK(ids.allocate(&one) == 1);
  CHECK(ids.allocate(&one) == 2);
  CHECK(ids.allocate(&one) == 4);
}

TEST_CASE("packet identifiers: all but one are claimed") {
  Ids ids;
  int holder = 0;
  for (std::uint32_t id = 1; id <= Ids::most; ++id) {
    if (id != 777) REQUIRE(ids.claim(static_cast<std::uint16_t>(id), &holder));
  }
  CHECK(ids.allocate(&holder) == 777);
  CHECK(ids.allocate(&holder) == 0);
}

TEST_CASE("packet identifiers: releasing what is not in use changes nothing") {
  Ids ids;
  int holder = 0;
  ids.release(0);
  ids.release(1);
  ids.release(65'535);
  CHECK(ids.used() == 0);
  const std::uint16_t id = ids.allocate(&holder);
  ids.release(id);
  ids.release(id);
  CHECK(ids.used() == 0);
}

TEST_CASE("packet identifiers: as a set, at random") {
  Ids ids;
  int holder = 0;
  std::set<std::uint16_t> in_use;
  tarta::Random random{"packet identifiers"};
  for (int step = 0; step < 50'000; ++step) {
    // Fills up and runs empty in turns.
    const bool filling = step / 10'000 % 2 == 0;
    if (random.below(10) < (filling ? 7U : 3U)) {
      const std::uint16_t id = ids.allocate(&holder);
      REQUIRE(id != 0);
      REQUIRE(in_use.insert(id).second);
    } else if (!in_use.empty()) {
      const auto any = in_use.lower_bound(static_cast<std::uint16_t>(random.below(65'536)));
      const std::uint16_t id = any == in_use.end() ? *in_use.begin() : *any;
      REQUIRE(ids.find(id) == &holder);
      ids.release(id);
      in_use.erase(id);
    }
    REQUIRE(ids.used() == in_use.size());
  }
  for (std::uint32_t id = 0; id <= Ids::most; ++id) {
    REQUIRE((ids.find(static_cast<std::uint16_t>(id)) != nullptr) == in_use.contains(static_cast<std::uint16_t>(id)));
  }
}
