// The C ABI (tarta.h) over core/session.hpp: types are converted, nothing is decided. After each call that has an error
// or changes what is to be sent, the status block is written anew, so that the host reads memory instead of calling.
#include <new>

#include "inspect.hpp"
#include "session.hpp"
#include "tarta.h"

// The module inside the bundle leaves out what its client does not call: a bundle is downloaded by every page, and what
// is not exported is not linked.
#ifdef __wasm__
#define EXPORT(name) extern "C" __attribute__((export_name(#name)))
#else
#define EXPORT(name) extern "C"
#endif

using tarta::Bytes;
using tarta::Error;
using tarta::Session;

struct tarta_session {
  explicit tarta_session(std::uint64_t seed) : session(seed) {}

  Session session;
  tarta::Buffer<std::uint8_t> scratch;
  tarta::Buffer<std::uint32_t> inspected;
  tarta_status status{};

  // The first bytes of the scratch area, which given() has found to be there.
  bool given(std::uint32_t length) const { return length <= scratch.size(); }
  Bytes arguments(std::uint32_t length) const { return Bytes{scratch}.first(length); }
};

namespace {

std::uint32_t flags_of(const Session& session) {
  std::uint32_t flags = 0;
  if (session.online()) flags |= TARTA_ONLINE;
  if (session.queued()) flags |= TARTA_QUEUED;
  if (session.wants_flush()) flags |= TARTA_OUTPUT;
  return flags;
}

void write_status(tarta_session* self, Error error) {
  const Session& session = self->session;
  tarta_status& status = self->status;
  status.output = session.output().data();
  status.output_length = static_cast<std::uint32_t>(session.output().size());
  status.error = static_cast<std::uint32_t>(error);
  status.flags = flags_of(session);
  status.deadline = session.deadline();
  status.pending = session.pending();
  status.pending_bytes = session.pending_bytes();
}

std::uint32_t finish(tarta_session* self, Error error) {
  write_status(self, error);
  return static_cast<std::uint32_t>(error);
}

// What no command changes.
void write_records_status(tarta_session* self) {
  const Session& session = self->session;
  tarta_status& status = self->status;
  status.records = session.records().data();
  status.record_words = session.records().size();
  status.consumed = session.consumed();
  status.tail = session.tail();
  status.skip = session.skip();
  status.blobs = session.blobs().data();
}

// Of the calls that write records.
std::uint32_t finish_records(tarta_session* self) {
  write_records_status(self);
  write_status(self, Error::none);
  std::uint32_t result = self->status.record_words;
  if (self->session.has_more()) result |= TARTA_MORE;
  if ((self->status.flags & TARTA_OUTPUT) != 0) result |= TARTA_FLUSH;
  return result;
}

// The scratch area: `count` numbers, then `properties` bytes. No numbers where it is smaller, which no request accepts.
struct ListArguments {
  std::span<const std::uint32_t> numbers;
  Bytes properties;
};
ListArguments list_arguments(const tarta_session* self, std::uint32_t count, std::uint32_t properties) {
  const std::uint64_t size = std::uint64_t{count} * 4 + properties;
  if (size > self->scratch.size()) return {};
  const Bytes all = self->arguments(static_cast<std::uint32_t>(size));
  // A buffer's memory is aligned for numbers.
  return {{reinterpret_cast<const std::uint32_t*>(all.data()), count}, all.subspan(std::size_t{count} * 4)};
}

}  // namespace

EXPORT(create) tarta_session* tarta_create(uint32_t seed, uint32_t seed_high) {
  void* const block = std::malloc(sizeof(tarta_session));
  if (block == nullptr) return nullptr;
  auto* const self = new (block) tarta_session{std::uint64_t{seed_high} << 32 | seed};
  finish_records(self);
  return self;
}

EXPORT(destroy) void tarta_destroy(tarta_session* self) {
  self->~tarta_session();
  std::free(self);
}

EXPORT(status_of) const tarta_status* tarta_status_of(tarta_session* self) { return &self->status; }

EXPORT(scratch) uint8_t* tarta_scratch(tarta_session* self, uint32_t size) {
  self->scratch.clear();
  return self->scratch.extend(size);
}

