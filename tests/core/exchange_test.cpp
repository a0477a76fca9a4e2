// A server that keeps to the specification (5.0 §4.3, §4.4), a line that breaks now and then, and the Inbound of a
// client: each QoS 2 message is delivered once, each QoS 1 message at least once, in their order, whatever happens.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>
#include <vector>

#include "inbound.hpp"
#include "random.hpp"

using tarta::Inbound;
using tarta::PacketType;

namespace {

constexpr std::uint32_t receive_maximum = 4;
constexpr std::uint16_t most_identifiers = 9;  // few, so that they are used again soon

struct Packet {
  PacketType type;
  std::uint16_t id = 0;
  std::uint8_t qos = 0;
  bool dup = false;
  std::uint32_t message = 0;
};

class Server {
 public:
  bool may_send() const { return under_way_.size() < most_identifiers; }
  bool idle() const { return under_way_.empty(); }

  void send(std::uint32_t message, std::uint8_t qos, std::deque<Packet>& line) {
    under_way_.push_back({.id = free_identifier(), .qos = qos, .message = message});
    pump(line);
  }

  void take(const Packet& packet, std::deque<Packet>& line) {
    const auto at =
        std::find_if(under_way_.begin(), under_way_.end(), [&](const Message& one) { return one.id == packet.id; });
    REQUIRE(at != under_way_.end());
    if (packet.type == PacketType::pubrec) {
      at->released = true;
      line.push_back({.type = PacketType::pubrel, .id = at->id});
      return;
    }
    CHECK(packet.type == (at->qos == 1 ? PacketType::puback : PacketType::pubcomp));
    under_way_.erase(at);
    quota_ = std::min(quota_ + 1, receive_maximum);
    pump(line);
  }

  // A new connection, on which all that is unacknowledged is sent once more, in its order (5.0 §4.4).
  void resume(std::deque<Packet>& line) {
    quota_ = receive_maximum;
    for (Message& message : under_way_) message.sent_now = false;
    pump(line);
  }

 private:
  struct Message {
    std::uint16_t id;
    std::uint8_t qos;
    std::uint32_t message;
    bool sent = false;
    bool sent_now = false;  // on this connection
    bool released = false;
  };

  // What the quota allows (5.0 §4.9): a PUBREL takes nothing of it, and yet its PUBCOMP gives one back.
  void pump(std::deque<Packet>& line) {
    for (Message& one : under_way_) {
      if (one.sent_now) continue;
      if (one.released) {
        line.push_back({.type = PacketType::pubrel, .id = one.id});
      } else if (quota_ > 0) {
        --quota_;
        line.push_back({PacketType::publish, one.id, one.qos, one.sent, one.message});
      } else {
        return;
      }
      one.sent = one.sent_now = true;
    }
  }

  std::uint16_t free_identifier() {
    const auto used = [&](std::uint16_t id) {
      return std::any_of(under_way_.begin(), under_way_.end(), [&](const Message& one) { return one.id == id; });
    };
    do {
      last_ = last_ < most_identifiers ? static_cast<std::uint16_t>(last_ + 1) : std::uint16_t{1};
    } while (used(last_));
    return last_;
  }

  std::vector<Message> under_way_;
  std::uint32_t quota_ = receive_maximum;
  std::uint16_t last_ = 0;
};

class Client {
 public:
  void take(const Packet& packet, bool by_hand, std::deque<Packet>& line) {
    if (packet.type == PacketType::pubrel) {
      REQUIRE_FALSE(inbound_.waiting(packet.id));
      inbound_.release(packet.id);
      line.push_back({.type = PacketType::pubcomp, .id = packet.id});
      return;
    }
    std::uint32_t serial = 0;
    switch (inbound_.arrive(packet.id, packet.qos, packet.dup, receive_maximum, serial)) {
      case Inbound::Arriving::deliver:
        deliver(packet, serial, by_hand);
        break;
      case Inbound::Arriving::acknowledge:
        line.push_back({.type = PacketType::pubrec, .id = packet.id});
        break;
      case Inbound::Arriving::drop:
        break;
      default:
        FAIL("a server that does nothing wrong is refused");
    }
  }

