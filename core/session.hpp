// An MQTT client as a state machine (5.0 §4): bytes, commands and times go in; bytes to send, records of what happened
// (event.def) and the time of the next tick come out. It has no socket, clock, thread or file, and calls nothing back.
//
// The methods that write records are transport_opened, receive, more, transport_closed, stored, store_failed and tick;
// each begins with an empty row of them. All others are commands: they may be called while records are being walked,
// and what they cause comes out of the next tick().
//
// wasm/tarta.h says of each call what it takes and gives, with units and errors; it is this class, as C.
// The machine lies in six files: session.cpp has the connection and its times, session_in.cpp what comes from the
// server, session_publish.cpp and session_out.cpp what goes to it, session_subscribe.cpp the subscriptions,
// session_store.cpp what is kept.
#pragma once

#include "alias.hpp"
#include "backoff.hpp"
#include "decode.hpp"
#include "encode.hpp"
#include "inbound.hpp"
#include "inflight.hpp"
#include "options.hpp"
#include "packet_ids.hpp"
#include "records.hpp"
#include "subscriptions.hpp"

namespace tarta {

// Milliseconds: from any origin, for time-outs; since 1970, for expiry.
struct Now {
  double monotonic = 0;
  double wall = 0;
};

constexpr std::uint32_t no_expiry = 0xFFFF'FFFF;

// What a durable session asks its host to keep, each under a key: the packet identifier of a message, the number of a
// filter, 0 for the client itself.
enum class Kept : std::uint8_t { message = 1, released = 2, inbound = 3, subscription = 4, client = 5 };

class Session {
 public:
  explicit Session(std::uint64_t seed);

  Options& options() { return options_; }

  // --- the transport
  Error transport_opened(unsigned server, Now now);
  std::uint8_t* receive_area(std::uint32_t size);
  void receive(std::uint32_t available, std::uint32_t total);
  void more();
  void skipped(std::uint32_t count);
  void transport_closed(Now now);
  void sent();
  void tick(Now now);
  double reconnect_delay(const BackoffRule& rule, bool stable);

  // --- commands
  Error define_topic(std::uint32_t number, std::string_view name);
  Error define_filter(std::uint32_t number, std::string_view filter, std::uint8_t options);
  void forget_filter(std::uint32_t number);
  std::uint8_t* publish(std::uint32_t operation, std::uint32_t topic_number, std::uint8_t flags, std::uint32_t length,
                        Bytes properties, std::uint32_t expiry, Error& error);
  Error subscribe(std::uint32_t operation, std::span<const std::uint32_t> filters, Bytes properties);
  Error unsubscribe(std::uint32_t operation, std::span<const std::uint32_t> filters, Bytes properties);
  Error cancel(std::uint32_t operation);
  Error authenticate(std::uint8_t reason, Bytes data);
  Error disconnect(std::uint8_t reason, Bytes properties);
  void delivered(std::uint32_t through);
  void hold(std::uint32_t serial) { inbound_.hold(serial); }
  Error acknowledge(std::uint32_t serial, std::uint8_t reason);
  void probe() { probes_ = online() && limits_.keepalive > 0; }

  // --- the store
  Error restore(Kept kind, std::uint32_t key, Bytes bytes, std::uint32_t operation);
  void stored(std::uint32_t through);
  void store_failed(std::uint32_t serial);

  // --- what comes out
  const Buffer<std::uint32_t>& records() const { return records_.words(); }
  Bytes output() const { return phase_ == Phase::opening ? Bytes{} : Bytes{output_}; }
  Bytes blobs() const { return blobs_; }
  double deadline() const { return deadline_; }  // monotonic; infinity for none
  bool online() const { return phase_ == Phase::online; }
  bool queued() const { return queued_; }      // did the last publish at QoS 0 have to wait?
  bool has_more() const { return has_more_; }  // records are full: walk them, then more()
  bool wants_flush() const;
  std::uint32_t consumed() const { return consumed_; }
  std::uint32_t tail() const { return tail_; }
  std::uint32_t skip() const { return skip_; }
  std::uint32_t pending() const { return pending_; }
  std::uint32_t pending_bytes() const { return pending_bytes_; }

