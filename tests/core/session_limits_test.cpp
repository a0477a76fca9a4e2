// Sessions at the edge of what they have room for: packet identifiers, the output, queues of acknowledgements, and
// limits of the server that come late. The lines are those of tests/sessions/README.md.
#include <doctest/doctest.h>

#include <algorithm>

#include "bytes.hpp"
#include "packet_ids.hpp"
#include "script.hpp"
#include "session.hpp"

using Lines = std::vector<std::string>;

namespace {

void run(Script& script, const Lines& lines) {
  for (const std::string& line : lines) script.run(line);
}

// Opens a connection, with the client kept where there is a store, that the server accepts with these words.
void connect(Script& script, const std::string& connack = "") {
  run(script, {"open", "stored", "< connack" + (connack.empty() ? "" : " " + connack)});
}

std::size_t count(const Lines& lines, const std::string& beginning) {
  return static_cast<std::size_t>(
      std::count_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(beginning); }));
}

std::string big(char letter) { return std::string(60'000, letter); }

}  // namespace

TEST_CASE("limits: when all packet identifiers are in use, a message is refused and a request waits") {
  Script script;
  run(script, {"option version 5", "option queueMaxMessages 100000", "filter 0 a"});
  const std::string all = std::to_string(tarta::PacketIds<int>::most);
  for (std::uint32_t i = 1; i <= tarta::PacketIds<int>::most; ++i) {
    script.queue("publish " + std::to_string(i) + " a qos=1");
  }
  CHECK(script.run("publish 70000 a qos=1") == Lines{"= error PACKET_IDENTIFIERS_EXHAUSTED"});
  script.run("open");
  script.queue("subscribe 70001 0");
  const Lines sent = script.run("< connack receiveMaximum=2");
  CHECK(sent == Lines{"= connected version=5 receiveMaximum=2", "> publish qos=1 topic=a packetIdentifier=1",
                      "> publish qos=1 topic=a packetIdentifier=2"});
  // The identifier that comes free is the request's; the next message has its own already.
  const Lines then = script.run("< puback packetIdentifier=1");
  REQUIRE(then.size() == 3);
  CHECK(then[0] == "= done 1");
  CHECK(then[1] == "> subscribe packetIdentifier=1 subscriptionIdentifier=1 filter=a");
  CHECK(then[2] == "> publish qos=1 topic=a packetIdentifier=3");
}

TEST_CASE("limits: the output is given over in pieces, and its memory when there was much") {
  for (const std::string qos : {"0", "1"}) {
    CAPTURE(qos);
    Script script;
    run(script, {"option version 4", "option cleanStart 0"});
    for (int i = 1; i <= 6; ++i) {
      script.queue("publish " + std::to_string(i) + " a qos=" + qos + " payload=" + big('x'));
    }
    script.run("open");
    CHECK(count(script.run("< connack"), "> publish") == 3);  // 128 KiB and what makes it more
    CHECK(count(script.run("at 1"), "> publish") == 3);
    CHECK(count(script.run("at 2"), "> publish") == 0);
    if (qos == "0") continue;
    // Sent again after a break it comes in pieces too; a new one, at QoS 0, does not overtake it.
    run(script, {"drop", "open"});
    script.queue("publish 7 a payload=last");
    CHECK(count(script.run("< connack sessionPresent"), "> publish dup") == 3);
    CHECK(count(script.run("at 3"), "> publish dup") == 3);
    CHECK(script.run("at 4") == Lines{"= done 7", "> publish topic=a payload=last"});
  }
  Script script;
  run(script, {"option version 4"});
  connect(script);
  for (int i = 1; i <= 6; ++i) script.queue("publish " + std::to_string(i) + " a payload=" + big('x'));
  CHECK(count(script.run("at 1"), "> publish") == 6);  // at once: nothing waits for the tick
  CHECK(script.run("publish 7 a payload=more") == Lines{"> publish topic=a payload=more"});
}

TEST_CASE("limits: acknowledgements that wait for the store go out in order, however many there are") {
  constexpr int most = 1'000;
  Script script;
  run(script, {"store", "option version 5"});
  connect(script);
  run(script, {"stored", "handlers wait"});
  for (int i = 1; i <= most; ++i) script.queue("< publish qos=2 topic=a packetIdentifier=" + std::to_string(i));
  script.run("at 1");
  script.queue("handlers return");
  CHECK(count(script.run("at 2"), "= persist inbound") == most);
  // Serials 1 and 2 were the client's.
  int next = 1;
  for (const int through : {2, 300, 301, 650, 900, most + 1}) {
    for (const std::string& line : script.run("stored " + std::to_string(through + 1))) {
      REQUIRE(line == "> pubrec packetIdentifier=" + std::to_string(next++));
    }
    CHECK(next == through);
  }
}

TEST_CASE("limits: an acknowledgement that waited and is too large ends the connection") {
  Script script;
  run(script, {"store", "option version 5"});
  connect(script, "maximumPacketSize=3");
  script.run("stored");
  script.run("< publish qos=2 topic=a packetIdentifier=1");
  CHECK(script.run("stored") == Lines{"= closed PACKET_TOO_LARGE final"});
}

TEST_CASE("limits: what is to be sent again, and which the server does not take any more, is given up") {
  Script script;
  run(script, {"option version 5", "option cleanStart 0"});
  connect(script);
  run(script, {"publish 1 a qos=1 retain", "publish 2 a qos=1 payload=" + std::string(100, 'x'), "publish 3 a qos=2",
               "publish 4 a qos=1", "drop", "open"});
  const Lines lines = script.run("< connack sessionPresent maximumPacketSize=50 maximumQoS=1 retainAvailable=0");
  CHECK(count(lines, "> publish") == 1);
  CHECK(count(lines, "> publish dup qos=1 topic=a packetIdentifier=4") == 1);
  CHECK(count(lines, "= failed 1 RETAIN_NOT_SUPPORTED") == 1);
  CHECK(count(lines, "= failed 2 PACKET_TOO_LARGE") == 1);
  CHECK(count(lines, "= failed 3 QOS_NOT_SUPPORTED") == 1);

  // Their identifiers stay in use, however often the others go round, until the session ends.
  constexpr std::uint32_t others = 65'535 - 4;
  const auto fill = [&] {
    std::uint32_t taken = 0;
    while (script.run("publish 5 a qos=1") != Lines{"= error PACKET_IDENTIFIERS_EXHAUSTED"}) ++taken;
    return taken;
  };
  run(script, {"set queueMaxMessages 100000", "drop"});
  CHECK(fill() == others);
  run(script, {"open", "< connack receiveMaximum=1", "drop"});
  CHECK(fill() == 3);
}

TEST_CASE("limits: a QoS 0 message has room in a full queue, or tells why not") {
  const Lines full{"option version 4", "option queueMaxMessages 1", "publish 1 a qos=1"};
  const auto answer = [&](const std::string& overflow) {
    Script script;
    script.run("option queueOverflow " + overflow);
    run(script, full);
    return script.run("publish 2 a");
  };
  CHECK(answer("0") == Lines{"= error QUEUE_FULL"});
  CHECK(answer("1") == Lines{"= failed 1 DROPPED"});
  CHECK(answer("2") == Lines{"= error DROPPED"});
  Script script;
  run(script, {"option version 4", "option queueOverflow 1", "option queueMaxBytes 10", "publish 1 a qos=1 payload=x"});
  CHECK(script.run("publish 2 a payload=larger-than-the-queue") == Lines{"= error QUEUE_FULL"});
  // What was sent cannot be dropped.
  Script sent;
  run(sent, {"option version 4", "option queueOverflow 1", "option queueMaxMessages 1"});
  connect(sent);
  sent.run("publish 1 a qos=1");
  CHECK(sent.run("publish 2 a qos=1") == Lines{"= error QUEUE_FULL"});
}

TEST_CASE("limits: subscriptions that are asked for again fill packets of moderate size") {
  constexpr int filters = 400;
  Script script;
  run(script, {"option version 4", "option cleanStart 0"});
  std::string list = "subscribe 1", codes = "< suback packetIdentifier=1";
  for (int i = 0; i < filters; ++i) {
    script.queue("filter " + std::to_string(i) + " " + std::string(97, 'f') + std::to_string(i));
    list += " " + std::to_string(i);
    codes += " 0x00";
  }
  connect(script);
  run(script, {list, codes, "drop", "open"});
  // 16 KiB hold about 160 of them.
  CHECK(count(script.run("< connack"), "> subscribe") == 3);
}

TEST_CASE("limits: a client's record that was cut is read no further than it goes") {
  using namespace std::string_view_literals;
  for (const std::string_view cut : {""sv, "\x01"sv}) {
    tarta::Session session{1};
    CHECK(session.restore(tarta::Kept::client, 0, tarta::ExactBytes{cut}, 0) == tarta::Error::store_corrupt);
  }
}