EXPORT(set_number) uint32_t tarta_set_number(tarta_session* self, uint32_t option, uint32_t value) {
  if (option >= static_cast<std::uint32_t>(tarta::NumberOption::count)) return finish(self, Error::invalid_argument);
  return finish(self, self->session.options().set(static_cast<tarta::NumberOption>(option), value));
}

EXPORT(set_bytes) uint32_t tarta_set_bytes(tarta_session* self, uint32_t option, uint32_t length) {
  const bool known = option < static_cast<std::uint32_t>(tarta::BytesOption::count);
  if (!known || !self->given(length)) return finish(self, Error::invalid_argument);
  return finish(self, self->session.options().set(static_cast<tarta::BytesOption>(option), self->arguments(length)));
}

EXPORT(clear_bytes) uint32_t tarta_clear_bytes(tarta_session* self, uint32_t option) {
  if (option >= static_cast<std::uint32_t>(tarta::BytesOption::count)) return finish(self, Error::invalid_argument);
  self->session.options().clear(static_cast<tarta::BytesOption>(option));
  return finish(self, Error::none);
}

EXPORT(transport_opened)
uint32_t tarta_transport_opened(tarta_session* self, uint32_t server, double monotonic, double wall) {
  if (server > 15) return finish(self, Error::invalid_argument);
  const Error error = self->session.transport_opened(server, {monotonic, wall});
  write_records_status(self);
  return finish(self, error);
}

EXPORT(receive_area) uint8_t* tarta_receive_area(tarta_session* self, uint32_t size) {
  return self->session.receive_area(size);
}

EXPORT(receive) uint32_t tarta_receive(tarta_session* self, uint32_t available, uint32_t total) {
  self->session.receive(available, total);
  return finish_records(self);
}

EXPORT(more) uint32_t tarta_more(tarta_session* self) {
  self->session.more();
  return finish_records(self);
}

EXPORT(skipped) uint32_t tarta_skipped(tarta_session* self, uint32_t count) {
  self->session.skipped(count);
  write_records_status(self);
  return finish(self, Error::none);
}

EXPORT(transport_closed) uint32_t tarta_transport_closed(tarta_session* self, double monotonic, double wall) {
  self->session.transport_closed({monotonic, wall});
  return finish_records(self);
}

EXPORT(sent) void tarta_sent(tarta_session* self) {
  self->session.sent();
  write_status(self, Error::none);
}

EXPORT(tick) uint32_t tarta_tick(tarta_session* self, double monotonic, double wall) {
  self->session.tick({monotonic, wall});
  self->scratch.release();
  return finish_records(self);
}

EXPORT(probe) void tarta_probe(tarta_session* self) {
  self->session.probe();
  write_status(self, Error::none);
}

EXPORT(reconnect_delay)
double tarta_reconnect_delay(tarta_session* self, double min, double max, double factor, uint32_t stable) {
  return self->session.reconnect_delay({min, max, factor}, stable != 0);
}

EXPORT(define_topic) uint32_t tarta_define_topic(tarta_session* self, uint32_t topic, uint32_t length) {
  if (!self->given(length)) return finish(self, Error::invalid_argument);
  return finish(self, self->session.define_topic(topic, tarta::as_text(self->arguments(length))));
}

EXPORT(define_filter)
uint32_t tarta_define_filter(tarta_session* self, uint32_t filter, uint32_t length, uint32_t options) {
  if (options > 0xFF || !self->given(length)) return finish(self, Error::invalid_argument);
  const std::string_view text = tarta::as_text(self->arguments(length));
  return finish(self, self->session.define_filter(filter, text, static_cast<std::uint8_t>(options)));
}

EXPORT(forget_filter) void tarta_forget_filter(tarta_session* self, uint32_t filter) {
  self->session.forget_filter(filter);
}

