#include "inbound.hpp"

#include <doctest/doctest.h>

#include <vector>

using tarta::Inbound;
using Arriving = Inbound::Arriving;

namespace {

constexpr std::uint32_t no_limit = 65'535;

// Lets messages arrive, and gives their serials.
class Server {
 public:
  explicit Server(Inbound& inbound) : inbound_(inbound) {}

  std::uint32_t deliver(std::uint16_t id, std::uint8_t qos) {
    std::uint32_t serial = 0;
    REQUIRE(inbound_.arrive(id, qos, false, no_limit, serial) == Arriving::deliver);
    return serial;
  }
  Arriving send(std::uint16_t id, std::uint8_t qos, std::uint32_t receive_maximum = no_limit) {
    std::uint32_t serial = 0;
    return inbound_.arrive(id, qos, false, receive_maximum, serial);
  }
  Arriving repeat(std::uint16_t id, std::uint8_t qos, std::uint32_t receive_maximum = no_limit) {
    std::uint32_t serial = 0;
    return inbound_.arrive(id, qos, true, receive_maximum, serial);
  }

 private:
  Inbound& inbound_;
};

using Identifiers = std::vector<std::uint16_t>;

// The identifiers that are acknowledged now: not those of an earlier connection, which the server sends again.
Identifiers acknowledged(Inbound& inbound) {
  Identifiers all;
  while (const tarta::Arrival* const front = inbound.front()) {
    if (!front->stale) all.push_back(front->id);
    inbound.pop();
  }
  return all;
}

}  // namespace

TEST_CASE("inbound: nothing is there at first") {
  Inbound inbound;
  CHECK(inbound.front() == nullptr);
  CHECK_FALSE(inbound.any());
  CHECK_FALSE(inbound.held(1));
  CHECK_FALSE(inbound.waiting(1));
  CHECK(inbound.unacknowledged() == 0);
  inbound.release(1);
  inbound.delivered(1);
  inbound.hold(1);
  inbound.acknowledge(1, 0);
  inbound.forget_last();
  inbound.connection_lost();
  inbound.session_lost();
  CHECK_FALSE(inbound.any());
}

TEST_CASE("inbound: messages are acknowledged in the order of arrival, once they were delivered") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(10, 1);
  const std::uint32_t second = server.deliver(5, 2);
  server.deliver(7, 1);
  const std::uint32_t last = server.deliver(6, 1);
  CHECK(acknowledged(inbound).empty());
  inbound.delivered(second);
  CHECK(acknowledged(inbound) == Identifiers{10, 5});
  inbound.delivered(second);
  CHECK(acknowledged(inbound).empty());
  inbound.delivered(last);
  CHECK(acknowledged(inbound) == Identifiers{7, 6});
}

TEST_CASE("inbound: delivered() of what is long gone or not yet there does no harm") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t first = server.deliver(1, 1);
  inbound.delivered(first - 1);
  CHECK(acknowledged(inbound).empty());
  inbound.delivered(first + 1000);
  CHECK(acknowledged(inbound) == Identifiers{1});
  server.deliver(2, 1);
  inbound.delivered(first);
  CHECK(acknowledged(inbound).empty());
}

TEST_CASE("inbound: one that is acknowledged by hand holds up those behind it") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 1);
  const std::uint32_t by_hand = server.deliver(2, 1);
  const std::uint32_t last = server.deliver(3, 1);
  inbound.hold(by_hand);
  inbound.delivered(last);
  CHECK(acknowledged(inbound) == Identifiers{1});
  inbound.acknowledge(by_hand, 0x80);
  REQUIRE(inbound.front() != nullptr);
  CHECK(inbound.front()->reason == 0x80);
  CHECK(acknowledged(inbound) == Identifiers{2, 3});
}

TEST_CASE("inbound: those acknowledged by hand may come in any order") {
  Inbound inbound;
  Server server{inbound};
  std::vector<std::uint32_t> serials;
  for (std::uint16_t id = 1; id <= 4; ++id) {
    serials.push_back(server.deliver(id, 1));
    inbound.hold(serials.back());
  }
  inbound.acknowledge(serials[2], 0);
  inbound.acknowledge(serials[1], 0);
  CHECK(acknowledged(inbound).empty());
  inbound.acknowledge(serials[0], 0);
  CHECK(acknowledged(inbound) == Identifiers{1, 2, 3});
  inbound.acknowledge(serials[0], 0);  // stale
  inbound.acknowledge(serials[3], 0);
  CHECK(acknowledged(inbound) == Identifiers{4});
}

