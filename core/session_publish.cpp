// Publishing: from the command to the packet. Every message passes through here.
#include "session.hpp"
#include "topic.hpp"

namespace tarta {
namespace {

constexpr std::uint32_t most_topics = 1U << 16;

enum Overflow : std::uint32_t { reject, drop_oldest, drop_qos0 };

std::uint32_t size32(std::size_t size) { return static_cast<std::uint32_t>(size); }

}  // namespace

Error Session::define_topic(std::uint32_t number, std::string_view name) {
  if (!valid_topic_name(name)) return Error::invalid_topic;
  if (number >= most_topics) return Error::invalid_argument;
  while (topics_out_.size() <= number) {
    if (!topics_out_.push(nullptr)) return Error::out_of_memory;
  }
  OutgoingTopic* const topic = make_topic(name);
  if (topic == nullptr) return Error::out_of_memory;
  topic->number = number;
  if (OutgoingTopic* const before = topics_out_[number]; before != nullptr) {
    before->number = OutgoingTopic::none;
    let_go(before);
  }
  topics_out_[number] = topic;
  return Error::none;
}

// What the server of this connection does not take (5.0 §3.2.2.3).
Error Session::check_publish(const PublishHead& head, std::uint32_t size) const {
  if ((head.flags >> 1U & 3U) > limits_.maximum_qos) return Error::qos_not_supported;
  if ((head.flags & 1U) != 0 && !limits_.retain) return Error::retain_not_supported;
  return size > limits_.maximum_packet_size ? Error::packet_too_large : Error::none;
}

// What an application may give: the session itself writes the alias and the expiry, and Subscription Identifiers are
// the server's (5.0 §3.3.4).
bool Session::valid_publish_properties(Bytes properties) {
  if (properties.empty()) return true;
  Properties checked;
  return checked.check(properties, packet_set::PUBLISH) == Fault::none && !checked.has(Property::topic_alias) &&
         !checked.has(Property::message_expiry_interval) && !checked.has(Property::subscription_identifier) &&
         check_response_topic(checked) == Fault::none;
}

// Makes room in the queue for one more message, as the overflow rule says.
Error Session::make_room(std::uint8_t qos, std::uint32_t bytes) {
  const std::uint32_t most = options_[NumberOption::queue_max_messages];
  const std::uint32_t most_bytes = options_[NumberOption::queue_max_bytes];
  const auto full = [&] { return pending_ >= most || pending_bytes_ + std::uint64_t{bytes} > most_bytes; };
  const std::uint32_t rule = options_[NumberOption::queue_overflow];
  while (full()) {
    if (rule == reject || bytes > most_bytes) return Error::queue_full;
    if (!unsent_0_.empty()) {
      drop(unsent_0_, unsent_0_.first(), Error::dropped);
    } else if (rule == drop_oldest && !unsent_.empty()) {
      drop(unsent_, unsent_.first(), Error::dropped);
    } else {
      return rule == drop_qos0 && qos == 0 ? Error::dropped : Error::queue_full;
    }
  }
  return Error::none;
}

std::uint8_t* Session::publish(std::uint32_t operation, std::uint32_t topic_number, std::uint8_t flags,
                               std::uint32_t length, Bytes properties, std::uint32_t expiry, Error& error) {
  queued_ = false;
  const std::uint8_t qos = flags >> 1U & 3U;
  OutgoingTopic* const topic = topic_number < topics_out_.size() ? topics_out_[topic_number] : nullptr;
  error = Error::invalid_argument;
  if (topic == nullptr || qos == 3 || flags > 5 || !valid_publish_properties(properties)) return nullptr;
  error = Error::packet_too_large;
  if (length > variable_maximum) return nullptr;
  PublishHead head;
  head.flags = flags;
  head.topic = topic->name();
  head.id = qos > 0 ? 1 : 0;
  head.expires = expiry != no_expiry;
  head.expiry = expiry > 0 ? expiry : 1;  // the shortest there is, see head_of()
  head.properties = properties;
  head.payload_size = length;
  std::uint32_t size = encoded_size(head, version_);
  error = size > 5 + variable_maximum ? Error::packet_too_large : Error::none;
  if (error == Error::none && online()) error = check_publish(head, size);
  if (error != Error::none) return nullptr;

  // What the server is asked for before goes before it, with the next tick.
  const bool asks = !requests_.empty() && !requests_.last()->sent;
  const bool at_once = qos == 0 && online() && unsent_0_.empty() && unsent_.empty() && !asks;
  if (at_once) {
    give_alias(head, size, *topic);
    std::uint8_t* const at = output_.extend(size);
    if (at == nullptr) {
      topic->alias = 0;
      return error = Error::out_of_memory, nullptr;
    }
    Writer writer{at};
    encode(writer, head, version_);
    return writer.position();
  }

  error = make_room(qos, topic->size + size32(properties.size()) + length);
  if (error != Error::none) return nullptr;
  Outgoing* const entry = make_outgoing(topic, size32(properties.size()), length);
  if (entry == nullptr) return error = Error::out_of_memory, nullptr;
  entry->operation = operation;
  entry->flags = flags;
  entry->fresh = true;
  entry->expires = head.expires ? head.expiry : 0;
  Writer writer{entry->content()};
  writer.bytes(properties);
  if (qos == 0) {
    entry->serial = serial_;
    unsent_0_.append(entry);
    queued_ = true;
  } else {
    entry->id = ids_.allocate(entry);
    if (entry->id == 0) {
      destroy(entry);
      return error = no_identifier(), nullptr;
    }
    entry->stage = qos == 1 ? Stage::puback : Stage::pubrec;
    entry->serial = keep(Kept::message, entry->id);
    unsent_.append(entry);
  }
  fresh_ = true;
  ++pending_;
  pending_bytes_ += entry->bytes();
  return writer.position();
}

// --- on the wire -----------------------------------------------------------------------------------------------------

PublishHead Session::head_of(const Outgoing& entry) const {
  PublishHead head;
  head.flags = static_cast<std::uint8_t>(entry.flags | (entry.sent ? 8U : 0U));  // DUP, 5.0 §3.3.1.1
  head.topic = entry.topic->name();
  head.id = entry.id;
  head.expires = entry.expires != 0;
  if (head.expires) {
    // The interval is what is left of it (5.0 §3.3.2.3.3). What was sent before may have arrived before it expired, and
    // is sent again (§4.4): with the shortest that there is, as 0 is no time at all, and to some servers no limit.
    const double left = entry.expires - now_.wall / 1000;
    head.expiry = left > 1 ? static_cast<std::uint32_t>(left + 0.5) : 1;
  }
  head.properties = entry.properties();
  head.payload_size = entry.payload_size;
  return head;
}

// An alias instead of the name, or beside it the first time (5.0 §3.3.2.3.4).
void Session::give_alias(PublishHead& head, std::uint32_t& size, OutgoingTopic& topic) {
  constexpr std::size_t shortest = 3;  // bytes of an alias: a shorter name has none
  constexpr std::uint32_t longer = 4;  // … and with it the length of the properties may take a byte more
  if (head.topic.size() < shortest || size + longer > limits_.maximum_packet_size) return;
  if (aliases_out_.use(topic.number, topic.alias)) head.topic = {};
  head.alias = topic.alias;
  if (head.alias != 0) size = encoded_size(head, version_);
}

void Session::send_publish(Outgoing& entry, PublishHead& head, std::uint32_t size) {
  // What is sent again bears its name (5.0 §4.4), and so does what no number of the host stands for (any more).
  if (!entry.sent && entry.topic->number != OutgoingTopic::none) give_alias(head, size, *entry.topic);
  std::uint8_t* const at = output_.extend(size);
  if (at == nullptr) return end(Error::out_of_memory, 0, Fault::none, 0);  // its aliases end with the connection
  Writer writer{at};
  encode(writer, head, version_);
  writer.bytes(entry.payload());
  entry.sent = true;
  if (entry.id == 0) return;
  entry.charged = true;
  --quota_;
}

}  // namespace tarta
