// What a durable session asks its host to keep, and takes back after a restart.
//
// Every change has a serial; a packet that depends on a change is not sent before the host has said stored(serial). A
// session that is not durable makes the same serials, and nothing waits for them.
#include "session.hpp"
#include "topic.hpp"

namespace tarta {
namespace {

// Of a kept message: format, flags, expiry, sizes of topic and properties; then topic, properties and payload.
constexpr std::uint8_t message_format = 1;
constexpr std::uint32_t message_head = 1 + 1 + 4 + 2 + 4;

// Of the client: format, version of the session, what is known of it, session expiry; then the client identifier.
constexpr std::uint8_t client_format = 1;
constexpr std::uint32_t client_head = 1 + 1 + 1 + 4;
enum Known : std::uint8_t {
  known_session = 0,  // there was one
  starts_clean = 1,   // … which has expired: the next one starts clean
  may_be_known = 2,   // none yet, but CONNECT may have gone out
};

// Of a subscription: format, options; then the filter. Its number, the key, is that of its identifier, less one.
constexpr std::uint8_t subscription_format = 1;

}  // namespace

// --- what is to be kept ----------------------------------------------------------------------------------------------

bool Session::is_stored(std::uint32_t serial) const { return !durable() || at_or_before(serial, stored_); }

std::uint32_t Session::keep(Kept kind, std::uint32_t key) {
  ++serial_;
  if (durable()) changes_.push({serial_, key, kind, false});
  return serial_;
}

std::uint32_t Session::forget(Kept kind, std::uint32_t key) {
  ++serial_;
  if (durable()) changes_.push({serial_, key, kind, true});
  return serial_;
}

// The message first: should the host die between the two, a message that seems not to be released would be published
// a second time.
void Session::forget_message(const Outgoing& entry) {
  if (entry.id == 0 || !durable()) return;
  forgo(entry.serial);
  forget(Kept::message, entry.id);
  if (entry.stage == Stage::pubcomp) forget(Kept::released, entry.id);
}

// Nobody needs this record, of a message or of a filter, any more: whether it can be written does not matter.
void Session::forgo(std::uint32_t serial) {
  if (!is_stored(serial)) unneeded_.push(serial);
}

// A server that gets CONNECT makes a session. Should the host die before it hears of that, the next one must know that
// the session is its own (5.0 §3.2.2.1.1): CONNECT does not leave before there is a record of the client.
void Session::ask_to_be_kept() {
  if (client_kept_) return;
  client_kept_ = true;
  client_serial_ = keep(Kept::client, 0);
}

bool Session::connect_waits() const { return kept_version_ == Version{} && !is_stored(client_serial_); }

// CONNECT was answered, and no session is ours: what the server may have by our name is another client's, after a
// restart too.
void Session::take_back_client() {
  if (pinned_ || start_clean_ || unanswered_) return;
  client_kept_ = false;
  forget(Kept::client, 0);
}

// What the server knows us by, and for how long.
void Session::keep_client() {
  const bool known = kept_version_ == version_ && kept_expiry_ == session_expiry_ && !start_clean_ && !kept_clean_;
  if (known) return;
  if (kept_version_ != version_ || kept_clean_) client_waits_ = true;
  client_serial_ = keep(Kept::client, 0);
  kept_version_ = version_;
  kept_expiry_ = session_expiry_;
  kept_clean_ = start_clean_;
}

void Session::forget_subscription(std::uint32_t filter) {
  if (subscriptions_.set_kept(filter, false)) forget(Kept::subscription, filter);
}

void Session::flush_changes() {
  blobs_.clear();
  for (const Change& change : changes_) {
    const auto kind = static_cast<std::uint32_t>(change.kind);
    if (change.forget) {
      records_.add(Event::forget, 0, change.serial, kind, change.key);
      continue;
    }
    // A message that is gone already was never sent, a filter never asked for: a later change says that it is
    // forgotten.
    const Outgoing* const entry =
        change.kind == Kept::message ? ids_.find(static_cast<std::uint16_t>(change.key)) : nullptr;
    if (change.kind == Kept::message && entry == nullptr) continue;
    if (change.kind == Kept::subscription && !subscriptions_.defined(change.key)) continue;
    const std::uint32_t offset = blobs_.size();
    if (change.kind == Kept::client) write_client(blobs_);
    if (change.kind == Kept::subscription) write_subscription(change.key, blobs_);
    std::uint32_t operation = 0;
    if (entry != nullptr) {
      write_message(*entry, blobs_);
      operation = entry->operation;
    }
    records_.add(Event::persist, 0, change.serial, kind, change.key, offset, blobs_.size() - offset, operation);
  }
  changes_.clear();
}

void Session::write_client(Buffer<std::uint8_t>& blob) const {
  std::uint8_t* const at = blob.extend(client_head);
  if (at == nullptr) return;
  Writer writer{at};
  writer.byte(client_format);
  writer.byte(static_cast<std::uint8_t>(version_));
  writer.byte(start_clean_ ? starts_clean : pinned_ ? known_session : may_be_known);
  writer.four_byte(session_expiry_);
  blob.append(client_id_);
}

void Session::write_subscription(std::uint32_t filter, Buffer<std::uint8_t>& blob) const {
  blob.push(subscription_format);
  blob.push(subscriptions_.options(filter));
  blob.append(as_bytes(subscriptions_.filter(filter)));
}

void Session::write_message(const Outgoing& entry, Buffer<std::uint8_t>& blob) const {
  std::uint8_t* const at = blob.extend(message_head + entry.bytes());
  if (at == nullptr) return;
  Writer writer{at};
  writer.byte(message_format);
  writer.byte(entry.flags);
  writer.four_byte(entry.expires);
  writer.two_byte(entry.topic->size);
  writer.four_byte(entry.properties_size);
  writer.bytes(as_bytes(entry.topic->name()));
  writer.bytes({entry.content(), entry.properties_size + entry.payload_size});
}

// --- what the host says of it ----------------------------------------------------------------------------------------

void Session::stored(std::uint32_t through) {
  records_.clear();
  if (through - stored_ <= serial_ - stored_) stored_ = through;  // never back, nor past what was asked for
  std::uint32_t left = 0;
  for (const std::uint32_t serial : unneeded_) {
    if (!is_stored(serial)) unneeded_[left++] = serial;
  }
  unneeded_.truncate(left);
  if (is_stored(client_serial_)) client_waits_ = false;
}

// The record could not be written: what was to be published or subscribed to fails. Without any other record nothing is
// safe any more, neither an acknowledgement nor a release, and the connection ends.
void Session::store_failed(std::uint32_t serial) {
  records_.clear();
  const bool under_way = serial - stored_ - 1 < serial_ - stored_;
  if (!under_way) return;
  for (Outgoing* entry = unsent_.first(); entry != nullptr; entry = entry->next) {
    if (entry->serial == serial) return drop(unsent_, entry, Error::store_failed);
  }
  for (const std::uint32_t unneeded : unneeded_) {
    if (unneeded == serial) return;
  }
  for (Outgoing* entry = requests_.first(); entry != nullptr; entry = entry->next) {
    // Without those of its own requests the session could not go on.
    if (entry->operation == 0 || entry->serial - serial >= entry->records) continue;
    for (std::uint32_t i = 0; i < entry->payload_size / 4; ++i) forget_subscription(entry->filter(i));
    fail(entry->operation, Error::store_failed);
    restore_lost(*entry);
    return take_out(requests_, entry);
  }
  kept_version_ = {};  // should there be another connection
  if (serial == client_serial_) {
    client_serial_ = stored_;
    client_kept_ = pinned_;  // by the record of before
  }
  end(Error::store_failed, 0, Fault::none, closed_final);
}

// --- after a restart -------------------------------------------------------------------------------------------------

Error Session::restore(Kept kind, std::uint32_t key, Bytes bytes, std::uint32_t operation) {
  if (phase_ != Phase::idle) return Error::invalid_argument;
  const auto id = static_cast<std::uint16_t>(key);
  const bool identifies = key != 0 && key == id;
  switch (kind) {
    case Kept::client:
      return restore_client(bytes);
    case Kept::subscription:
      return restore_subscription(key, bytes);
    case Kept::message:
      return identifies ? restore_message(id, bytes, operation) : Error::store_corrupt;
    case Kept::inbound:
      if (!identifies) return Error::store_corrupt;
      have_session_ = true;
      return inbound_.hold_identifier(id) ? Error::none : Error::out_of_memory;
    case Kept::released: {
      Outgoing* const entry = ids_.find(id);
      if (!identifies || (entry != nullptr && entry->qos() != 2)) return Error::store_corrupt;
      if (entry != nullptr) {
        entry->stage = Stage::pubcomp;
      } else {
        forget(Kept::released, id);  // what remains of a message that is forgotten
      }
      return Error::none;
    }
  }
  return Error::store_corrupt;
}

// A session goes on in the version in which it began. One that has expired starts clean, whatever the server holds.
// Where there may be one, it is found out anew which version the server speaks.
Error Session::restore_client(Bytes bytes) {
  Reader reader{bytes};
  const std::uint8_t format = reader.byte();
  const std::uint8_t version = reader.byte();
  const std::uint8_t known = reader.byte();
  const std::uint32_t expiry = reader.four_byte();
  if (reader.fault() != Fault::none || format != client_format || version < 3 || version > 5 || known > may_be_known) {
    return Error::store_corrupt;
  }
  const Bytes id = reader.rest();
  if (id.size() > 65'535 || check_utf8(id) != Utf8::valid) return Error::store_corrupt;
  client_kept_ = true;
  if (known == may_be_known) {
    unanswered_ = true;
  } else {
    kept_version_ = version_ = static_cast<Version>(version);
    kept_expiry_ = session_expiry_ = expiry;
    kept_clean_ = start_clean_ = known == starts_clean;
    pinned_ = !start_clean_;
    have_session_ = have_session_ || pinned_;
  }
  client_id_.clear();
  return client_id_.append(id) ? Error::none : Error::out_of_memory;
}

// No server has accepted a client that was not kept, or for a first CONNECT only: what was to be published has not been
// sent, and may expire; there is no state of a session.
void Session::restored_without_client() {
  if (phase_ != Phase::idle || kept_version_ != Version{}) return;
  for (Outgoing* entry = inflight_.last(); entry != nullptr;) {
    Outgoing* const before = entry->previous;
    if (entry->stage != Stage::pubcomp) {
      inflight_.unlink(entry);
      entry->sent = false;
      unsent_.prepend(entry);
      note_expiry(*entry);
    }
    entry = before;
  }
  have_session_ = !inflight_.empty();
}

Error Session::restore_subscription(std::uint32_t number, Bytes bytes) {
  Reader reader{bytes};
  const std::uint8_t format = reader.byte();
  const std::uint8_t options = reader.byte();
  if (format != subscription_format) return Error::store_corrupt;
  const std::string_view filter = as_text(reader.rest());
  if (subscriptions_.defined(number)) return Error::store_corrupt;
  const Error error = define_filter(number, filter, options);
  if (error != Error::none) return error == Error::out_of_memory ? error : Error::store_corrupt;
  subscriptions_.set_kept(number, true);
  subscriptions_.granted(number, true);
  if (options_[NumberOption::clean_start] != 0) forget_filter(number);  // it ends with the session (5.0 §3.1.2.4)
  return Error::none;
}

Error Session::restore_message(std::uint16_t id, Bytes bytes, std::uint32_t operation) {
  Reader reader{bytes};
  const std::uint8_t format = reader.byte();
  const std::uint8_t flags = reader.byte();
  const std::uint32_t expires = reader.four_byte();
  const std::uint16_t topic_size = reader.two_byte();
  const std::uint32_t properties_size = reader.four_byte();
  if (format != message_format || flags > 5) return Error::store_corrupt;
  if (std::uint64_t{topic_size} + properties_size > reader.left()) return Error::store_corrupt;
  OutgoingTopic* const topic = make_topic(as_text(reader.bytes(topic_size)));
  if (topic == nullptr) return Error::out_of_memory;
  Outgoing* const entry =
      make_outgoing(topic, properties_size, static_cast<std::uint32_t>(reader.left() - properties_size));
  let_go(topic);  // it is the message's alone
  if (entry == nullptr) return Error::out_of_memory;
  std::memcpy(entry->content(), reader.position(), reader.left());
  entry->flags = flags;
  entry->expires = expires;
  entry->operation = operation;
  entry->serial = ++serial_;
  entry->stage = entry->qos() == 1 ? Stage::puback : Stage::pubrec;
  const bool sound = entry->qos() > 0 && valid_topic_name(entry->topic->name()) &&
                     valid_publish_properties(entry->properties()) && ids_.claim(id, entry);
  if (!sound) return destroy(entry), Error::store_corrupt;
  entry->id = id;
  stored_ = serial_;
  ++pending_;
  pending_bytes_ += entry->bytes();
  if (start_clean_) {
    unsent_.append(entry);  // kept since the session has expired: no server has had it
    note_expiry(*entry);
  } else {
    entry->sent = have_session_ = true;  // it may have been: the server is told with DUP
    inflight_.append(entry);
  }
  return Error::none;
}

}  // namespace tarta
