#include "server.hpp"

#include <algorithm>

#include "encode.hpp"

namespace tarta::fuzz {
namespace {

constexpr std::uint16_t most_identifiers = 12;
constexpr std::array<std::string_view, 8> topics{"a", "a/b", "b", "/", "$SYS/a", "a//b", "one/of/many", "å"};

std::size_t filters_of(Bytes filters, PacketType type) {
  std::size_t count = 0;
  for (; !filters.empty(); ++count) next_filter(filters, type);
  return count;
}

void append_number(std::vector<std::uint8_t>& raw, Property property, std::uint32_t value) {
  std::vector<std::uint8_t> bytes(property_size(property, value));
  Writer writer{bytes.data()};
  write_property(writer, property, value);
  raw.insert(raw.end(), bytes.begin(), bytes.end());
}

void append_text(std::vector<std::uint8_t>& raw, Property property, std::string_view text) {
  std::vector<std::uint8_t> bytes(property_size(property, as_bytes(text)));
  Writer writer{bytes.data()};
  write_property(writer, property, as_bytes(text));
  raw.insert(raw.end(), bytes.begin(), bytes.end());
}

}  // namespace

// At most; its properties are an alias.
std::size_t Server::size_of(const Message& message) { return message.payload + message.topic.size() + 20; }

// --- what the client sends -------------------------------------------------------------------------------------------

void Server::handle(const FixedHeader& header, Bytes body) {
  FilterList request;
  switch (header.type) {
    case PacketType::connect:
      return connect(body);
    case PacketType::publish:
      return published(header, body);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return acknowledged(header, body);
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      decode(body, header, version_, request);
      return questions_.push_back({header.type, request.id, 0, filters_of(request.filters, header.type)});
    case PacketType::disconnect:
      questions_.clear();
      connected_ = false;
      return;
    default:
      return questions_.push_back({header.type, 0, 0, 0});
  }
}

void Server::connect(Bytes body) {
  Connect packet;
  decode(body, packet);
  version_ = packet.version;
  clean_ = packet.clean_start;
  topic_alias_maximum_ = packet.properties.number(Property::topic_alias_maximum, 0);
  has_method_ = packet.properties.has(Property::authentication_method);
  method_ = packet.properties.text(Property::authentication_method);
  questions_.push_back({PacketType::connect, 0, 0, 0});
}

void Server::published(const FixedHeader& header, Bytes body) {
  Publish packet;
  decode(body, header, version_, Sender::client, packet);
  if (packet.qos == 0) return;
  // 5.0 §4.3.3: until PUBREL an identifier stands for the message that it came with.
  if (packet.qos == 2 && !received_.insert(packet.id).second) {
    require(packet.dup || limited_, "a QoS 2 identifier is not used for another message before PUBREL");
  }
  questions_.push_back({PacketType::publish, packet.id, packet.qos, 0});
}

void Server::acknowledged(const FixedHeader& header, Bytes body) {
  Acknowledgement packet;
  decode(body, header, version_, packet);
  if (header.type == PacketType::pubrel) {
    received_.erase(packet.id);
    return questions_.push_back({PacketType::pubrel, packet.id, 0, 0});
  }
  const auto known = under_way_.find(packet.id);
  if (known == under_way_.end()) return;
  if (header.type == PacketType::pubrec && !is_refusal(packet.reason)) {
    known->second.received = true;
    return questions_.push_back({PacketType::pubrec, packet.id, 0, 0});
  }
  under_way_.erase(known);
}

// --- what it says ----------------------------------------------------------------------------------------------------

void Server::speak(Input& input) {
  const std::uint32_t choice = input.below(8);
  if (choice < 5 && !questions_.empty()) {
    const auto which = static_cast<std::ptrdiff_t>(input.below(static_cast<std::uint32_t>(questions_.size())));
    const Question question = questions_[static_cast<std::size_t>(which)];
    questions_.erase(questions_.begin() + which);
    return answer(question, &input);
  }
  if (!connected_) return;
  if (choice == 7) return say_farewell(input);
  publish(input);
}

void Server::answer_all() {
  while (!questions_.empty()) {
    const Question question = questions_.front();
    questions_.erase(questions_.begin());
    answer(question, nullptr);
  }
}

// Without input: the plain answer.
void Server::answer(const Question& question, Input* input) {
  const bool refused = input != nullptr && input->one_in(4);
  const unsigned reason = refused && version_ == Version::v5 ? 0x80 : 0;
  std::vector<std::uint8_t> body{static_cast<std::uint8_t>(question.id >> 8), static_cast<std::uint8_t>(question.id)};
  switch (question.type) {
    case PacketType::connect:
      return answer_connect(input);
    case PacketType::publish:
      if (question.qos == 2 && reason != 0) received_.erase(question.id);
      return send_identifier(question.qos == 1 ? 0x40 : 0x50, question.id, reason);
    case PacketType::pubrel:
      return send_identifier(0x70, question.id);
    case PacketType::pubrec:
      return send_identifier(0x62, question.id);
    case PacketType::subscribe:
    case PacketType::unsubscribe: {
      if (version_ == Version::v5) body.push_back(0);
      const bool subscribe = question.type == PacketType::subscribe;
      const bool coded = subscribe || version_ == Version::v5;
      body.insert(body.end(), coded ? question.filters : 0, refused && (subscribe || reason != 0) ? 0x80 : 0x00);
      return send(subscribe ? 0x90 : 0xB0, body);
    }
    case PacketType::pingreq:
      return send(0xD0, {});
    case PacketType::auth:
      if (connected_) {
        std::vector<std::uint8_t> raw;
        append_text(raw, Property::authentication_method, method_);
        std::vector<std::uint8_t> notice{static_cast<std::uint8_t>(refused ? 0x18 : 0x00)};
        notice.push_back(static_cast<std::uint8_t>(raw.size()));
        notice.insert(notice.end(), raw.begin(), raw.end());
        if (raw.size() < 128) send(0xF0, notice);
      }
      return;
    default:
      return;
  }
}

void Server::answer_connect(Input* input) {
  if (input != nullptr && input->one_in(8)) {
    if (version_ == Version::v5) return send(0x20, std::array<std::uint8_t, 3>{0, 0x88, 0});
    return send(0x20, std::array<std::uint8_t, 2>{0, 3});
  }
  // 3.1 cannot say that a session is gone.
  const bool forgets = input != nullptr && input->one_in(4) && version_ != Version::v3_1;
  // A client that has not learned that its session was lost would take a later one for it.
  const bool present = has_session_ && !clean_ && !forgets && !unheard_;
  unheard_ = !present;
  if (!present) {
    under_way_.clear();
    received_.clear();
  }
  has_session_ = connected_ = true;
  std::vector<std::uint8_t> body{static_cast<std::uint8_t>(present && version_ != Version::v3_1), 0};
  if (version_ == Version::v5) {
    const std::vector<std::uint8_t> raw = connack_properties(input);
    std::uint8_t size[4];
    Writer writer{size};
    writer.variable(static_cast<std::uint32_t>(raw.size()));
    body.insert(body.end(), size, writer.position());
    body.insert(body.end(), raw.begin(), raw.end());
  }
  send(0x20, body);
  // What this client does not accept any more is given up (5.0 §3.1.2.11.4).
  std::erase_if(under_way_, [&](const auto& entry) {
    return size_of(entry.second) > maximum_packet_size_ || under_way_.size() > receive_maximum_;
  });
  for (const auto& [id, message] : under_way_) {  // 5.0 §4.4
    if (message.received) {
      send_identifier(0x62, id);
    } else {
      send_message(id, message, true, 0);
    }
  }
}

std::vector<std::uint8_t> Server::connack_properties(Input* input) {
  std::vector<std::uint8_t> raw;
  if (has_method_) append_text(raw, Property::authentication_method, method_);
  if (input == nullptr) return raw;
  const std::uint32_t which = input->below(256);
  const auto limit = [&](unsigned bit, Property property, std::uint32_t value) {
    if ((which >> bit & 1U) != 0) append_number(raw, property, value);
  };
  limit(0, Property::receive_maximum, 1 + input->below(4));
  limit(1, Property::maximum_packet_size, input->pick(std::array{2U, 5U, 20U, 60U, 1'000U, 100'000U}));
  limit(2, Property::maximum_qos, input->below(2));
  limit(3, Property::retain_available, 0);
  limit(4, Property::topic_alias_maximum, input->below(4));
  limit(5, Property::wildcard_subscription_available, 0);
  limit(6, Property::server_keep_alive, input->below(20));
  limit(7, Property::subscription_identifier_available, 0);
  if (input->one_in(4)) append_number(raw, Property::shared_subscription_available, 0);
  if (input->one_in(4)) append_text(raw, Property::assigned_client_identifier, "assigned");
  // A message that this connection does not take is given up, and its identifier with it.
  limited_ = limited_ || (which & 15U) != 0;
  return raw;
}

void Server::publish(Input& input) {
  Message message{static_cast<std::uint8_t>(input.below(3)), {}, 0, false};
  const std::string_view topic = input.pick(topics);
  message.topic.assign(topic.begin(), topic.end());
  message.payload = input.one_in(8) ? input.below(100'000) : input.below(50);
  if (size_of(message) > maximum_packet_size_) return;
  const auto alias = static_cast<std::uint16_t>(input.below(std::min(topic_alias_maximum_, 5U) + 1));
  if (message.qos == 0) return send_message(0, message, false, alias);
  std::uint16_t id = 1;
  while (under_way_.contains(id)) ++id;
  if (id > most_identifiers || under_way_.size() >= receive_maximum_) return;
  under_way_[id] = message;
  send_message(id, message, false, alias);
}

void Server::send_message(std::uint16_t id, const Message& message, bool dup, std::uint16_t alias) {
  std::vector<std::uint8_t> body, raw;
  const bool by_alias = alias != 0 && aliases_[alias] == message.topic;
  if (alias != 0) {
    append_number(raw, Property::topic_alias, alias);
    aliases_[alias] = message.topic;
  }
  const std::size_t size = by_alias ? 0 : message.topic.size();
  body.push_back(0);
  body.push_back(static_cast<std::uint8_t>(size));
  if (!by_alias) body.insert(body.end(), message.topic.begin(), message.topic.end());
  if (message.qos > 0) body.insert(body.end(), {static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)});
  if (version_ == Version::v5) {
    body.push_back(static_cast<std::uint8_t>(raw.size()));
    body.insert(body.end(), raw.begin(), raw.end());
  }
  body.insert(body.end(), message.payload, 'p');
  send(0x30U | (dup && message.qos > 0 ? 8U : 0U) | static_cast<unsigned>(message.qos) << 1, body);
}

void Server::say_farewell(Input& input) {
  if (version_ != Version::v5) return;
  constexpr std::array<std::uint8_t, 4> reasons{0x8B, 0x8E, 0x9C, 0x81};
  const std::uint8_t reason = input.pick(reasons);
  send(0xE0, std::array<std::uint8_t, 2>{reason, 0});
  connected_ = false;
  questions_.clear();
}

void Server::send(unsigned first, Bytes body) {
  std::uint8_t head[5] = {static_cast<std::uint8_t>(first)};
  Writer writer{head + 1};
  writer.variable(static_cast<std::uint32_t>(body.size()));
  output_.insert(output_.end(), head, writer.position());
  output_.insert(output_.end(), body.begin(), body.end());
}

void Server::send_identifier(unsigned first, std::uint16_t id, unsigned reason) {
  std::vector<std::uint8_t> body{static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)};
  if (reason != 0) body.push_back(static_cast<std::uint8_t>(reason));
  send(first, body);
}

void Server::connection_lost() {
  connected_ = false;
  questions_.clear();
  aliases_.clear();
  output_.clear();
}

void Server::expect(std::uint32_t receive_maximum, std::uint32_t maximum_packet_size) {
  receive_maximum_ = receive_maximum;
  maximum_packet_size_ = maximum_packet_size;
}

}  // namespace tarta::fuzz