 private:
  // The connection, and what leads on:
  //
  //   idle         before the first                           transport_opened: opening
  //   opening      CONNECT waits for a record                 stored: connecting
  //   connecting   CONNACK is waited for                      CONNACK: online
  //   online       CONNACK has accepted
  //   closed       over: CLOSED was told, or is about to be   transport_opened: opening
  //
  // From opening, connecting and online, closed follows from what the server sends, a time-out, disconnect() and
  // transport_closed.
  enum class Phase : std::uint8_t { idle, opening, connecting, online, closed };

  // What CONNACK said, or what holds when it says nothing (5.0 §3.2.2.3). Made anew with each connection.
  struct Limits {
    std::uint32_t receive_maximum = 65'535;
    std::uint32_t maximum_packet_size = 5 + variable_maximum;
    std::uint32_t keepalive = 0;  // seconds
    std::uint8_t maximum_qos = 2;
    bool retain = true;
    bool wildcard = true;
    bool shared = true;
    bool subscription_identifiers = false;
  };

  // A change of what is kept, on its way into the records.
  struct Change {
    std::uint32_t serial;
    std::uint32_t key;
    Kept kind;
    bool forget;
  };

  // An acknowledgement that waits for a persist record.
  struct Answer {
    std::uint32_t needs;
    std::uint16_t id;
    PacketType type;
    std::uint8_t reason;
  };

  // The oldest unacknowledged operation, and since when it is that.
  struct Watch {
    double since = 0;
    std::uint16_t id = 0;  // 0: there is none
    Stage stage = Stage::none;
  };

  struct Failure {
    std::uint32_t operation;
    Error error;
  };

  // What the host's numbers stand for; nullptr: nothing.
  struct Topics : Buffer<OutgoingTopic*> {
    ~Topics() {
      for (OutgoingTopic* const topic : *this) let_go(topic);
    }
  };

  enum ClosedFlags : unsigned { closed_final = 1, closed_again = 2, closed_by_us = 4 };

  // --- the connection (session.cpp)
  bool open() const { return phase_ != Phase::idle && phase_ != Phase::closed; }
  Version choose_version() const;
  unsigned change_version();
  void make_client_id();
  Error write_connect();
  void begin_connecting();
  void write_disconnect();
  void make_connect_properties(Buffer<std::uint8_t>& properties) const;
  void connected(const Connack& packet);
  Error apply_limits(const Connack& packet);
  void resume(bool session_present);
  void lose_session();
  void watch_session();
  TARTA_COLD void end(Error error, std::uint8_t reason, Fault fault, unsigned flags, Place properties = {});
  TARTA_COLD void violate(Fault fault);
  void end_silently(Error error);
  void check_memory();
  void connection_over();
  void settle_all(Error error);
  void take_out_requests();
  void check_times(double slept);
  void keep_alive(double slept);
  void watch_acknowledgements();
  void find_deadline();
  double ping_due() const;
  TARTA_COLD void rest();
  void expire();
  void expire(OutgoingList& list);
  bool expired(const Outgoing& entry) const;
  void note_expiry(const Outgoing& entry);

  // --- what comes from the server (session_in.cpp)
  void decode_input();
  bool decode_next();
  TARTA_COLD bool decode_large(const FixedHeader& header, Bytes rest, std::uint64_t rest_in_message);
  void finish_input();
  Fault check_phase(PacketType type) const;
  void handle(const FixedHeader& header, Bytes body);
  TARTA_COLD void receive_connack(Bytes body);
  void receive_publish(const FixedHeader& header, Bytes body, std::uint32_t payload_beyond, bool large);
  std::uint32_t find_topic(const Publish& packet, Fault& fault);
  TARTA_COLD void route(std::uint32_t topic);
  void add_message(const FixedHeader& header, const Publish& packet, std::uint32_t topic, std::uint32_t length,
                   std::uint32_t serial, bool large);
  void receive_acknowledgement(const FixedHeader& header, Bytes body);
  void receive_pubrel(const Acknowledgement& packet);
  TARTA_COLD void receive_disconnect(const FixedHeader& header, Bytes body);
  TARTA_COLD void receive_auth(const FixedHeader& header, Bytes body);
  Fault check_method(const Properties& properties) const;
  Fault check_problem_information(const Properties& properties) const;
  Place place(Bytes bytes) const;
  Place place(const Properties& properties) const { return place(properties.raw()); }