EXPORT(publish)
uint8_t* tarta_publish(tarta_session* self, uint32_t operation, uint32_t topic, uint32_t flags, uint32_t length,
                       uint32_t properties, uint32_t expiry) {
  Error error = Error::invalid_argument;
  uint8_t* payload = nullptr;
  if (flags <= 0xFF && self->given(properties)) {
    payload = self->session.publish(operation, topic, static_cast<std::uint8_t>(flags), length,
                                    self->arguments(properties), expiry, error);
  }
  write_status(self, error);
  return payload;
}

EXPORT(subscribe)
uint32_t tarta_subscribe(tarta_session* self, uint32_t operation, uint32_t count, uint32_t properties) {
  const ListArguments list = list_arguments(self, count, properties);
  return finish(self, self->session.subscribe(operation, list.numbers, list.properties));
}

EXPORT(unsubscribe)
uint32_t tarta_unsubscribe(tarta_session* self, uint32_t operation, uint32_t count, uint32_t properties) {
  const ListArguments list = list_arguments(self, count, properties);
  return finish(self, self->session.unsubscribe(operation, list.numbers, list.properties));
}

EXPORT(cancel) uint32_t tarta_cancel(tarta_session* self, uint32_t operation) {
  return finish(self, self->session.cancel(operation));
}

EXPORT(authenticate) uint32_t tarta_authenticate(tarta_session* self, uint32_t reason, uint32_t data) {
  if (reason > 0xFF || !self->given(data)) return finish(self, Error::invalid_argument);
  return finish(self, self->session.authenticate(static_cast<std::uint8_t>(reason), self->arguments(data)));
}

EXPORT(disconnect) uint32_t tarta_disconnect(tarta_session* self, uint32_t reason, uint32_t properties) {
  if (reason > 0xFF || !self->given(properties)) return finish(self, Error::invalid_argument);
  return finish(self, self->session.disconnect(static_cast<std::uint8_t>(reason), self->arguments(properties)));
}

EXPORT(delivered) void tarta_delivered(tarta_session* self, uint32_t through) {
  self->session.delivered(through);
  write_status(self, Error::none);
}

EXPORT(hold) void tarta_hold(tarta_session* self, uint32_t serial) { self->session.hold(serial); }

EXPORT(acknowledge) uint32_t tarta_acknowledge(tarta_session* self, uint32_t serial, uint32_t reason) {
  if (reason > 0xFF) return finish(self, Error::invalid_argument);
  return finish(self, self->session.acknowledge(serial, static_cast<std::uint8_t>(reason)));
}

EXPORT(restore)
uint32_t tarta_restore(tarta_session* self, uint32_t kind, uint32_t key, uint32_t length, uint32_t operation) {
  if (!self->given(length)) return finish(self, Error::invalid_argument);
  if (kind > 0xFF) return finish(self, Error::store_corrupt);
  return finish(self, self->session.restore(static_cast<tarta::Kept>(kind), key, self->arguments(length), operation));
}

EXPORT(stored) void tarta_stored(tarta_session* self, uint32_t through) {
  self->session.stored(through);
  finish_records(self);
}

EXPORT(store_failed) void tarta_store_failed(tarta_session* self, uint32_t serial) {
  self->session.store_failed(serial);
  finish_records(self);
}

EXPORT(inspect)
uint32_t tarta_inspect(tarta_session* self, uint32_t length, uint32_t version, uint32_t from_client) {
  if (version < 3 || version > 5 || !self->given(length)) return finish(self, Error::invalid_argument), 0;
  const auto sender = from_client != 0 ? tarta::Sender::client : tarta::Sender::server;
  const std::uint32_t accepted = self->session.options()[tarta::NumberOption::maximum_packet_size];
  const std::uint32_t most = sender == tarta::Sender::client ? 5 + tarta::variable_maximum : accepted;
  const tarta::Inspection result =
      tarta::inspect(self->arguments(length), static_cast<tarta::Version>(version), sender, most, self->inspected);
  if (result.fault != tarta::Fault::none) {
    self->inspected.clear();
    self->inspected.push(static_cast<std::uint32_t>(result.fault));
  }
  write_status(self, tarta::error_of(result.fault));
  self->status.records = self->inspected.data();
  self->status.record_words = self->inspected.size();
  return result.size;
}