TEST_CASE("inbound: an acknowledgement by hand does not hold up those before it") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 1);
  const std::uint32_t early = server.deliver(2, 1);
  const std::uint32_t last = server.deliver(3, 1);
  SUBCASE("of a message that was held") { inbound.hold(early); }
  SUBCASE("of one that was not") {}
  inbound.acknowledge(early, 0);
  CHECK(acknowledged(inbound).empty());
  inbound.delivered(last);
  CHECK(acknowledged(inbound) == Identifiers{1, 2, 3});
}

TEST_CASE("inbound: a repeated message is delivered once while it is being handled") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 1);
  const std::uint32_t last = server.deliver(2, 2);
  CHECK(server.repeat(1, 1) == Arriving::drop);
  CHECK(server.repeat(2, 2) == Arriving::drop);
  CHECK(server.send(2, 2) == Arriving::drop);  // QoS 2 goes by the identifier alone
  CHECK(inbound.unacknowledged() == 2);
  inbound.delivered(last);
  CHECK(acknowledged(inbound) == Identifiers{1, 2});
}

TEST_CASE("inbound: after its acknowledgement QoS 1 is a new message, QoS 2 the same until it is released") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 1);
  inbound.delivered(server.deliver(2, 2));
  acknowledged(inbound);
  CHECK(inbound.held(2));
  CHECK(server.repeat(2, 2) == Arriving::acknowledge);
  CHECK(server.send(2, 2) == Arriving::acknowledge);
  CHECK(server.repeat(1, 1) == Arriving::deliver);
  inbound.release(2);
  CHECK_FALSE(inbound.held(2));
  CHECK(server.send(2, 2) == Arriving::deliver);
}

TEST_CASE("inbound: a QoS 2 message that was refused is over") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t serial = server.deliver(1, 2);
  inbound.hold(serial);
  inbound.acknowledge(serial, 0x83);
  CHECK(acknowledged(inbound) == Identifiers{1});
  CHECK_FALSE(inbound.held(1));
  CHECK_FALSE(inbound.any());
  CHECK(inbound.unacknowledged() == 0);
  CHECK(server.send(1, 2) == Arriving::deliver);
}

TEST_CASE("inbound: an identifier has one QoS at a time") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 1);
  const std::uint32_t last = server.deliver(2, 2);
  CHECK(server.repeat(1, 2) == Arriving::qos_changed);
  CHECK(server.send(2, 1) == Arriving::qos_changed);
  inbound.delivered(last);
  acknowledged(inbound);
  CHECK(server.send(2, 1) == Arriving::qos_changed);  // held until PUBREL
  CHECK(server.send(1, 2) == Arriving::deliver);
}

TEST_CASE("inbound: the receive maximum counts QoS 1 until its acknowledgement, QoS 2 until its release") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 1);
  const std::uint32_t last = server.deliver(2, 2);
  CHECK(inbound.unacknowledged() == 2);
  CHECK(server.send(3, 1, 2) == Arriving::too_many);
  CHECK(server.repeat(1, 1, 2) == Arriving::drop);  // takes no further place
  inbound.delivered(last);
  acknowledged(inbound);
  CHECK(inbound.unacknowledged() == 1);
  CHECK(server.send(3, 1, 1) == Arriving::too_many);
  inbound.release(2);
  CHECK(inbound.unacknowledged() == 0);
  CHECK(server.send(3, 1, 1) == Arriving::deliver);
}

TEST_CASE("inbound: held and waiting are told apart") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t serial = server.deliver(9, 2);
  CHECK(inbound.waiting(9));
  CHECK_FALSE(inbound.held(9));
  inbound.release(9);  // too early
  CHECK(inbound.waiting(9));
  inbound.delivered(serial);
  acknowledged(inbound);
  CHECK_FALSE(inbound.waiting(9));
  CHECK(inbound.held(9));
  CHECK(inbound.any());
  inbound.release(9);
  inbound.release(9);
  CHECK_FALSE(inbound.any());
  CHECK(inbound.unacknowledged() == 0);
}

