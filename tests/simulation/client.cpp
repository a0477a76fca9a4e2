#include "client.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "backoff.hpp"
#include "options.hpp"

namespace simulation {
namespace {

constexpr double epoch = 1.7e12;  // ms since 1970 when the virtual clock is 0

// What the server says to the packets of the client (5.0 §3.2, §3.9, §3.13).
std::vector<std::uint8_t> answers_to(const tarta_status& status) {
  std::vector<std::uint8_t> answers;
  for (std::uint32_t at = 0; at < status.output_length; at += status.output[at + 1] + 2U) {
    const std::uint8_t* const packet = status.output + at;
    require(packet[1] < 0x80, "the client sends small packets");
    if (packet[0] == 0x10) answers.insert(answers.end(), {0x20, 3, 0, 0, 0});
    if (packet[0] == 0x82) answers.insert(answers.end(), {0x90, 4, packet[2], packet[3], 0, 0});
    if (packet[0] == 0xC0) answers.insert(answers.end(), {0xD0, 0});
  }
  return answers;
}

}  // namespace

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

Client::Client(std::uint32_t number) : session_(tarta_create(number, 0)) {
  require(session_ != nullptr, "there is memory for a session");
  const auto version = static_cast<std::uint32_t>(tarta::NumberOption::version);
  const auto client_id = static_cast<std::uint32_t>(tarta::BytesOption::client_id);
  require(tarta_set_number(session_, version, 5) == 0, "5.0 is a version");
  require(tarta_set_bytes(session_, client_id, put("device-" + std::to_string(number))) == 0, "it has a name");
}

Client::~Client() {
  if (session_ != nullptr) tarta_destroy(session_);
}

std::uint32_t Client::put(std::string_view bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(tarta_scratch(session_, size), bytes.data(), size);
  return size;
}

void Client::give(tarta::Bytes bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(tarta_receive_area(session_, size), bytes.data(), size);
  tarta_receive(session_, size, size);
}

// Sends what there is to send, and receives what the server says to that, until both are silent.
void Client::turn(double now) {
  for (;;) {
    tarta_tick(session_, now, epoch + now);
    const tarta_status& status = *tarta_status_of(session_);
    if (status.output_length == 0) return;
    const std::vector<std::uint8_t> answers = answers_to(status);
    tarta_sent(session_);
    if (!answers.empty()) give(answers);
  }
}

void Client::connect(double now) {
  require(tarta_transport_opened(session_, 0, now, epoch + now) == 0, "the transport opens");
  turn(now);
  require(online(), "the server accepts");
}

void Client::subscribe(double now) {
  require(tarta_define_filter(session_, 0, put("plant/7/line/12/#"), 0) == 0, "the filter is one");
  constexpr std::uint32_t filter = 0;
  put({reinterpret_cast<const char*>(&filter), sizeof filter});
  require(tarta_subscribe(session_, 1, 1, 0) == 0, "a SUBSCRIBE is made");
  turn(now);
}

void Client::receive(double now) {
  using namespace std::string_view_literals;
  // At QoS 0: the length of the topic, the topic, no properties, the payload.
  give(
      tarta::as_bytes("\x30\x22\0\x1bplant/7/line/12/temperature\0"
                      "21.5"sv));
  require(tarta_status_of(session_)->record_words > 0, "a message is told of");
  turn(now);
}

void Client::keep_alive(double now) {
  require(tarta_status_of(session_)->deadline <= now, "a ping is due");
  turn(now);
  require(tarta_status_of(session_)->deadline > now, "another is not");
}

void Client::lose_line(double now) { tarta_transport_closed(session_, now, epoch + now); }

double Client::pause(bool stable) {
  const tarta::BackoffRule rule;
  return tarta_reconnect_delay(session_, rule.min, rule.max, rule.factor, stable ? 1 : 0);
}

}  // namespace simulation
