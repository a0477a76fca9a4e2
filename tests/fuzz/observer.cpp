#include "observer.hpp"

#include <algorithm>

#include "fuzz.hpp"
#include "topic.hpp"

namespace tarta::fuzz {
namespace {

constexpr std::uint32_t no_limit = 5 + variable_maximum;

}  // namespace

void Observer::opened() {
  connected_ = answered_ = deaf_ = disconnected_ = false;
  limits_ = {};
  unacknowledged_.clear();
  in_use_.clear();
  aliases_.clear();
  unfinished_.clear();
}

// --- what the client sends -------------------------------------------------------------------------------------------

void Observer::sent(Bytes bytes, const std::function<void(const FixedHeader&, Bytes)>& handle) {
  while (!bytes.empty()) {
    FixedHeader header;
    const Fault fault = decode_header(bytes, version_, Sender::client, no_limit, header);
    require_sound(fault, "the client sends packets of its version");
    require(header.header_size > 0 && header.size() <= bytes.size(), "the client sends whole packets");
    const Bytes body = bytes.subspan(header.header_size, header.remaining);
    check(header, body);
    handle(header, body);
    bytes = bytes.subspan(header.size());
  }
}

void Observer::check(const FixedHeader& header, Bytes body) {
  require(connected_ == (header.type != PacketType::connect), "CONNECT comes first, and once");
  require(!disconnected_, "nothing follows DISCONNECT");
  // No packet is smaller than two bytes: where the server accepts one, it accepts none.
  const std::uint32_t most = std::max(limits_.maximum_packet_size, 2U);
  require(header.size() <= most, "no packet is larger than the server accepts");
  switch (header.type) {
    case PacketType::connect:
      return check_connect(body);
    case PacketType::publish:
      return check_publish(header, body);
    case PacketType::subscribe:
    case PacketType::unsubscribe:
      return check_request(header, body);
    case PacketType::pingreq:
      return require(body.empty(), "PINGREQ is empty");
    case PacketType::disconnect:
    case PacketType::auth:
      return check_notice(header, body);
    default:
      return check_acknowledgement(header, body);
  }
}

void Observer::check_connect(Bytes body) {
  Connect packet;
  const Fault fault = decode(body, packet);
  // 3.1 §3.1 has at most 23 characters; its servers take more.
  const bool long_id = packet.version == Version::v3_1 && packet.client_id.size() > 23;
  if (!long_id || fault != Fault::connect_client_identifier) require_sound(fault, "CONNECT is lawful");
  version_ = packet.version;
  connected_ = true;
}

void Observer::take_identifier(std::uint16_t id) {
  require(in_use_.insert(id).second, "a packet identifier is not in use twice");
}

void Observer::check_publish(const FixedHeader& header, Bytes body) {
  Publish packet;
  require_sound(decode(body, header, version_, Sender::client, packet), "PUBLISH is lawful");
  require(check_topic_name(packet.topic) == Fault::none, "PUBLISH has a topic name");
  require(answered_, "PUBLISH follows CONNACK");
  require(packet.qos <= limits_.maximum_qos, "no QoS that the server does not support");
  require(!packet.retain || limits_.retain, "no RETAIN that the server does not support");
  const std::uint32_t alias = packet.properties.number(Property::topic_alias, 0);
  require(alias <= limits_.topic_alias_maximum, "no alias above the server's maximum");
  if (packet.topic.empty()) {
    require(aliases_.contains(alias), "an alias stands for a topic");
  } else if (alias != 0) {
    aliases_[alias] = std::string{as_text(packet.topic)};
  }
  if (packet.qos == 0) return;
  take_identifier(packet.id);
  unacknowledged_.insert(packet.id);
  require(unacknowledged_.size() <= limits_.receive_maximum, "no more than the server's Receive Maximum");
}

void Observer::check_request(const FixedHeader& header, Bytes body) {
  FilterList packet;
  require_sound(decode(body, header, version_, packet), "a request is lawful");
  require(answered_, "a request follows CONNACK");
  take_identifier(packet.id);
  if (header.type == PacketType::unsubscribe) return;
  const bool identified = packet.properties.has(Property::subscription_identifier);
  require(!identified || limits_.identifiers, "no identifier that the server does not support");
  for (Bytes rest = packet.filters; !rest.empty();) {
    const FilterItem item = next_filter(rest, packet.type);
    require(!is_shared(item.filter) || limits_.shared, "no shared subscription that the server does not support");
    require(!has_wildcard(item.filter) || limits_.wildcard, "no wildcard that the server does not support");
  }
}

void Observer::check_acknowledgement(const FixedHeader& header, Bytes body) {
  Acknowledgement packet;
  require_sound(decode(body, header, version_, packet), "an acknowledgement is lawful");
  // A PUBREL holds its identifier, but not where the server has answered something else already.
  if (lawful_ && packet.type == PacketType::pubrel && packet.reason == 0) in_use_.insert(packet.id);
}

void Observer::check_notice(const FixedHeader& header, Bytes body) {
  Notice packet;
  require_sound(decode(body, header, version_, Sender::client, packet), "DISCONNECT and AUTH are lawful");
  disconnected_ = header.type == PacketType::disconnect;
}

// --- what the server sends -------------------------------------------------------------------------------------------

void Observer::heard(Bytes bytes) {
  if (deaf_) return;
  unfinished_.insert(unfinished_.end(), bytes.begin(), bytes.end());
  Bytes rest = unfinished_;
  FixedHeader header;
  while (!rest.empty()) {
    deaf_ = decode_header(rest, version_, Sender::server, no_limit, header) != Fault::none;
    if (deaf_ || header.header_size == 0 || header.size() > rest.size()) break;
    hear(header, rest.subspan(header.header_size, header.remaining));
    rest = rest.subspan(header.size());
  }
  unfinished_.erase(unfinished_.begin(), unfinished_.end() - static_cast<std::ptrdiff_t>(rest.size()));
}

void Observer::hear(const FixedHeader& header, Bytes body) {
  Acknowledgement acknowledgement;
  CodeList codes;
  Connack connack;
  switch (header.type) {
    case PacketType::connack: {
      if (answered_ || decode(body, version_, connack) != Fault::none || connack.reason != 0) return;
      answered_ = true;
      const Properties& said = connack.properties;
      limits_.receive_maximum = said.number(Property::receive_maximum, limits_.receive_maximum);
      limits_.maximum_packet_size = said.number(Property::maximum_packet_size, limits_.maximum_packet_size);
      limits_.topic_alias_maximum = said.number(Property::topic_alias_maximum, 0);
      limits_.maximum_qos = said.number(Property::maximum_qos, 2);
      limits_.retain = said.number(Property::retain_available, 1) != 0;
      limits_.wildcard = said.number(Property::wildcard_subscription_available, 1) != 0;
      limits_.shared = said.number(Property::shared_subscription_available, 1) != 0;
      limits_.identifiers = said.number(Property::subscription_identifier_available, 1) != 0;
      return;
    }
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubcomp: {
      if (decode(body, header, version_, acknowledgement) != Fault::none) return;
      const bool goes_on = header.type == PacketType::pubrec && !is_refusal(acknowledgement.reason);
      if (goes_on) return;
      unacknowledged_.erase(acknowledgement.id);
      in_use_.erase(acknowledgement.id);
      return;
    }
    case PacketType::suback:
    case PacketType::unsuback:
      if (decode(body, header, version_, codes) == Fault::none) in_use_.erase(codes.id);
      return;
    default:
      return;
  }
}

}  // namespace tarta::fuzz