TEST_CASE("inbound: a lost connection forgets QoS 1, which comes again") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 1);
  const std::uint32_t last = server.deliver(2, 1);
  inbound.connection_lost();
  CHECK_FALSE(inbound.any());
  CHECK(inbound.unacknowledged() == 0);
  inbound.delivered(last);  // handlers return late
  CHECK(acknowledged(inbound).empty());
  CHECK(server.repeat(1, 1) == Arriving::deliver);
  CHECK(acknowledged(inbound).empty());
}

TEST_CASE("inbound: a QoS 2 message that was being handled is not delivered again on the next connection") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t serial = server.deliver(1, 2);
  inbound.connection_lost();
  CHECK(inbound.any());
  CHECK(inbound.unacknowledged() == 0);

  SUBCASE("its handlers return before it comes again") {
    inbound.delivered(serial);
    CHECK(acknowledged(inbound).empty());  // the server does not wait for an answer yet
    CHECK(inbound.held(1));
    CHECK(server.repeat(1, 2) == Arriving::acknowledge);
  }
  SUBCASE("it comes again before its handlers return") {
    CHECK(server.repeat(1, 2) == Arriving::drop);
    CHECK(inbound.unacknowledged() == 1);
    inbound.delivered(serial);
    CHECK(acknowledged(inbound) == Identifiers{1});
    CHECK(inbound.unacknowledged() == 1);
    inbound.release(1);
    CHECK(inbound.unacknowledged() == 0);
  }
  SUBCASE("the connection is lost once more") {
    CHECK(server.repeat(1, 2) == Arriving::drop);
    inbound.connection_lost();
    CHECK(server.repeat(1, 2) == Arriving::drop);
    CHECK(inbound.unacknowledged() == 1);
  }
}

TEST_CASE("inbound: stale messages count against the receive maximum when they come again") {
  Inbound inbound;
  Server server{inbound};
  server.deliver(1, 2);
  server.deliver(2, 2);
  inbound.connection_lost();
  CHECK(server.repeat(1, 2, 1) == Arriving::drop);
  CHECK(server.repeat(2, 2, 1) == Arriving::too_many);
}

TEST_CASE("inbound: a message of an earlier connection that is released now was not counted on this one") {
  Inbound inbound;
  Server server{inbound};
  inbound.delivered(server.deliver(1, 2));
  acknowledged(inbound);
  inbound.connection_lost();
  const std::uint32_t serial = server.deliver(2, 1);
  inbound.release(1);
  inbound.delivered(serial);
  CHECK(acknowledged(inbound) == Identifiers{2});
  CHECK(inbound.unacknowledged() == 0);
  CHECK(server.send(3, 1, 1) == Arriving::deliver);
}

TEST_CASE("inbound: what waits for an acknowledgement by hand is delivered again on the next connection") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t unanswered = server.deliver(1, 2);
  const std::uint32_t answered = server.deliver(2, 2);
  inbound.hold(unanswered);
  inbound.hold(answered);
  inbound.acknowledge(answered, 0);
  inbound.connection_lost();

  CHECK(acknowledged(inbound).empty());
  CHECK(server.repeat(2, 2) == Arriving::acknowledge);
  const std::uint32_t again = server.deliver(1, 2);
  inbound.acknowledge(unanswered, 0);  // of the lost connection: means nothing any more
  inbound.delivered(again - 1);
  CHECK(acknowledged(inbound).empty());
  inbound.delivered(again);
  CHECK(acknowledged(inbound) == Identifiers{1});
}