  // Some handlers return, or an acknowledgement by hand is given.
  void work(tarta::Random& random, std::deque<Packet>& line) {
    if (random.one_in(2) && last_serial_ > 0) inbound_.delivered(last_serial_ - random.below(3));
    if (!by_hand_.empty() && random.one_in(3)) {
      const std::size_t which = random.below(static_cast<std::uint32_t>(by_hand_.size()));
      inbound_.acknowledge(by_hand_[which], 0);
      by_hand_.erase(by_hand_.begin() + static_cast<std::ptrdiff_t>(which));
    }
    acknowledge(line);
  }

  void finish(std::deque<Packet>& line) {
    inbound_.delivered(last_serial_);
    for (const std::uint32_t serial : by_hand_) inbound_.acknowledge(serial, 0);
    by_hand_.clear();
    acknowledge(line);
  }

  void connection_lost() { inbound_.connection_lost(); }
  bool idle() const { return !inbound_.any() && inbound_.unacknowledged() == 0; }

  // How often each message was delivered. One acknowledged by hand may come again after a loss, until it was.
  std::map<std::uint32_t, int> deliveries;
  std::map<std::uint32_t, bool> may_come_again;

 private:
  void deliver(const Packet& packet, std::uint32_t serial, bool by_hand) {
    if (deliveries[packet.message]++ == 0) {
      CHECK(packet.message > newest_);  // the first deliveries are in order
      newest_ = packet.message;
    }
    last_serial_ = serial;
    if (packet.qos == 1 || by_hand) may_come_again[packet.message] = true;
    if (!by_hand) return;
    inbound_.hold(serial);
    by_hand_.push_back(serial);
  }

  void acknowledge(std::deque<Packet>& line) {
    while (const tarta::Arrival* const front = inbound_.front()) {
      const auto [id, qos, stale] = std::tuple{front->id, front->qos, front->stale};
      inbound_.pop();
      if (!stale) line.push_back({.type = qos == 1 ? PacketType::puback : PacketType::pubrec, .id = id});
    }
  }

  Inbound inbound_;
  std::uint32_t last_serial_ = 0;
  std::uint32_t newest_ = 0;
  std::vector<std::uint32_t> by_hand_;
};

Packet take_first(std::deque<Packet>& line) {
  const Packet packet = line.front();
  line.pop_front();
  return packet;
}

void exchange(tarta::Random& random, bool by_hand) {
  Server server;
  Client client;
  std::deque<Packet> to_client, to_server;
  std::uint32_t messages = 0;
  const auto step = [&] {
    if (!to_client.empty() && random.one_in(2))
      client.take(take_first(to_client), by_hand && random.one_in(4), to_server);
    if (!to_server.empty() && random.one_in(2)) server.take(take_first(to_server), to_client);
  };
  for (int i = 0; i < 3'000; ++i) {
    if (server.may_send() && random.one_in(3)) {
      server.send(++messages, static_cast<std::uint8_t>(1 + random.below(2)), to_client);
    }
    step();
    client.work(random, to_server);
    if (!random.one_in(40)) continue;
    to_client.clear();
    to_server.clear();
    client.connection_lost();
    server.resume(to_client);
  }
  for (int i = 0; i < 1'000 && !server.idle(); ++i) {
    step();
    client.finish(to_server);
  }
  CHECK(server.idle());
  CHECK(client.idle());
  for (std::uint32_t message = 1; message <= messages; ++message) {
    CAPTURE(message);
    CHECK(client.deliveries[message] >= 1);
    if (!client.may_come_again[message]) CHECK(client.deliveries[message] == 1);
  }
}

}  // namespace

TEST_CASE("exchange: QoS 2 arrives once, QoS 1 at least once") {
  tarta::Random random{"exchange"};
  for (int round = 0; round < 30; ++round) exchange(random, false);
}

TEST_CASE("exchange: so it is with acknowledgements by hand among them") {
  tarta::Random random{"exchange, by hand"};
  for (int round = 0; round < 30; ++round) exchange(random, true);
}
