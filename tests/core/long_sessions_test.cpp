// Conversations that are too long to be written down: thousands of messages over the C ABI, in 3.1.1 and in 5.0.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "abi_host.hpp"
#include "bytes.hpp"
#include "decode.hpp"
#include "options.hpp"
#include "random.hpp"
#include "records.hpp"
#include "session.hpp"

using tarta::AbiHost;
using tarta::Bytes;
using tarta::Error;
using tarta::Event;
using tarta::NumberOption;
using tarta::PacketType;
using tarta::Record;
using tarta::Version;

namespace {

constexpr unsigned versions[] = {4, 5};

struct Sent {
  PacketType type;
  unsigned qos;
  std::uint16_t id;
};

// What the session has to send, packet by packet.
std::vector<Sent> take(AbiHost& host, unsigned version) {
  const tarta_status& status = host.status();
  Bytes rest{status.output, status.output_length};
  std::vector<Sent> all;
  while (!rest.empty()) {
    tarta::FixedHeader header;
    REQUIRE(tarta::decode_header(rest, static_cast<Version>(version), tarta::Sender::client, 1U << 28, header) ==
            tarta::Fault::none);
    const Bytes body = rest.subspan(header.header_size, header.remaining);
    Sent sent{header.type, 0, 0};
    if (header.type == PacketType::publish) {
      tarta::Publish packet;
      REQUIRE(tarta::decode(body, header, static_cast<Version>(version), tarta::Sender::client, packet) ==
              tarta::Fault::none);
      sent.qos = packet.qos;
      sent.id = packet.id;
    } else if (body.size() >= 2) {
      sent.id = static_cast<std::uint16_t>(body[0] << 8U | body[1]);
    }
    all.push_back(sent);
    rest = rest.subspan(header.size());
  }
  tarta_sent(host);
  return all;
}

void set(AbiHost& host, NumberOption option, std::uint32_t value) {
  REQUIRE(tarta_set_number(host, static_cast<std::uint32_t>(option), value) == 0);
}

// A packet of two bytes, as an acknowledgement is in its shortest form; or of three, with a reason code.
std::vector<std::uint8_t> answer(unsigned first, std::uint16_t id, unsigned reason = 0) {
  std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(reason != 0 ? 3 : 2),
                                  static_cast<std::uint8_t>(id >> 8U), static_cast<std::uint8_t>(id)};
  if (reason != 0) bytes.push_back(static_cast<std::uint8_t>(reason));
  return bytes;
}

void append(std::vector<std::uint8_t>& to, const std::vector<std::uint8_t>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

class Client : public AbiHost {
 public:
  // Opens a connection that the server accepts, with these properties of CONNACK in 5.0.
  explicit Client(unsigned version) : version_(version) {
    set(*this, NumberOption::version, version);
    set(*this, NumberOption::clean_start, 0);
    set(*this, NumberOption::queue_max_messages, 100'000);
    REQUIRE(tarta_set_bytes(*this, static_cast<std::uint32_t>(tarta::BytesOption::client_id), put("me")) == 0);
    REQUIRE(tarta_define_topic(*this, 0, put("a")) == 0);
  }

  void open(bool session_present = false, std::string_view properties = "00") {
    REQUIRE(tarta_transport_opened(*this, 0, later(), 0) == 0);
    tarta_sent(*this);
    std::vector<std::uint8_t> connack{0x20, 2, static_cast<std::uint8_t>(session_present ? 1 : 0), 0};
    if (version_ == 5) append(connack, tarta::from_hex(properties));
    connack[1] = static_cast<std::uint8_t>(connack.size() - 2);
    receive(connack);
  }

  void drop() { tarta_transport_closed(*this, later(), 0); }

  std::vector<Sent> turn() {
    tarta_tick(*this, later(), 0);
    return take(*this, version_);
  }

  bool publish(std::uint32_t operation, unsigned qos) {
    return tarta_publish(*this, operation, 0, qos << 1, 0, 0, tarta::no_expiry) != nullptr;
  }

  // A message of QoS 1 or 2 from the server.
  std::vector<std::uint8_t> message(unsigned qos, std::uint16_t id, bool dup = false) const {
    std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(0x30U | qos << 1U | (dup ? 8U : 0U)),
                                    5,
                                    0,
                                    1,
                                    'a',
                                    static_cast<std::uint8_t>(id >> 8U),
                                    static_cast<std::uint8_t>(id)};
    if (version_ == 5) bytes.push_back(0);
    bytes[1] = static_cast<std::uint8_t>(bytes.size() - 2);
    return bytes;
  }

  // The serials of the messages among the records.
  std::vector<std::uint32_t> delivered() {
    std::vector<std::uint32_t> serials;
    for (const Record& record : records()) {
      if (record.kind == static_cast<std::uint32_t>(Event::message)) serials.push_back(record.words[4]);
    }
    return serials;
  }

 private:
  double later() { return now_ += 1; }

  unsigned version_;
  double now_ = 0;
};

}  // namespace