  // --- publishing (session_publish.cpp)
  Error check_publish(const PublishHead& head, std::uint32_t size) const;
  static bool valid_publish_properties(Bytes properties);
  Error make_room(std::uint8_t qos, std::uint32_t bytes);
  PublishHead head_of(const Outgoing& entry) const;
  void give_alias(PublishHead& head, std::uint32_t& size, OutgoingTopic& topic);
  void send_publish(Outgoing& entry, PublishHead& head, std::uint32_t size);

  // --- what goes to the server (session_out.cpp)
  Error no_identifier() const;
  Outgoing* find_operation(std::uint32_t operation);
  void fail(std::uint32_t operation, Error error) { failures_.push({operation, error}); }
  void drop(OutgoingList& list, Outgoing* entry, Error error);
  void abandon(Outgoing* entry, Error error);
  void take_up(Outgoing* entry);
  void complete(Outgoing* entry, std::uint8_t reason, Place properties);
  void take_out(OutgoingList& list, Outgoing* entry);
  void acknowledge_arrivals();
  void answer(PacketType type, std::uint16_t id, std::uint8_t reason, std::uint32_t needs);
  void stamp();
  void stamp(OutgoingList& list);
  void pump();
  void pump_answers();
  void pump_replay();
  void pump_messages();
  bool room_in_output() const;
  template <class Packet>
  bool write(const Packet& packet);

  // --- subscriptions (session_subscribe.cpp)
  Error request(Stage stage, std::uint32_t operation, std::span<const std::uint32_t> filters, Bytes properties);
  void resubscribe();
  void restore_lost(const Outgoing& entry);
  void ask_again(std::span<const std::uint32_t> filters);
  Error check_filter(std::string_view filter) const;
  bool write_filters(const Outgoing& entry, Buffer<std::uint8_t>& filters) const;
  bool bears_identifier(const Outgoing& entry) const;
  bool write_request_properties(const Outgoing& entry, Buffer<std::uint8_t>& properties) const;
  Error send_request(Outgoing& entry);
  bool is_kept(Outgoing& entry);
  void pump_requests();
  void refuse(std::uint32_t filter, Error error);
  TARTA_COLD void receive_codes(const FixedHeader& header, Bytes body);
  TARTA_COLD void receive_suback(const Outgoing& entry, const CodeList& packet);
  TARTA_COLD void receive_unsuback(const Outgoing& entry, const CodeList& packet);

  // --- the store (session_store.cpp)
  bool durable() const { return options_[NumberOption::durable] != 0; }
  bool is_stored(std::uint32_t serial) const;
  std::uint32_t keep(Kept kind, std::uint32_t key);
  std::uint32_t forget(Kept kind, std::uint32_t key);
  void forget_message(const Outgoing& entry);
  void forgo(std::uint32_t serial);
  void flush_changes();
  void keep_client();
  void ask_to_be_kept();
  bool connect_waits() const;
  void take_back_client();
  void forget_subscription(std::uint32_t filter);
  void write_client(Buffer<std::uint8_t>& blob) const;
  void write_subscription(std::uint32_t filter, Buffer<std::uint8_t>& blob) const;
  void write_message(const Outgoing& entry, Buffer<std::uint8_t>& blob) const;
  Error restore_client(Bytes bytes);
  void restored_without_client();
  Error restore_subscription(std::uint32_t number, Bytes bytes);
  Error restore_message(std::uint16_t id, Bytes bytes, std::uint32_t operation);

