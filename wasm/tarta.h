/* The C ABI of the core: what the WebAssembly module exports, and what native tests of the ABI call.
 *
 * One `tarta_session` is one MQTT client. Nothing here does I/O, reads a clock or calls back: bytes, times and
 * commands go in, and the host takes three things out of the status block after a call: records (core/event.def),
 * bytes to send, and the time of the next tick().
 *
 * What may be called when:
 *   - transport_opened, receive, more, transport_closed, stored, store_failed and tick write records. The host walks
 *     them before it makes the next such call.
 *   - All other calls ("commands") write none, so that handlers may make them while records are walked. What they
 *     cause comes out of the next tick().
 * Any call may make memory grow. Pointers into memory are valid until the next call, unless said otherwise.
 *
 * Times are milliseconds: `monotonic` from any origin, for time-outs; `wall` since 1970, for expiry.
 * Errors are numbers, the order of core/error.def (0: none); the error of a call that returns something else is in
 * the status block. Sizes are in bytes.
 */
#ifndef TARTA_H
#define TARTA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tarta_session tarta_session;

/* What the host reads after a call, without a further call. Its address never changes. */
typedef struct {
  const uint32_t* records; /* written by the last call that writes records */
  uint32_t record_words;
  const uint8_t* output; /* bytes to send; given back with sent() */
  uint32_t output_length;
  uint32_t error;          /* of the last call, core/error.def */
  uint32_t consumed;       /* of the WebSocket message, by the last receive() */
  uint32_t tail;           /* bytes of an unfinished packet that are kept before the receive area */
  uint32_t skip;           /* payload bytes still to come that the host keeps to itself and that receive() must not be given */
  const uint8_t* blobs;    /* the bytes that PERSIST counts in, until the next tick() */
  uint32_t flags;          /* TARTA_ONLINE … */
  double deadline;         /* monotonic ms of the next tick(), infinity for none */
  uint32_t pending;        /* messages that wait or are unacknowledged, and their bytes */
  uint32_t pending_bytes;
} tarta_status;

enum {
  TARTA_ONLINE = 1, /* CONNACK has come: a QoS 0 publish that is not QUEUED is in the output, and gets no DONE */
  TARTA_QUEUED = 2, /* the last publish was at QoS 0 and waits: it gets a DONE or FAILED */
  TARTA_OUTPUT = 4, /* something is to be sent, or a tick() would make something to send */
};

/* What receive(), more(), transport_closed() and tick() return: the number of record words, and in the high bits: */
enum {
  TARTA_MORE = 1 << 29,  /* the record buffer is full: walk it, then call more() */
  TARTA_FLUSH = 1 << 30, /* there is something to send (as TARTA_OUTPUT) */
};

/* A session; `seed` (any number) salts its hashes and draws its generated client identifier. 0 without memory. */
tarta_session* tarta_create(uint32_t seed, uint32_t seed_high);
void tarta_destroy(tarta_session*);
const tarta_status* tarta_status_of(tarta_session*);

/* Where `size` bytes of arguments go (names, properties, lists) before the command that takes them, which comes before
 * the next tick(). 0 without memory. */
uint8_t* tarta_scratch(tarta_session*, uint32_t size);

/* Options (core/option.def, numbered in its order, numbers and bytes apart). Bytes are the first `length` of the
 * scratch area. `invalid_argument` if the value is not allowed. */
uint32_t tarta_set_number(tarta_session*, uint32_t option, uint32_t value);
uint32_t tarta_set_bytes(tarta_session*, uint32_t option, uint32_t length);
uint32_t tarta_clear_bytes(tarta_session*, uint32_t option);

/* --- the transport ------------------------------------------------------------------------------------------- */

/* The transport is open: CONNECT goes to the output; with a store that does not know the client yet, not before the
 * record is stored that the next tick() tells of. `server` (0–15) names the URL, for what `version` 0 remembers.
 * Returns an error: `invalid_argument` while a connection is open, or when the options do not fit together. */
uint32_t tarta_transport_opened(tarta_session*, uint32_t server, double monotonic, double wall);

/* Where the first `size` bytes of a WebSocket message go, at most 64 KiB at a time. 0 without memory. */
uint8_t* tarta_receive_area(tarta_session*, uint32_t size);

/* Decodes what was put there: `available` bytes are in the receive area, `total` (≥ available) are left of the
 * message. Of a message that one PUBLISH fills, the first 512 bytes are enough. When it returns without MORE, go on
 * with the message at `status.consumed`; payload bytes that `status.skip` counts are the host's (MESSAGE with flag
 * 64) and are reported with skipped(). A repeated QoS 2 message is skipped without a MESSAGE: its bytes are dropped. */
uint32_t tarta_receive(tarta_session*, uint32_t available, uint32_t total);
uint32_t tarta_more(tarta_session*);
uint32_t tarta_skipped(tarta_session*, uint32_t count);