// Statements: 5.0 MQTT-2.2.1-3; 3.1.1 MQTT-2.3.1-2; scenarios 17; classes 10
TEST_CASE("long sessions: a held identifier is not used for any of 70,000 messages more, nor is 0") {
  for (const unsigned version : versions) {
    CAPTURE(version);
    Client client{version};
    client.open();
    REQUIRE(client.publish(1, 1));
    const std::vector<Sent> first = client.turn();
    REQUIRE(first.size() == 1);
    const std::uint16_t held = first[0].id;
    std::uint32_t operation = 1;
    for (int batch = 0; batch < 700; ++batch) {
      for (int i = 0; i < 100; ++i) REQUIRE(client.publish(++operation, 1));
      std::vector<Sent> sent = client.turn();
      REQUIRE(sent.size() == 100);
      std::set<std::uint16_t> ids;
      for (const Sent& one : sent) ids.insert(one.id);
      REQUIRE(ids.size() == 100);
      REQUIRE_FALSE(ids.contains(held));
      REQUIRE_FALSE(ids.contains(0));
      std::vector<std::uint8_t> acknowledgements;
      std::for_each(sent.rbegin(), sent.rend(),
                    [&](const Sent& one) { append(acknowledgements, answer(0x40, one.id)); });
      client.receive(acknowledgements);
    }
    CHECK(client.status().pending == 1);
  }
}

