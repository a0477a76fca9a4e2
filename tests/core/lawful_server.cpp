#include "lawful_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "bytes.hpp"
#include "event_log.hpp"
#include "inspect.hpp"
#include "names.hpp"

namespace tarta {
namespace {

constexpr std::uint32_t no_limit = 5 + variable_maximum;
constexpr std::uint16_t most_identifiers = 40;
constexpr std::uint8_t puback = 0x40, pubrec = 0x50, pubrel = 0x62, pubcomp = 0x70;  // first bytes

void append(std::vector<std::uint8_t>& to, Bytes bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void append_two(std::vector<std::uint8_t>& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

void append_variable(std::vector<std::uint8_t>& to, std::size_t value) {
  for (; value >= 128; value /= 128) to.push_back(static_cast<std::uint8_t>(value % 128 + 128));
  to.push_back(static_cast<std::uint8_t>(value));
}

// Names of all kinds, also one that is longer than what a host gives of a large message at first.
std::string random_topic(Random& random) {
  static const std::string names[] = {
      "a", "a/b", "a/b/c", "/", "a//b", "$SYS/a", "b", "b/c", "tårta/på/tårta", std::string(600, 'l')};
  return random.one_in(10) ? "one/of/many/" + std::to_string(random.below(500)) : names[random.below(std::size(names))];
}

std::size_t random_size(Random& random) {
  if (random.one_in(100)) return random.below(300'000);
  if (random.one_in(10)) return random.below(5'000);
  return random.below(40);
}

}  // namespace

std::vector<std::uint8_t> payload_of(std::string_view topic, std::uint32_t number, std::size_t size) {
  const std::string head = std::string{topic} + '|' + std::to_string(number) + '|';
  std::vector<std::uint8_t> payload(head.begin(), head.end());
  for (std::size_t i = 0; i < size; ++i) payload.push_back(static_cast<std::uint8_t>(i * 7 + number));
  return payload;
}

void LawfulServer::read(Bytes sent) {
  EventLog::instance().add(sent);
  while (!sent.empty()) {
    Buffer<std::uint32_t> words;
    const Inspection found = inspect(sent, version_, Sender::client, no_limit, words);
    CAPTURE(hex(sent.first(std::min<std::size_t>(sent.size(), 64))));
    REQUIRE(found.fault == Fault::none);
    REQUIRE(found.size > 0);
    FixedHeader header;
    decode_header(sent, version_, Sender::client, no_limit, header);
    handle(header, sent.subspan(header.header_size, header.remaining));
    sent = sent.subspan(found.size);
  }
}

void LawfulServer::handle(const FixedHeader& header, Bytes body) {
  REQUIRE(connected_ == (header.type != PacketType::connect));
  switch (header.type) {
    case PacketType::connect:
      return connect(body);
    case PacketType::publish:
      return published(header, body);
    case PacketType::pubrel: {
      const auto id = static_cast<std::uint16_t>(body[0] << 8 | body[1]);
      received_.erase(id);
      return reply(pubcomp, id);
    }
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp:
      return acknowledged(header, body);
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      return asked(header, body);
    case PacketType::pingreq:
      return send(0xD0, {});
    default:
      break;
  }
}

void LawfulServer::connect(Bytes body) {
  Connect packet;
  REQUIRE(decode(body, packet) == Fault::none);
  version_ = packet.version;
  connected_ = true;
  if (packet.clean_start || !has_session_) lose_session();
  const bool present = has_session_ && version_ != Version::v3_1;
  std::vector<std::uint8_t> answer{static_cast<std::uint8_t>(present), 0};
  if (version_ == Version::v5) {
    answer.insert(answer.end(), {3, 0x21});
    append_two(answer, receive_maximum_);
  }
  send(0x20, answer);
  has_session_ = true;
  most_under_way_ =
      std::min<std::size_t>(most_identifiers, packet.properties.number(Property::receive_maximum, 65'535));
  for (const std::uint16_t id : order_) {  // 5.0 §4.4
    const Message& message = under_way_.at(id);
    if (message.released) {
      send_identifier(pubrel, id);
    } else {
      send_message(id, message, true);
    }
  }
  pump();
}

void LawfulServer::published(const FixedHeader& header, Bytes body) {
  Publish packet;
  REQUIRE(decode(body, header, version_, Sender::client, packet) == Fault::none);
  const bool fresh = packet.qos < 2 || received_.insert(packet.id).second;
  if (!fresh) CHECK(packet.dup);  // 5.0 §2.2.1: its identifier is in use
  if (packet.qos > 0) CHECK((charged_.insert(packet.id).second || packet.dup));  // 5.0 §2.2.1
  if (version_ == Version::v5) REQUIRE(charged_.size() <= receive_maximum_);
  if (fresh && packet.payload.size() <= 20) ++arrived_[std::string{as_text(packet.payload)}];
  if (packet.qos > 0) reply(packet.qos == 1 ? puback : pubrec, packet.id);
  if (fresh) accepted(packet);
}

void LawfulServer::reply(std::uint8_t first, std::uint16_t id) {
  unanswered_.push_back({first, id});
  while (!takes_time_ && !unanswered_.empty()) answer();
}

void LawfulServer::answer() {
  if (unanswered_.empty()) return;
  const Reply next = unanswered_.front();
  unanswered_.pop_front();
  if (next.first != pubrec) charged_.erase(next.id);
  send_identifier(next.first, next.id);
}

// A SUBSCRIBE or UNSUBSCRIBE: a code for each filter.
void LawfulServer::asked(const FixedHeader& header, Bytes body) {
  FilterList packet;
  REQUIRE(decode(body, header, version_, packet) == Fault::none);
  std::vector<std::uint8_t> answer;
  append_two(answer, packet.id);
  if (version_ == Version::v5) answer.push_back(0);
  const bool subscribe = header.type == PacketType::subscribe;
  for (Bytes rest = packet.filters; !rest.empty();) {
    next_filter(rest, packet.type);
    if (subscribe || version_ == Version::v5) answer.push_back(subscribe && random_.one_in(5) ? 0x80 : 0x00);
  }
  send(subscribe ? 0x90 : 0xB0, answer);
}

void LawfulServer::acknowledged(const FixedHeader& header, Bytes body) {
  const auto id = static_cast<std::uint16_t>(body[0] << 8 | body[1]);
  const auto known = under_way_.find(id);
  REQUIRE(known != under_way_.end());
  Message& message = known->second;
  const bool refused = version_ == Version::v5 && body.size() > 2 && body[2] >= 0x80;
  if (header.type == PacketType::pubrec && !refused) {
    CHECK(message.qos == 2);
    if (!message.released) check_turn(id, true);
    message.released = true;
    return send_identifier(pubrel, id);
  }
  CHECK(message.qos == (header.type == PacketType::puback ? 1 : 2));
  if (header.type == PacketType::puback) check_turn(id, false);
  acknowledged_numbers_.insert(message.number);
  under_way_.erase(known);
  std::erase(order_, id);
  pump();
}

// PUBACKs come in the order of their messages, and so do PUBRECs (5.0 §4.6).
void LawfulServer::check_turn(std::uint16_t id, bool for_pubrec) const {
  const auto waits = [&](std::uint16_t other) {
    const Message& message = under_way_.at(other);
    return for_pubrec ? message.qos == 2 && !message.released : message.qos == 1;
  };
  const auto first = std::find_if(order_.begin(), order_.end(), waits);
  REQUIRE(first != order_.end());
  CHECK(*first == id);
}

void LawfulServer::publish() {
  if (!connected_) return;
  const Message message{random_topic(random_), ++last_number_, random_size(random_),
                        static_cast<std::uint8_t>(random_.below(3))};
  if (message.qos == 0 || order_.size() < most_under_way_) start(message);
}

void LawfulServer::forward(std::string topic, std::uint32_t number, std::uint8_t qos) {
  if (qos == 0 && !connected_) return;
  queue_.push_back({std::move(topic), number, 0, qos});
  pump();
}

void LawfulServer::pump() {
  while (connected_ && !queue_.empty() && (queue_.front().qos == 0 || order_.size() < most_under_way_)) {
    start(queue_.front());
    queue_.pop_front();
  }
}

void LawfulServer::start(Message message) {
  if (message.qos == 0) return send_message(0, message, false);
  do {
    last_id_ = static_cast<std::uint16_t>(last_id_ % most_identifiers + 1);
  } while (under_way_.contains(last_id_));
  order_.push_back(last_id_);
  send_message(last_id_, under_way_.emplace(last_id_, std::move(message)).first->second, false);
}

// Sometimes an alias, which then stands for the topic; `by_alias`: it is known already.
std::vector<std::uint8_t> LawfulServer::properties(const std::string& topic, bool& by_alias) {
  std::vector<std::uint8_t> raw;
  if (random_.one_in(3)) append(raw, from_hex("26 00 01 6B 00 01 76"));
  if (!random_.one_in(2)) return raw;
  const auto alias = static_cast<std::uint16_t>(1 + random_.below(8));
  by_alias = aliases_[alias] == topic && random_.one_in(2);
  aliases_[alias] = topic;
  raw.push_back(0x23);
  append_two(raw, alias);
  return raw;
}

void LawfulServer::send_message(std::uint16_t id, const Message& message, bool dup) {
  std::vector<std::uint8_t> body, raw;
  bool by_alias = false;
  if (version_ == Version::v5) raw = properties(message.topic, by_alias);
  append_two(body, by_alias ? 0 : message.topic.size());
  if (!by_alias) append(body, as_bytes(message.topic));
  if (message.qos > 0) append_two(body, id);
  if (version_ == Version::v5) append_variable(body, raw.size());
  append(body, raw);
  append(body, payload_of(message.topic, message.number, message.size));
  send(static_cast<std::uint8_t>(0x30 | (dup ? 8 : 0) | message.qos << 1), body);
}

void LawfulServer::send(std::uint8_t first, const std::vector<std::uint8_t>& body) {
  output_.push_back(first);
  append_variable(output_, body.size());
  append(output_, body);
}

void LawfulServer::send_identifier(std::uint8_t first, std::uint16_t id) {
  send(first, {static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)});
}

void LawfulServer::connection_lost() {
  connected_ = false;
  output_.clear();
  unanswered_.clear();
  charged_.clear();
  aliases_.clear();
  std::erase_if(queue_, [](const Message& message) { return message.qos == 0; });
}

void LawfulServer::lose_session() {
  has_session_ = false;
  under_way_.clear();
  order_.clear();
  queue_.clear();
  received_.clear();
}

}  // namespace tarta
