// Fixed work for the core, in parts that Callgrind counts the instructions of, one by one; what lies between them is
// not counted. README.md says what the parts are; instructions.test.mjs runs this and compares.
#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "router.hpp"
#include "tarta.h"

namespace {

using Chunk = std::vector<std::uint8_t>;

constexpr std::uint32_t no_expiry = 0xFFFF'FFFF;

constexpr std::size_t message_size = 64;  // bytes of a PUBLISH on the wire
constexpr unsigned per_chunk = 100;
constexpr unsigned chunks = 100;
constexpr unsigned messages = per_chunk * chunks;
constexpr unsigned known_topics = 100;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

std::string topic_name(unsigned i) {
  return "plant/" + std::to_string(i % 10) + "/line/" + std::to_string(i / 10) + "/temperature";
}

// Every tenth of them with a wildcard.
std::string filter_name(unsigned i) {
  const std::string plant = "plant/" + std::to_string(i % 10);
  if (i % 20 == 0) return plant + "/+/" + std::to_string(i) + "/temperature";
  if (i % 20 == 10) return plant + "/line/" + std::to_string(i) + "/#";
  return plant + "/line/" + std::to_string(i) + "/pressure";
}
constexpr unsigned filters = 1'000;

// A PUBLISH of message_size bytes (5.0 §3.3); with a packet identifier at QoS 1.
void add_publish(Chunk& chunk, std::string_view topic, unsigned qos, std::uint16_t id = 0) {
  const std::size_t begin = chunk.size();
  chunk.push_back(static_cast<std::uint8_t>(0x30 | qos << 1));
  chunk.push_back(message_size - 2);
  chunk.push_back(0);
  chunk.push_back(static_cast<std::uint8_t>(topic.size()));
  chunk.insert(chunk.end(), topic.begin(), topic.end());
  if (qos > 0) {
    chunk.push_back(static_cast<std::uint8_t>(id >> 8));
    chunk.push_back(static_cast<std::uint8_t>(id));
  }
  chunk.push_back(0);  // no properties
  chunk.resize(begin + message_size, 'p');
}

// Callgrind counts what runs while it lives.
class Counting {
 public:
  Counting() { CALLGRIND_TOGGLE_COLLECT; }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  ~Counting() { CALLGRIND_TOGGLE_COLLECT; }
};
// A part is over: Callgrind writes what it has counted, and begins anew.
void done(const char* name) { CALLGRIND_DUMP_STATS_AT(name); }

class Client {
 public:
  Client() : session_(tarta_create(1, 2)) {
    set(tarta::NumberOption::version, 5);
    set(tarta::NumberOption::queue_max_messages, 100'000);
    require(tarta_transport_opened(session_, 0, 0, 0) == 0, "the transport opens");
    tarta_sent(session_);
    receive({0x20, 0x03, 0x00, 0x00, 0x00});
    require((status().flags & TARTA_ONLINE) != 0, "the client is online");
    for (unsigned i = 0; i < filters; ++i) {
      require(tarta_define_filter(session_, i, put(filter_name(i)), 0) == 0, "a filter is defined");
    }
    for (unsigned i = 0; i < known_topics; ++i) {
      require(tarta_define_topic(session_, i, put(topic_name(i))) == 0, "a topic is defined");
    }
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { tarta_destroy(session_); }

  operator tarta_session*() { return session_; }
  const tarta_status& status() { return *tarta_status_of(session_); }

  std::uint32_t put(std::string_view text) {
    std::memcpy(tarta_scratch(session_, static_cast<std::uint32_t>(text.size())), text.data(), text.size());
    return static_cast<std::uint32_t>(text.size());
  }

  void give(const Chunk& chunk) {
    std::memcpy(tarta_receive_area(session_, static_cast<std::uint32_t>(chunk.size())), chunk.data(), chunk.size());
  }
  void take(std::size_t size) {
    const auto all = static_cast<std::uint32_t>(size);
    const std::uint32_t result = tarta_receive(session_, all, all);
    require((result & TARTA_MORE) == 0 && status().consumed == all, "all was taken");
  }
  void receive(const Chunk& chunk) {
    give(chunk);
    take(chunk.size());
  }

  // A message of the application, at the size of those that come in.
  void publish(std::uint32_t operation, unsigned qos) {
    const std::uint32_t topic = operation % known_topics;
    std::uint8_t* const payload = tarta_publish(session_, operation, topic, qos << 1, payload_size, 0, no_expiry);
    require(payload != nullptr, "a message is taken");
    std::memset(payload, 'p', payload_size);
  }

 private:
  static constexpr std::uint32_t payload_size = 30;

  void set(tarta::NumberOption option, std::uint32_t value) {
    tarta_set_number(session_, static_cast<std::uint32_t>(option), value);
  }

  tarta_session* session_;
};

Chunk known_messages(unsigned qos) {
  Chunk chunk;
  for (unsigned i = 0; i < per_chunk; ++i) {
    add_publish(chunk, topic_name(i % known_topics), qos, static_cast<std::uint16_t>(i + 1));
  }
  return chunk;
}

void decode_known(Client& client) {
  const Chunk chunk = known_messages(0);
  client.receive(chunk);
  for (unsigned i = 0; i < chunks; ++i) {
    client.give(chunk);
    const Counting counting;
    client.take(chunk.size());
  }
  done("decode");
}

void decode_new(Client& client) {
  for (unsigned i = 0; i < chunks; ++i) {
    Chunk chunk;
    for (unsigned k = 0; k < per_chunk; ++k) add_publish(chunk, topic_name(1'000 + i * per_chunk + k), 0);
    client.give(chunk);
    const Counting counting;
    client.take(chunk.size());
  }
  done("decode new topics");
}

void acknowledge(Client& client) {
  const Chunk chunk = known_messages(1);
  std::uint32_t serial = 0;
  for (unsigned i = 0; i < chunks; ++i) {
    client.give(chunk);
    {
      const Counting counting;
      client.take(chunk.size());
      tarta_delivered(client, serial += per_chunk);
      tarta_tick(client, 0, 0);
    }
    require(client.status().output_length == per_chunk * 4, "each message is acknowledged");
    tarta_sent(client);
  }
  done("receive and acknowledge");
}

void route() {
  tarta::Router router{1};
  for (unsigned i = 0; i < filters; ++i) require(router.add(i, filter_name(i)), "a filter is added");
  std::vector<std::string> topics;
  for (unsigned i = 0; i < messages; ++i) topics.push_back(topic_name(i));
  tarta::Buffer<std::uint32_t> matches;
  std::size_t found = 0;
  {
    const Counting counting;
    for (const std::string& topic : topics) {
      router.match(topic, matches);
      found += matches.size();
    }
  }
  require(found > 0, "something matches");
  done("route");
}

void encode(Client& client) {
  for (unsigned i = 0; i < chunks; ++i) {
    {
      const Counting counting;
      for (unsigned k = 0; k < per_chunk; ++k) client.publish(k + 1, 0);
      tarta_tick(client, 0, 0);
    }
    require(client.status().output_length > per_chunk * message_size / 2, "the messages are to be sent");
    tarta_sent(client);
  }
  done("publish at QoS 0");
}

// A PUBACK for each PUBLISH of the output (5.0 §3.4).
Chunk answers_to(const tarta_status& status) {
  Chunk answers;
  for (std::uint32_t at = 0; at < status.output_length; at += status.output[at + 1] + 2) {
    const std::uint8_t* const id = status.output + at + 4 + status.output[at + 3];
    answers.insert(answers.end(), {0x40, 2, id[0], id[1]});
  }
  return answers;
}

void encode_and_complete(Client& client) {
  Chunk answers[chunks];
  for (Chunk& answer : answers) {
    {
      const Counting counting;
      for (unsigned k = 0; k < per_chunk; ++k) client.publish(k + 1, 1);
      tarta_tick(client, 0, 0);
    }
    answer = answers_to(client.status());
    tarta_sent(client);
  }
  require(client.status().pending == messages, "the messages are under way");
  done("publish at QoS 1");

  for (const Chunk& answer : answers) {
    client.give(answer);
    const Counting counting;
    client.take(answer.size());
  }
  require(client.status().pending == 0, "the messages are complete");
  done("complete at QoS 1");
}

}  // namespace

int main() {
  Client client;
  decode_known(client);
  decode_new(client);
  acknowledge(client);
  route();
  encode(client);
  encode_and_complete(client);
}
