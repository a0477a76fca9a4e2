// Which alias a topic gets, against a list that says it slowly; and names that change under their numbers.
#include "alias.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "abi_host.hpp"
#include "random.hpp"

using tarta::AbiHost;
using tarta::OutboundAliases;

TEST_CASE("aliases: the server knows what it was told, and the one not used for the longest time gives way") {
  tarta::Random random{"aliases"};
  OutboundAliases aliases;
  std::uint16_t had[12] = {};  // by topic; what a topic had on an earlier connection does no harm
  for (int connection = 0; connection < 50; ++connection) {
    const std::uint32_t most = 1 + random.below(6);
    const std::uint32_t topics = 1 + random.below(12);
    aliases.begin(most);
    std::map<std::uint16_t, std::uint32_t> told;  // alias -> topic, as the server has it
    std::vector<std::uint32_t> used;              // the last one used is the last
    for (int step = 0; step < 300; ++step) {
      const std::uint32_t topic = random.below(topics);
      const bool known = aliases.use(topic, had[topic]);
      const std::uint16_t alias = had[topic];
      REQUIRE(alias >= 1);
      REQUIRE(alias <= most);
      const auto at = std::find(used.begin(), used.end(), topic);
      REQUIRE(known == (at != used.end()));
      if (known) {
        REQUIRE(told.at(alias) == topic);
        used.erase(at);
      } else if (used.size() == most) {
        REQUIRE(told.at(alias) == used.front());
        used.erase(used.begin());
      }
      told[alias] = topic;
      used.push_back(topic);
    }
  }
}

TEST_CASE("aliases: a number that stands for a new name is told again") {
  OutboundAliases aliases;
  aliases.begin(2);
  std::uint16_t alias = 0;
  CHECK_FALSE(aliases.use(7, alias));
  CHECK(aliases.use(7, alias));
  alias = 0;
  CHECK_FALSE(aliases.use(7, alias));
  CHECK(alias == 2);
  CHECK(aliases.use(7, alias));
}

TEST_CASE("aliases: there are none before a connection, nor where the server takes none") {
  OutboundAliases aliases;
  std::uint16_t alias = 0;
  CHECK_FALSE(aliases.use(1, alias));
  CHECK(alias == 0);
  aliases.begin(3);
  CHECK_FALSE(aliases.use(1, alias));
  CHECK(alias == 1);
  aliases.begin(0);
  CHECK_FALSE(aliases.use(1, alias));
  CHECK(alias == 0);
}

TEST_CASE("aliases: as many as the server takes, and no more than serve a purpose") {
  OutboundAliases aliases;
  aliases.begin(65'535);
  std::uint16_t largest = 0;
  for (std::uint32_t topic = 0; topic < 1'000; ++topic) {
    std::uint16_t alias = 0;
    aliases.use(topic, alias);
    largest = std::max(largest, alias);
  }
  CHECK(largest == 256);
}

TEST_CASE("aliases: a number that stands for another topic now is told with its new name") {
  AbiHost host;
  tarta_transport_opened(host, 0, 0, 0);
  tarta_sent(host);
  host.receive("20 06 00 00 03 22 00 0A");  // Topic Alias Maximum 10
  tarta_tick(host, 0, 0);
  host.sent();
  const auto publish = [&](std::uint32_t flags) {
    REQUIRE(tarta_publish(host, 1, 0, flags, 0, 0, 0xFFFF'FFFF) != nullptr);
  };
  REQUIRE(tarta_define_topic(host, 0, host.put("one")) == 0);
  publish(0);
  CHECK(host.sent() == "30 09 00 03 6F 6E 65 03 23 00 01");
  REQUIRE(tarta_define_topic(host, 0, host.put("two")) == 0);
  publish(0);
  CHECK(host.sent() == "30 09 00 03 74 77 6F 03 23 00 02");
  publish(0);
  CHECK(host.sent() == "30 06 00 00 03 23 00 02");

  // What was published under the old name, and has waited, bears that.
  publish(2);
  REQUIRE(tarta_define_topic(host, 0, host.put("tri")) == 0);
  tarta_tick(host, 0, 0);
  CHECK(host.sent() == "32 08 00 03 74 77 6F 00 01 00");
}

TEST_CASE("aliases: what came back from a store has none, though its topic may") {
  AbiHost host;
  REQUIRE(tarta_restore(host, 5, 0, host.put(tarta::from_hex("01 05 00 00 00 01 2C 61")), 0) == 0);
  REQUIRE(tarta_restore(host, 1, 1, host.put(tarta::from_hex("01 02 00 00 00 00 00 03 00 00 00 00 6F 6E 65")), 5) == 0);
  REQUIRE(tarta_define_topic(host, 0, host.put("one")) == 0);
  tarta_transport_opened(host, 0, 0, 0);
  tarta_sent(host);
  host.receive("20 06 00 00 03 22 00 0A");  // no session: the message is published anew; Topic Alias Maximum 10
  REQUIRE(tarta_publish(host, 6, 0, 2, 0, 0, 0xFFFF'FFFF) != nullptr);
  tarta_tick(host, 0, 0);
  CHECK(host.sent() == "32 08 00 03 6F 6E 65 00 02 00 32 0B 00 03 6F 6E 65 00 03 03 23 00 01");
}