  Options options_;
  Phase phase_ = Phase::idle;
  Version version_ = Version::v5;
  std::uint8_t server_ = 0;
  std::uint16_t proven_ = 0;   // a bit for each server that has sent a CONNACK
  std::uint16_t silent_ = 0;   // … that took 3.1.1 after one silence at 5.0
  bool fall_back_ = false;     // the next attempt speaks 3.1.1, …
  bool guessed_ = false;       // … as nothing was said
  bool have_session_ = false;  // the client holds session state, empty as it may be
  bool pinned_ = false;        // … which a connection of this very version made
  bool unanswered_ = false;    // a CONNECT had no answer, here or before a restart: the server may have made a session
  bool start_clean_ = false;   // the next connection starts clean, whatever the option says
  bool clean_start_ = false;   // what this CONNECT said
  bool heard_ = false;         // something was received on this connection
  bool received_ = false;      // … since the last tick
  bool ping_outstanding_ = false;
  bool probes_ = false;                 // probe() was called
  bool disconnecting_ = false;          // disconnect() was called, …
  std::uint8_t disconnect_reason_ = 0;  // … with this
  bool requests_wait_ = false;          // for a packet identifier or a record, …
  bool stuck_ = false;                  // what must be sent is larger than what the server accepts
  bool queued_ = false;
  bool has_more_ = false;
  bool out_of_memory_ = false;
  bool ended_ = false;                 // for want of memory, for good
  bool has_method_ = false;            // CONNECT named an authentication method, …
  bool problem_information_ = true;    // … and asked for Problem Information, …
  bool response_information_ = false;  // … and for Response Information
  bool authenticating_ = false;        // once more, on the open connection
  bool auth_unanswered_ = false;       // the server's AUTH waits for ours
  Version kept_version_ = {};          // what the store knows of the client; 0: nothing
  bool kept_clean_ = false;
  bool client_kept_ = false;   // the store has a record of the client, or is asked to
  bool client_waits_ = false;  // … before which nothing is left at a server
  std::uint32_t kept_expiry_ = 0;
  std::uint32_t requests_need_ = 0;  // … the serial of that record
  std::uint32_t client_serial_ = 0;  // of the client's record
  std::uint64_t seed_;
  Backoff backoff_;
  Numbers in_force_;             // the options as they were when the connection was opened
  Buffer<std::uint8_t> method_;  // of authentication
  Limits limits_;
  Buffer<std::uint8_t> client_id_;
  Buffer<std::uint8_t> disconnect_properties_;

  Now now_;
  double connect_started_ = 0;
  double last_sent_ = 0;
  double last_received_ = 0;
  double ping_deadline_ = 0;
  double next_expiry_ = 0;   // wall seconds; 0: none
  double session_ends_ = 0;  // wall ms; 0: not known yet
  double deadline_;
  std::uint32_t session_expiry_ = no_expiry;  // seconds after the end of a connection
  Watch watched_message_;
  Watch watched_request_;

  // Input: [tail of an unfinished packet][bytes of the message], decoded up to position_.
  Buffer<std::uint8_t> input_;
  std::uint32_t tail_ = 0;     // its bytes, which lie …
  std::uint32_t tail_at_ = 0;  // … here until the next receive_area()
  std::uint32_t room_ = 0;     // what receive_area() gave
  std::uint32_t origin_ = 0;   // where the bytes of the last receive() begin in input_
  std::uint32_t filled_ = 0;
  std::uint32_t position_ = 0;
  std::uint64_t message_end_ = 0;  // where the WebSocket message ends, counted as if all of it were in input_
  std::uint32_t consumed_ = 0;
  std::uint32_t skip_ = 0;
  bool skipping_arrival_ = false;  // the message whose payload is skipped waits for an acknowledgement

  Interner topics_in_;
  InboundAliases aliases_in_;
  Subscriptions subscriptions_;
  Buffer<std::uint32_t> matches_;
  Inbound inbound_;

  Topics topics_out_;
  OutboundAliases aliases_out_;
  PacketIds<Outgoing> ids_;
  OutgoingList requests_;       // SUBSCRIBE and UNSUBSCRIBE, sent or not
  OutgoingList inflight_;       // QoS 1 and 2, sent on this or an earlier connection, in order
  OutgoingList abandoned_;      // given up in flight: their identifiers are in use until the session ends
  OutgoingList unsent_;         // QoS 1 and 2, in order
  OutgoingList unsent_0_;       // QoS 0
  Outgoing* replay_ = nullptr;  // what is to be sent again next; nullptr: nothing
  std::int32_t quota_ = 0;      // PUBLISH packets that may be sent (5.0 §4.9); below 0 after many PUBRELs at a resume
  std::uint32_t pending_ = 0;
  std::uint32_t pending_bytes_ = 0;
  bool fresh_ = false;  // since the last tick operations were queued, or the connection opened
  Buffer<Answer> answers_;
  std::uint32_t answers_done_ = 0;
  Buffer<Failure> failures_;

  Buffer<Change> changes_;
  Buffer<std::uint8_t> blobs_;
  Buffer<std::uint32_t> unneeded_;  // serials on their way to the disk, of messages that will not be sent
  std::uint32_t serial_ = 0;        // of the last change
  std::uint32_t stored_ = 0;

  Records records_;
  Buffer<std::uint8_t> output_;
};

}  // namespace tarta
