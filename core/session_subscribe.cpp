// Subscriptions: what the host asks for, how the server is asked, and what it answers.
#include <algorithm>

#include "session.hpp"
#include "topic.hpp"

namespace tarta {
namespace {

constexpr std::uint32_t most_filters = 1U << 20;

std::uint32_t size32(std::size_t size) { return static_cast<std::uint32_t>(size); }

}  // namespace

// --- filters ---------------------------------------------------------------------------------------------------------

Error Session::define_filter(std::uint32_t number, std::string_view filter, std::uint8_t options) {
  if (!valid_filter(filter)) return Error::invalid_filter;
  const bool allowed = options::qos(options) < 3 && options::retain_handling(options) < 3 &&
                       !options::reserved(options) && !(options::no_local(options) && is_shared(filter));
  if (number >= most_filters || !allowed) return Error::invalid_argument;
  const bool other = subscriptions_.defined(number) && subscriptions_.filter(number) != filter;
  if (other) return Error::invalid_argument;
  return subscriptions_.define(number, filter, options) ? Error::none : Error::out_of_memory;
}

void Session::forget_filter(std::uint32_t number) {
  forget_subscription(number);
  subscriptions_.forget(number);
}

// --- asking ----------------------------------------------------------------------------------------------------------

Error Session::request(Stage stage, std::uint32_t operation, std::span<const std::uint32_t> filters, Bytes properties) {
  if (filters.empty()) return Error::invalid_argument;
  for (const std::uint32_t filter : filters) {
    if (!subscriptions_.defined(filter)) return Error::invalid_argument;
  }
  Properties checked;
  const auto where = stage == Stage::suback ? packet_set::SUBSCRIBE : packet_set::UNSUBSCRIBE;
  // The session itself gives identifiers to subscriptions.
  const bool valid = checked.check(properties, where) == Fault::none && !checked.has(Property::subscription_identifier);
  if (!valid) return Error::invalid_argument;
  Outgoing* const entry = make_outgoing(nullptr, size32(properties.size()), size32(filters.size_bytes()));
  if (entry == nullptr) return Error::out_of_memory;
  entry->operation = operation;
  entry->stage = stage;
  entry->serial = stored_;
  Writer writer{entry->content()};
  writer.bytes(properties);
  std::memcpy(writer.position(), filters.data(), filters.size_bytes());
  is_kept(*entry);
  requests_.append(entry);
  fresh_ = true;
  return Error::none;
}

Error Session::subscribe(std::uint32_t operation, std::span<const std::uint32_t> filters, Bytes properties) {
  return request(Stage::suback, operation, filters, properties);
}

Error Session::unsubscribe(std::uint32_t operation, std::span<const std::uint32_t> filters, Bytes properties) {
  return request(Stage::unsuback, operation, filters, properties);
}

// Each filter that the server held before it lost the session, once, unless it is being asked for anyway or given up.
// The requests are the session's own (operation 0). One filter to a SUBSCRIBE where it gets an identifier; else as many
// as make a packet of moderate size, which the server takes (5.0 §3.2.2.3.6).
void Session::resubscribe() {
  constexpr std::uint32_t head = 6;  // bytes: fixed header, packet identifier, length of the properties
  const std::uint32_t enough = std::min<std::uint32_t>(limits_.maximum_packet_size, 16 * 1024);
  Buffer<Stage> asked;  // by filter: the last request
  if (!asked.resize_zeroed(subscriptions_.size())) {
    out_of_memory_ = true;
    return;
  }
  for (const Outgoing* entry = requests_.first(); entry != nullptr; entry = entry->next) {
    for (std::uint32_t i = 0; i < entry->payload_size / 4; ++i) {
      if (entry->filter(i) < asked.size()) asked[entry->filter(i)] = entry->stage;
    }
  }
  Buffer<std::uint32_t> filters;
  std::uint32_t bytes = head;
  const auto ask = [&] {
    if (filters.empty()) return;
    ask_again(filters);
    filters.clear();
    bytes = head;
  };
  for (std::uint32_t number = 0; number < subscriptions_.size(); ++number) {
    const bool held = subscriptions_.held(number) || subscriptions_.lost(number);
    subscriptions_.given_up(number);
    if (held && asked[number] == Stage::suback) subscriptions_.set_lost(number);
    if (!held || asked[number] != Stage::none) continue;
    const auto size = static_cast<std::uint32_t>(subscriptions_.filter(number).size()) + 3;
    if (limits_.subscription_identifiers || bytes + size > enough) ask();
    filters.push(number);
    bytes += size;
  }
  ask();
  out_of_memory_ = out_of_memory_ || filters.failed();
}

// --- sending ---------------------------------------------------------------------------------------------------------

// A request that restored what the server had lost will not be answered: the session asks by itself.
void Session::restore_lost(const Outgoing& entry) {
  for (std::uint32_t i = 0; entry.stage == Stage::suback && i < entry.payload_size / 4; ++i) {
    const std::uint32_t filter = entry.filter(i);
    if (!subscriptions_.lost(filter)) continue;
    subscriptions_.given_up(filter);
    ask_again({&filter, 1});
  }
}

void Session::ask_again(std::span<const std::uint32_t> filters) {
  if (request(Stage::suback, 0, filters, {}) == Error::none) {
    requests_.last()->own = true;
  } else {
    out_of_memory_ = true;
  }
}

// Wildcards and shared subscriptions that the server does not take are not sent (5.0 §3.2.2.3.11, §3.2.2.3.13).
Error Session::check_filter(std::string_view filter) const {
  if (!limits_.shared && is_shared(filter)) return Error::shared_not_supported;
  return !limits_.wildcard && has_wildcard(filter) ? Error::wildcard_not_supported : Error::none;
}

// The filters as a packet bears them. False without memory.
bool Session::write_filters(const Outgoing& entry, Buffer<std::uint8_t>& filters) const {
  const PacketType type = entry.stage == Stage::suback ? PacketType::subscribe : PacketType::unsubscribe;
  for (std::uint32_t i = 0; i < entry.payload_size / 4; ++i) {
    const std::uint32_t number = entry.filter(i);
    FilterItem item{subscriptions_.filter(number), subscriptions_.options(number)};
    if (version_ != Version::v5) item.options = options::qos(item.options);
    std::uint8_t* const at = filters.extend(filter_size(item, type));
    if (at == nullptr) return false;
    Writer writer{at};
    write_filter(writer, item, type);
  }
  return true;
}

// A SUBSCRIBE of one filter gives it an identifier, its number plus 1, so that the server says what a message is for
// (5.0 §3.8.2.1.2).
bool Session::bears_identifier(const Outgoing& entry) const {
  return entry.stage == Stage::suback && entry.payload_size == 4 && limits_.subscription_identifiers;
}

// False without memory.
bool Session::write_request_properties(const Outgoing& entry, Buffer<std::uint8_t>& properties) const {
  if (bears_identifier(entry)) {
    const std::uint32_t identifier = entry.filter(0) + 1;
    std::uint8_t* const at = properties.extend(property_size(Property::subscription_identifier, identifier));
    if (at == nullptr) return false;
    Writer writer{at};
    write_property(writer, Property::subscription_identifier, identifier);
  }
  return properties.append(entry.properties());
}

Error Session::send_request(Outgoing& entry) {
  // A filter that was forgotten meanwhile is not asked for, and gets no code.
  for (std::uint32_t i = 0; i < entry.payload_size / 4;) {
    const std::uint32_t number = entry.filter(i);
    const bool checked = entry.stage == Stage::suback && subscriptions_.defined(number);
    const Error error = checked ? check_filter(subscriptions_.filter(number)) : Error::none;
    if (error != Error::none && !entry.own) return error;
    if (error == Error::none && subscriptions_.defined(number)) {
      ++i;
    } else {
      if (error != Error::none) refuse(number, error);
      entry.remove_filter(i);
    }
  }
  Buffer<std::uint8_t> filters, properties;
  if (!write_filters(entry, filters) || !write_request_properties(entry, properties)) return Error::out_of_memory;
  if (filters.empty()) return Error::cancelled;
  entry.id = ids_.allocate(&entry);
  if (entry.id == 0) return no_identifier();
  FilterList packet;
  packet.type = entry.stage == Stage::suback ? PacketType::subscribe : PacketType::unsubscribe;
  packet.id = entry.id;
  packet.filters = filters;
  packet.properties.check(properties, bit(packet.type));
  entry.sent = write(packet);
  return entry.sent ? Error::none : Error::packet_too_large;
}

// A subscription that cannot be restored, as this server would not take it.
void Session::refuse(std::uint32_t filter, Error error) {
  Reason reason = Reason::unspecified_error;
  if (error == Error::wildcard_not_supported) reason = Reason::wildcard_subscriptions_not_supported;
  if (error == Error::shared_not_supported) reason = Reason::shared_subscriptions_not_supported;
  records_.add(Event::refused, 0, filter, static_cast<std::uint32_t>(reason));
}

// Before a SUBSCRIBE leaves, which gives the server identifiers (5.0 §3.8.2.1.2), its filters are kept, as they are
// now.
bool Session::is_kept(Outgoing& entry) {
  if (entry.stage != Stage::suback) return true;
  std::uint32_t records = 0;
  for (std::uint32_t i = 0; i < entry.payload_size / 4; ++i) {
    if (!subscriptions_.set_kept(entry.filter(i), true)) continue;
    entry.serial = keep(Kept::subscription, entry.filter(i));
    ++records;
  }
  if (records > 0) entry.records = records;
  return is_stored(entry.serial);
}

void Session::pump_requests() {
  requests_wait_ = false;
  for (Outgoing* entry = requests_.first(); entry != nullptr;) {
    if (!entry->sent && !is_kept(*entry)) {
      requests_wait_ = true;  // and those behind it, as they may be for the same filter
      requests_need_ = entry->serial;
      return;
    }
    const Error error = entry->sent ? Error::none : send_request(*entry);
    if (error == Error::packet_identifiers_exhausted) {
      requests_wait_ = true;  // until one is free
      requests_need_ = stored_;
      return;
    }
    if (error != Error::none) {
      if (entry->operation != 0) fail(entry->operation, error);
      for (std::uint32_t i = 0; entry->own && i < entry->payload_size / 4; ++i) refuse(entry->filter(i), error);
      restore_lost(*entry);  // with a request of its own behind this one
      ids_.release(entry->id);
    }
    Outgoing* const next = entry->next;
    if (error != Error::none) take_out(requests_, entry);
    entry = next;
  }
}

// --- answers ---------------------------------------------------------------------------------------------------------

void Session::receive_codes(const FixedHeader& header, Bytes body) {
  CodeList packet;
  Fault fault = decode(body, header, version_, packet);
  if (fault == Fault::none) fault = check_problem_information(packet.properties);
  if (fault != Fault::none) return violate(fault);
  Outgoing* const entry = ids_.find(packet.id);
  if (entry == nullptr || !entry->sent) return;
  if (effect_of(entry->stage, packet.type, 0) == Effect::wrong) return violate(Fault::acknowledgement_kind);
  const bool coded = packet.type == PacketType::suback || version_ == Version::v5;
  if (coded && packet.codes.size() != entry->payload_size / 4) return violate(Fault::acknowledgement_count);
  if (packet.type == PacketType::suback) {
    receive_suback(*entry, packet);
  } else {
    receive_unsuback(*entry, packet);
  }
  ids_.release(entry->id);
  take_out(requests_, entry);
}

void Session::receive_suback(const Outgoing& entry, const CodeList& packet) {
  const std::uint32_t count = entry.payload_size / 4;
  for (std::uint32_t i = 0; i < count; ++i) {
    // A refusal leaves what was there before (5.0 §3.8.4).
    if (!is_refusal(packet.codes[i])) {
      subscriptions_.granted(entry.filter(i), bears_identifier(entry));
      continue;
    }
    if (entry.own || subscriptions_.lost(entry.filter(i))) {
      subscriptions_.given_up(entry.filter(i));
      records_.add(Event::refused, 0, entry.filter(i), packet.codes[i]);
    }
    if (!subscriptions_.held(entry.filter(i))) forget_subscription(entry.filter(i));
  }
  if (entry.operation == 0) return;
  records_.begin(Event::suback);
  records_.push(entry.operation);
  records_.push(place(packet.properties));
  for (const std::uint8_t code : packet.codes) records_.push(code);
  records_.end();
}

void Session::receive_unsuback(const Outgoing& entry, const CodeList& packet) {
  for (std::uint32_t i = 0; i < entry.payload_size / 4; ++i) {
    subscriptions_.given_up(entry.filter(i));
    forget_subscription(entry.filter(i));
  }
  if (entry.operation == 0) return;
  if (version_ != Version::v5) return records_.add(Event::done, 0, entry.operation, 0U, 0U, 0U);
  records_.begin(Event::unsuback);
  records_.push(entry.operation);
  records_.push(place(packet.properties));
  for (const std::uint8_t code : packet.codes) records_.push(code);
  records_.end();
}

}  // namespace tarta