// Statements: 5.0 MQTT-2.2.1-3; 3.1.1 MQTT-2.3.1-2; scenarios 18; classes 10
TEST_CASE("long sessions: 65,535 messages in flight are as many as there can be, until one is acknowledged") {
  for (const unsigned version : versions) {
    CAPTURE(version);
    Client client{version};
    client.open();
    std::set<std::uint16_t> ids;
    for (std::uint32_t operation = 1; operation <= 65'535; ++operation) {
      REQUIRE(client.publish(operation, 1));
      if (operation % 1000 != 0 && operation != 65'535) continue;
      for (const Sent& one : client.turn()) ids.insert(one.id);
    }
    for (std::vector<Sent> more = client.turn(); !more.empty(); more = client.turn()) {
      for (const Sent& one : more) ids.insert(one.id);
    }
    CHECK(ids.size() == 65'535);
    CHECK_FALSE(client.publish(70'000, 1));
    CHECK(client.error() == Error::packet_identifiers_exhausted);
    client.receive(answer(0x40, 4'711));
    CHECK(client.publish(70'000, 1));
    const std::vector<Sent> last = client.turn();
    REQUIRE(last.size() == 1);
    CHECK(last[0].id == 4'711);
  }
}

// Statements: 5.0 MQTT-3.2.2-15; scenarios 8
TEST_CASE("long sessions: the identifier of a message that is larger than the server takes is free again") {
  Client client{5};
  REQUIRE(tarta_publish(client, 1, 0, 2, 100, 0, tarta::no_expiry) != nullptr);
  client.open(false, "05 27 00 00 00 14");  // no more than 20 bytes
  CHECK(client.turn().empty());
  REQUIRE(client.status().pending == 0);
  std::set<std::uint16_t> ids;
  for (std::uint32_t operation = 2; operation <= 65'536; ++operation) REQUIRE(client.publish(operation, 1));
  for (std::vector<Sent> sent = client.turn(); !sent.empty(); sent = client.turn()) {
    for (const Sent& one : sent) ids.insert(one.id);
  }
  CHECK(ids.size() == 65'535);
}

// Statements: 5.0 MQTT-3.3.4-7, MQTT-3.3.4-8; scenarios 14
TEST_CASE("long sessions: a Receive Maximum of 1, and 1,000 messages") {
  Client client{5};
  client.open(false, "03 21 00 01");
  for (std::uint32_t operation = 1; operation <= 1'000; ++operation)
    REQUIRE(client.publish(operation, 1 + operation % 2));
  REQUIRE(tarta_define_filter(client, 0, client.put("b"), 0) == 0);
  REQUIRE(tarta_subscribe(client, 2'000, client.put_numbers({0}), 0) == 0);
  std::uint32_t published = 0, others = 0;
  std::uint16_t unacknowledged = 0;
  std::vector<Sent> sent = client.turn();
  while (!sent.empty()) {
    std::vector<std::uint8_t> answers;
    for (const Sent& one : sent) {
      if (one.type == PacketType::publish) {
        REQUIRE(unacknowledged == 0);  // one at a time
        unacknowledged = one.id;
        ++published;
        append(answers, answer(one.qos == 1 ? 0x40 : 0x50, one.id));
        if (one.qos == 1) unacknowledged = 0;
      } else if (one.type == PacketType::pubrel) {
        append(answers, answer(0x70, one.id));
        unacknowledged = 0;
      } else {
        ++others;  // SUBSCRIBE does not wait for any of them
        CHECK(published == 0);
      }
    }
    client.receive(answers);
    sent = client.turn();
  }
  CHECK(published == 1'000);
  CHECK(others == 1);
  CHECK(client.status().pending == 0);
}

// Statements: 5.0 MQTT-4.9.0-1, MQTT-4.9.0-2; scenarios 16
TEST_CASE("long sessions: the quota goes down with PUBLISH, and up with what ends its exchange") {
  tarta::Random random{"quota"};
  for (const unsigned receive_maximum : {1U, 2U, 7U}) {
    Client client{5};
    client.open(false, "03 21 00 0" + std::to_string(receive_maximum));
    std::set<std::uint16_t> open;                               // PUBLISH sent, exchange not over, as the server counts
    std::vector<std::pair<std::uint16_t, unsigned>> to_answer;  // identifier, and the first byte of the answer
    std::uint32_t operation = 0, refused = 0;
    bool was_full = false;
    for (int step = 0; step < 5'000; ++step) {
      if (random.one_in(2)) REQUIRE(client.publish(++operation, 1 + random.below(2)));
      for (const Sent& one : client.turn()) {
        if (one.type == PacketType::publish) {
          REQUIRE(open.insert(one.id).second);
          to_answer.emplace_back(one.id, one.qos == 1 ? 0x40U : 0x50U);
        } else {
          to_answer.emplace_back(one.id, 0x70U);
        }
        REQUIRE(open.size() <= receive_maximum);
      }
      was_full = was_full || open.size() == receive_maximum;
      if (to_answer.empty() || !random.one_in(2)) continue;
      const auto which = to_answer.begin() + random.below(static_cast<std::uint32_t>(to_answer.size()));
      const auto [id, first] = *which;
      to_answer.erase(which);
      const bool refuse = first != 0x70 && random.one_in(3);
      if (refuse) ++refused;
      if (refuse || first != 0x50) open.erase(id);
      client.receive(answer(first, id, refuse ? 0x97 : 0));
    }
    CHECK(was_full);
    CHECK(refused > 100);
  }
}

// Statements: 5.0 MQTT-4.3.3-10; 3.1.1 MQTT-4.3.3-2; scenarios 21, 23; classes 9
TEST_CASE("long sessions: a QoS 2 message that comes 1,000 times is delivered once, and answered each time") {
  for (const unsigned version : versions) {
    CAPTURE(version);
    Client client{version};
    client.open();
    std::size_t delivered = 0, answered = 0;
    for (int time = 0; time < 1'000; ++time) {
      if (time % 100 == 99) {
        client.drop();
        client.open(true);
      }
      client.receive(client.message(2, 7, time > 0));
      const std::vector<std::uint32_t> serials = client.delivered();
      delivered += serials.size();
      if (!serials.empty()) tarta_delivered(client, serials.back());
      for (const Sent& one : client.turn()) {
        REQUIRE(one.type == PacketType::pubrec);
        REQUIRE(one.id == 7);
        ++answered;
      }
    }
    CHECK(delivered == 1);
    CHECK(answered == 1'000);
    // PUBREL, twice: PUBCOMP each time, and nothing is delivered.
    for (int time = 0; time < 2; ++time) {
      client.receive(answer(0x62, 7));
      CHECK(client.delivered().empty());
      const std::vector<Sent> sent = client.turn();
      REQUIRE(sent.size() == 1);
      CHECK(sent[0].type == PacketType::pubcomp);
    }
  }
}

// Statements: 5.0 MQTT-4.6.0-2, MQTT-4.6.0-3; 3.1.1 MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.6.0-4; scenarios 28
TEST_CASE("long sessions: what is acknowledged by hand in any order is acknowledged in its own") {
  tarta::Random random{"by hand"};
  for (const unsigned version : versions) {
    CAPTURE(version);
    Client client{version};
    client.open();
    std::vector<std::uint8_t> all;
    for (std::uint16_t id = 1; id <= 1'000; ++id) append(all, client.message(1 + id % 2, id));
    client.receive(all);
    std::vector<std::uint32_t> serials = client.delivered();
    REQUIRE(serials.size() == 1'000);
    for (const std::uint32_t serial : serials) tarta_hold(client, serial);
    tarta_delivered(client, serials.back());
    std::vector<std::uint16_t> acknowledged, released;
    const auto note = [&](const std::vector<Sent>& sent) {
      std::vector<std::uint8_t> pubrels;
      for (const Sent& one : sent) {
        if (one.type == PacketType::pubcomp) {
          released.push_back(one.id);
          continue;
        }
        REQUIRE(one.type == (one.id % 2 == 0 ? PacketType::puback : PacketType::pubrec));
        acknowledged.push_back(one.id);
        if (one.type == PacketType::pubrec) append(pubrels, answer(0x62, one.id));
      }
      client.receive(pubrels);
    };
    while (!serials.empty()) {
      const auto which = serials.begin() + random.below(static_cast<std::uint32_t>(serials.size()));
      REQUIRE(tarta_acknowledge(client, *which, 0) == 0);
      serials.erase(which);
      note(client.turn());
    }
    note(client.turn());
    CHECK(acknowledged.size() == 1'000);
    CHECK(std::is_sorted(acknowledged.begin(), acknowledged.end()));
    CHECK(released.size() == 500);
    CHECK(std::is_sorted(released.begin(), released.end()));
  }
}

// Statements: 5.0 MQTT-3.14.4-1; 3.1.1 MQTT-3.14.4-2; scenarios 43
TEST_CASE("long sessions: nothing follows DISCONNECT, and what was queued stays in the store") {
  for (const unsigned version : versions) {
    CAPTURE(version);
    Client client{version};
    set(client, NumberOption::durable, 1);
    client.connect(version);
    tarta_stored(client, 2);  // the client itself, before CONNECT and since CONNACK
    for (std::uint32_t operation = 1; operation <= 1'000; ++operation) REQUIRE(client.publish(operation, 1));
    REQUIRE(tarta_disconnect(client, 0, 0) == 0);
    const std::vector<Sent> sent = client.turn();
    REQUIRE(sent.size() == 1);  // no message: none of them is on disk yet
    CHECK(sent[0].type == PacketType::disconnect);
    std::size_t kept = 0, settled = 0;
    for (const Record& record : client.records()) {
      kept += record.kind == static_cast<std::uint32_t>(Event::persist) ? 1U : 0U;
      settled += record.kind == static_cast<std::uint32_t>(Event::failed) ? 1U : 0U;
      CHECK(record.kind != static_cast<std::uint32_t>(Event::forget));
    }
    CHECK(kept == 1'000);
    CHECK(settled == 1'000);
    tarta_stored(client, 1'002);
    CHECK(client.turn().empty());
  }
}