TEST_CASE("inbound: what comes again is acknowledged behind what came before it on this connection") {
  Inbound inbound;
  Server server{inbound};
  inbound.hold(server.deliver(1, 2));
  const std::uint32_t handled = server.deliver(2, 2);

  SUBCASE("its handlers have returned") { inbound.delivered(handled); }
  SUBCASE("its handlers return before it comes again") {
    inbound.connection_lost();
    inbound.delivered(handled);
  }
  SUBCASE("its handlers return later") {}
  SUBCASE("the connection is lost once more") {
    inbound.connection_lost();
    CHECK(server.repeat(2, 2) == Arriving::drop);
    inbound.delivered(handled);
  }
  inbound.connection_lost();
  acknowledged(inbound);
  const std::uint32_t again = server.deliver(1, 2);
  inbound.hold(again);
  CHECK(server.repeat(2, 2) == Arriving::drop);
  CHECK(server.repeat(2, 2) == Arriving::drop);  // it has its place already
  CHECK(inbound.unacknowledged() == 2);
  inbound.delivered(again);
  CHECK(acknowledged(inbound).empty());
  CHECK(server.repeat(2, 2) == Arriving::drop);
  inbound.acknowledge(again, 0);
  CHECK(acknowledged(inbound) == Identifiers{1, 2});
  CHECK(inbound.held(2));
  CHECK(server.repeat(2, 2) == Arriving::acknowledge);
  inbound.release(1);
  inbound.release(2);
  CHECK(inbound.unacknowledged() == 0);
  CHECK_FALSE(inbound.any());
}

TEST_CASE("inbound: a refusal that was not sent yet is sent when the message comes again") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t first = server.deliver(1, 2);
  const std::uint32_t refused = server.deliver(2, 2);
  inbound.hold(refused);
  inbound.acknowledge(refused, 0x83);
  inbound.connection_lost();
  CHECK(server.repeat(1, 2) == Arriving::drop);
  CHECK(server.repeat(2, 2) == Arriving::drop);
  inbound.delivered(first);

  SUBCASE("on this connection") {
    REQUIRE(inbound.front() != nullptr);
    inbound.pop();
    inbound.pop();
    CHECK(server.repeat(2, 2) == Arriving::drop);  // its answer is still to come
    CHECK(acknowledged(inbound) == Identifiers{1, 2});
    CHECK(inbound.unacknowledged() == 1);  // the other one until it is released
  }
  SUBCASE("on none: it comes anew on the next") {
    REQUIRE(inbound.front() != nullptr);
    inbound.pop();
    inbound.pop();
    inbound.connection_lost();
    CHECK(inbound.front() == nullptr);
    CHECK(server.repeat(1, 2) == Arriving::acknowledge);
  }
  CHECK_FALSE(inbound.held(2));
  CHECK(server.send(2, 2) == Arriving::deliver);
}

TEST_CASE("inbound: what is released before its turn has none any more") {
  Inbound inbound;
  Server server{inbound};
  inbound.delivered(server.deliver(1, 2));
  acknowledged(inbound);
  const std::uint32_t second = server.deliver(2, 2);
  CHECK(server.repeat(1, 2) == Arriving::drop);
  const std::uint32_t third = server.deliver(3, 2);
  inbound.release(1);
  inbound.delivered(second);
  CHECK(acknowledged(inbound) == Identifiers{2});
  inbound.delivered(third);
  CHECK(acknowledged(inbound) == Identifiers{3});
  CHECK_FALSE(inbound.held(1));
  CHECK(server.send(1, 2) == Arriving::deliver);
  CHECK(inbound.unacknowledged() == 3);
}

TEST_CASE("inbound: an identifier that is used before its acknowledgement is known until the last one has its own") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t first = server.deliver(7, 1);
  const std::uint32_t second = server.deliver(7, 1);
  server.deliver(8, 1);
  CHECK(inbound.unacknowledged() == 3);
  inbound.delivered(first);
  CHECK(acknowledged(inbound) == Identifiers{7});
  CHECK(server.send(7, 2) == Arriving::qos_changed);
  CHECK(server.repeat(7, 1) == Arriving::drop);
  inbound.delivered(second);
  CHECK(acknowledged(inbound) == Identifiers{7});
  CHECK(inbound.unacknowledged() == 1);
  CHECK(server.send(7, 2) == Arriving::deliver);
}

