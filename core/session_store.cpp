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

// Of the client: format, version of the session; then the client identifier.
constexpr std::uint8_t client_format = 1;
constexpr std::uint32_t client_head = 1 + 1;

}  // namespace

bool Session::is_stored(std::uint32_t serial) const {
  return !durable() || static_cast<std::int32_t>(stored_ - serial) >= 0;
}

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
  forget(Kept::message, entry.id);
  if (entry.stage == Stage::pubcomp) forget(Kept::released, entry.id);
}

void Session::flush_changes() {
  blobs_.clear();
  for (const Change& change : changes_) {
    const auto kind = static_cast<std::uint32_t>(change.kind);
    if (change.forget) {
      records_.add(Event::forget, 0, change.serial, kind, change.key);
      continue;
    }
    const std::uint32_t offset = blobs_.size();
    // A message that is gone already was never sent: a later change says that it is forgotten.
    if (change.kind == Kept::message && ids_.find(static_cast<std::uint16_t>(change.key)) == nullptr) continue;
    write_blob(change);
    records_.add(Event::persist, 0, change.serial, kind, change.key, offset, blobs_.size() - offset);
  }
  changes_.clear();
}

void Session::write_blob(const Change& change) {
  if (change.kind == Kept::client) {
    blobs_.push(client_format);
    blobs_.push(static_cast<std::uint8_t>(version_));
    blobs_.append(client_id_);
    return;
  }
  if (change.kind != Kept::message) return;
  const Outgoing* const entry = ids_.find(static_cast<std::uint16_t>(change.key));
  const std::uint32_t size = message_head + entry->bytes();
  std::uint8_t* const at = blobs_.extend(size);
  if (at == nullptr) return;
  Writer writer{at};
  writer.byte(message_format);
  writer.byte(entry->flags);
  writer.four_byte(entry->expires);
  writer.two_byte(entry->topic_size);
  writer.four_byte(entry->properties_size);
  writer.bytes({entry->content(), entry->bytes()});
}

void Session::stored(std::uint32_t through) {
  records_.clear();
  if (through - stored_ <= serial_ - stored_) stored_ = through;  // never back, nor past what was asked for
}

// The record could not be written: a message that was to be published fails. Without any other record nothing is safe
// any more, neither an acknowledgement nor a release, and the connection ends.
void Session::store_failed(std::uint32_t serial) {
  records_.clear();
  const bool under_way = serial - stored_ - 1 < serial_ - stored_;
  if (!under_way) return;
  for (Outgoing* entry = unsent_.first(); entry != nullptr; entry = entry->next) {
    if (entry->serial == serial) return drop(unsent_, entry, Error::store_failed);
  }
  end(Error::store_failed, 0, Fault::none, closed_final);
}

// A session goes on in the version in which it began.
Error Session::restore_client(Bytes bytes) {
  if (bytes.size() < client_head || bytes[0] != client_format || bytes[1] < 3 || bytes[1] > 5) {
    return Error::store_corrupt;
  }
  const Bytes id = bytes.subspan(client_head);
  if (id.size() > 65'535 || check_utf8(id) != Utf8::valid) return Error::store_corrupt;
  client_kept_ = version_ = static_cast<Version>(bytes[1]);
  have_session_ = pinned_ = true;
  client_id_.clear();
  return client_id_.append(id) ? Error::none : Error::out_of_memory;
}

Error Session::restore(Kept kind, std::uint32_t key, Bytes bytes, std::uint32_t operation) {
  if (phase_ != Phase::idle) return Error::invalid_argument;
  const auto id = static_cast<std::uint16_t>(key);
  switch (kind) {
    case Kept::client:
      return restore_client(bytes);
    case Kept::inbound:
      if (key == 0 || key > PacketIds<Outgoing>::most) return Error::store_corrupt;
      have_session_ = true;
      return inbound_.hold_identifier(id) ? Error::none : Error::out_of_memory;
    case Kept::released: {
      Outgoing* const entry = ids_.find(id);
      if (key == 0 || key != id || (entry != nullptr && entry->qos() != 2)) return Error::store_corrupt;
      if (entry != nullptr) {
        entry->stage = Stage::pubcomp;
      } else {
        forget(Kept::released, id);  // what remains of a message that is forgotten
      }
      return Error::none;
    }
    case Kept::message:
      break;
    default:
      return Error::store_corrupt;
  }
  Reader reader{bytes};
  const std::uint8_t format = reader.byte();
  const std::uint8_t flags = reader.byte();
  const std::uint32_t expires = reader.four_byte();
  const Bytes topic_size = reader.bytes(2);
  const std::uint32_t properties_size = reader.four_byte();
  if (reader.fault() != Fault::none || format != message_format || flags > 5 || key != id) return Error::store_corrupt;
  const std::uint32_t topic = std::uint32_t{topic_size[0]} << 8 | topic_size[1];
  if (std::uint64_t{topic} + properties_size > reader.left()) return Error::store_corrupt;
  const auto payload = static_cast<std::uint32_t>(reader.left() - topic - properties_size);
  Outgoing* const entry = make_outgoing(topic, properties_size, payload);
  if (entry == nullptr) return Error::out_of_memory;
  std::memcpy(entry->content(), reader.position(), reader.left());
  entry->flags = flags;
  entry->expires = expires;
  entry->operation = operation;
  entry->serial = ++serial_;
  entry->stage = entry->qos() == 1 ? Stage::puback : Stage::pubrec;
  const bool sound = entry->qos() > 0 && valid_topic_name(entry->topic()) &&
                     valid_publish_properties(entry->properties()) && ids_.claim(id, entry);
  if (!sound) return destroy(entry), Error::store_corrupt;
  entry->id = id;
  entry->sent = true;  // it may have been: the server is told with DUP
  inflight_.append(entry);
  stored_ = serial_;
  ++pending_;
  pending_bytes_ += entry->bytes();
  have_session_ = true;
  return Error::none;
}

}  // namespace tarta