/* The transport is closed, or could not be opened. Returns as receive() does. */
uint32_t tarta_transport_closed(tarta_session*, double monotonic, double wall);

/* The output was given to the transport. */
void tarta_sent(tarta_session*);

/* Runs what is due and moves into the output what can go. Called at `status.deadline`, and once at the end of each
 * turn in which a command was made or FLUSH was seen. */
uint32_t tarta_tick(tarta_session*, double monotonic, double wall);

/* How many ms to wait before the next attempt to connect, after one more has failed or a connection was lost: any from
 * 0 to min(max, min × factor^failures), all alike; `min` and `max` in ms. `stable` 1: the connection had stayed up, and
 * the failures before it do not count. */
double tarta_reconnect_delay(tarta_session*, double min, double max, double factor, uint32_t stable);

/* --- commands ------------------------------------------------------------------------------------------------ */

/* Outgoing topics and filters are small numbers that the host hands out; the name is in the scratch area.
 * `invalid_topic`, `invalid_filter`. */
uint32_t tarta_define_topic(tarta_session*, uint32_t topic, uint32_t length);

/* `options`: the byte of SUBSCRIBE (5.0 §3.8.3.1). From then on the filter is matched; a filter that is only routed
 * needs no more. */
uint32_t tarta_define_filter(tarta_session*, uint32_t filter, uint32_t length, uint32_t options);
void tarta_forget_filter(tarta_session*, uint32_t filter); /* its number is free when no request with it is under way */

/* `flags` as in the fixed header: RETAIN 1, QoS << 1. `properties` bytes of encoded properties are in the scratch
 * area (without Message Expiry Interval, which is `expiry` in seconds, 0xFFFFFFFF for none). Returns where `length`
 * bytes of payload go, at once; 0: see status.error. */
uint8_t* tarta_publish(tarta_session*, uint32_t operation, uint32_t topic, uint32_t flags, uint32_t length,
                       uint32_t properties, uint32_t expiry);

/* The scratch area holds `count` filter numbers (uint32), then `properties` bytes. `invalid_argument` without a filter,
 * for one that is not defined, or for properties that the packet may not bear. */
uint32_t tarta_subscribe(tarta_session*, uint32_t operation, uint32_t count, uint32_t properties);
uint32_t tarta_unsubscribe(tarta_session*, uint32_t operation, uint32_t count, uint32_t properties);

/* A queued operation leaves no trace; one in flight keeps its packet identifier until it is acknowledged. Either way
 * nothing more is reported of it. `invalid_argument` if there is no such operation. */
uint32_t tarta_cancel(tarta_session*, uint32_t operation);

/* An answer to AUTH; `data` bytes of authentication data are in the scratch area. `reason` 0x18 or 0x19.
 * `invalid_argument` where none is waited for; `packet_too_large`. */
uint32_t tarta_authenticate(tarta_session*, uint32_t reason, uint32_t data);

/* DISCONNECT, then CLOSED with the next tick(). `properties` bytes are in the scratch area. `invalid_argument` for what a
 * client may not send. */
uint32_t tarta_disconnect(tarta_session*, uint32_t reason, uint32_t properties);

/* Handlers have returned for all messages up to this serial (which counts QoS 1 and 2 messages, modulo 2^32). */
void tarta_delivered(tarta_session*, uint32_t through);

/* The line may be dead, as the network has changed: the next tick() tries it, and where there is a keep alive gives the
 * server at most 5 s for an answer. */
void tarta_probe(tarta_session*);

/* hold(): this message is acknowledged by hand: by acknowledge(), with a reason code of PUBACK (5.0 §3.4.2.1; before 5.0
 * there is none, and it is taken as 0). */
void tarta_hold(tarta_session*, uint32_t serial);
uint32_t tarta_acknowledge(tarta_session*, uint32_t serial, uint32_t reason);

/* --- the store (option `durable`) ---------------------------------------------------------------------------- */

/* Before the first tick() and the first connection, for each record that was kept, in the order in which PERSIST told of
 * them (serials begin anew with each session: the host numbers its records itself); `length` bytes are in the scratch
 * area. `operation` names what a restored message reports to. `store_corrupt` if the bytes are no record. */
uint32_t tarta_restore(tarta_session*, uint32_t kind, uint32_t key, uint32_t length, uint32_t operation);

/* All records up to this serial are on disk. */
void tarta_stored(tarta_session*, uint32_t through);

/* The record with this serial could not be kept: its message or its SUBSCRIBE fails; without any other record the
 * connection ends for good. */
void tarta_store_failed(tarta_session*, uint32_t serial);

/* --- inspection ---------------------------------------------------------------------------------------------- */

/* Describes the first packet among the `length` bytes in the scratch area as records of core/field.def.
 * `from_client` 1: decoded as a server would that takes any size. Returns the packet's bytes; 0: unfinished, or
 * status.error. */
uint32_t tarta_inspect(tarta_session*, uint32_t length, uint32_t version, uint32_t from_client);

#ifdef __cplusplus
}
#endif
#endif