TEST_CASE("inbound: more is not given back than there are identifiers") {
  Inbound inbound;
  Server server{inbound};
  for (std::uint32_t i = 0; i < 200'000; ++i) inbound.release(1);
  for (std::uint32_t id = 1; id <= 65'535; ++id) server.deliver(static_cast<std::uint16_t>(id), 1);
  CHECK(inbound.unacknowledged() == 0);
  CHECK(server.send(1, 1, 1) == Arriving::deliver);
  CHECK(server.send(1, 1, 1) == Arriving::too_many);
}

TEST_CASE("inbound: a stale token does not reach the place of what comes again") {
  Inbound inbound;
  Server server{inbound};
  inbound.delivered(server.deliver(1, 2));
  acknowledged(inbound);
  const std::uint32_t by_hand = server.deliver(2, 2);
  const std::uint32_t handled = server.deliver(3, 2);
  inbound.connection_lost();
  inbound.hold(server.deliver(4, 2));
  CHECK(server.repeat(2, 2) == Arriving::drop);
  inbound.acknowledge(by_hand, 0x83);
  inbound.acknowledge(by_hand, 0);
  inbound.acknowledge(handled, 0);
  CHECK(acknowledged(inbound).empty());
}

TEST_CASE("inbound: held identifiers outlive the connection, not the session") {
  Inbound inbound;
  Server server{inbound};
  inbound.delivered(server.deliver(1, 2));
  acknowledged(inbound);
  REQUIRE(inbound.hold_identifier(2));  // as from a store
  REQUIRE(inbound.hold_identifier(2));
  inbound.connection_lost();
  CHECK(server.repeat(1, 2) == Arriving::acknowledge);
  CHECK(server.repeat(2, 2) == Arriving::acknowledge);
  CHECK(inbound.unacknowledged() == 2);  // the server counts them on this connection, too
  inbound.session_lost();
  CHECK_FALSE(inbound.any());
  CHECK(server.send(1, 2) == Arriving::deliver);
  CHECK(server.send(2, 1) == Arriving::deliver);
}

TEST_CASE("inbound: a message that never becomes complete leaves nothing") {
  Inbound inbound;
  Server server{inbound};
  const std::uint32_t first = server.deliver(1, 2);
  server.deliver(2, 2);
  inbound.forget_last();
  inbound.connection_lost();
  CHECK(server.repeat(1, 2) == Arriving::drop);
  const std::uint32_t second = server.deliver(2, 2);
  inbound.delivered(first);
  CHECK(acknowledged(inbound) == Identifiers{1});
  inbound.delivered(second);
  CHECK(acknowledged(inbound) == Identifiers{2});
}

TEST_CASE("inbound: an identifier from a store is held once, however often it is told") {
  Inbound inbound;
  REQUIRE(inbound.hold_identifier(2));
  CHECK(inbound.any());
  REQUIRE(inbound.hold_identifier(2));
  CHECK(inbound.held(2));
  inbound.release(2);
  CHECK_FALSE(inbound.held(2));
  CHECK_FALSE(inbound.any());
}

TEST_CASE("inbound: 65,535 messages are under way") {
  Inbound inbound;
  Server server{inbound};
  Identifiers all;
  std::uint32_t last = 0;
  std::uint8_t qos = 1;
  SUBCASE("at QoS 1") { qos = 1; }
  SUBCASE("at QoS 2") { qos = 2; }
  for (std::uint32_t id = 65'535; id > 0; --id) {
    last = server.deliver(static_cast<std::uint16_t>(id), qos);
    all.push_back(static_cast<std::uint16_t>(id));
  }
  CHECK(inbound.unacknowledged() == 65'535);
  CHECK(server.repeat(1, qos) == Arriving::drop);
  inbound.delivered(last - 1);
  inbound.delivered(last);
  CHECK(acknowledged(inbound) == all);
  for (std::uint32_t id = 1; id <= 65'535; ++id) {
    REQUIRE(inbound.held(static_cast<std::uint16_t>(id)) == (qos == 2));
    inbound.release(static_cast<std::uint16_t>(id));
  }
  CHECK_FALSE(inbound.any());
  CHECK(inbound.unacknowledged() == 0);
}

TEST_CASE("inbound: a long run with a few messages under way") {
  Inbound inbound;
  Server server{inbound};
  std::uint32_t serial = 0;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    serial = server.deliver(static_cast<std::uint16_t>(1 + i % 1000), 1);
    if (i % 500 != 499) continue;
    inbound.delivered(serial - 250);
    acknowledged(inbound);
    REQUIRE(inbound.unacknowledged() == 250);
  }
  inbound.delivered(serial);
  CHECK(acknowledged(inbound).size() == 250);
}
