#include "session.hpp"

#include <algorithm>
#include <limits>

namespace tarta {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

}  // namespace

Session::Session(std::uint64_t seed)
    : seed_(seed), deadline_(never), topics_in_(next_random(seed_)), subscriptions_(next_random(seed_)) {}

double Session::reconnect_delay(const BackoffRule& rule, bool stable) {
  if (stable) backoff_.reset();
  return backoff_.next(rule, seed_);
}

// --- opening ---------------------------------------------------------------------------------------------------------

Version Session::choose_version() const {
  if (const std::uint32_t asked = options_[NumberOption::version]; asked != 0) return static_cast<Version>(asked);
  if (pinned_) return version_;
  return fall_back_ ? Version::v3_1_1 : Version::v5;
}

// 23 characters, which every server accepts (5.0 §3.1.3.1).
void Session::make_client_id() {
  static constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr unsigned size = 23;
  for (unsigned i = 0; i < size; ++i) {
    client_id_.push(static_cast<std::uint8_t>(alphabet[next_random(seed_) % alphabet.size()]));
  }
}

Error Session::transport_opened(unsigned server, Now now) {
  if (open()) return Error::invalid_argument;
  restored_without_client();
  now_ = now;
  records_.clear();
  output_.clear();
  watch_session();
  in_force_ = options_.numbers();
  server_ = server & 15U;
  if (ended_ || !records_.prepare()) return Error::out_of_memory;
  version_ = choose_version();
  fall_back_ = false;
  limits_ = {};
  heard_ = received_ = ping_outstanding_ = stuck_ = has_more_ = authenticating_ = false;
  tail_ = tail_at_ = filled_ = position_ = consumed_ = skip_ = 0;
  if (client_id_.empty()) {
    const Bytes given = options_[BytesOption::client_id];
    if (options_.has(BytesOption::client_id)) {
      client_id_.append(given);
    } else {
      make_client_id();
    }
  }
  if (const Error error = write_connect(); error != Error::none) return error;
  ask_to_be_kept();
  phase_ = Phase::opening;
  connect_started_ = now.monotonic;
  begin_connecting();
  find_deadline();
  return Error::none;
}

// CONNECT may leave, if it waits for nothing.
void Session::begin_connecting() {
  if (connect_waits()) return;
  phase_ = Phase::connecting;
  connect_started_ = last_sent_ = last_received_ = now_.monotonic;
}

// The properties that the session asks for, then those of the application (5.0 §3.1.2.11).
void Session::make_connect_properties(Buffer<std::uint8_t>& properties) const {
  const auto number = [&](Property property, std::uint32_t value, std::uint32_t otherwise) {
    if (value == otherwise) return;
    std::uint8_t* const at = properties.extend(property_size(property, value));
    if (at == nullptr) return;
    Writer writer{at};
    write_property(writer, property, value);
  };
  const auto bytes = [&](Property property, BytesOption option) {
    if (!options_.has(option)) return;
    std::uint8_t* const at = properties.extend(property_size(property, options_[option]));
    if (at == nullptr) return;
    Writer writer{at};
    write_property(writer, property, options_[option]);
  };
  number(Property::session_expiry_interval, in_force_[NumberOption::session_expiry_interval], 0);
  number(Property::receive_maximum, in_force_[NumberOption::receive_maximum], 65'535);
  number(Property::maximum_packet_size, in_force_[NumberOption::maximum_packet_size], 5 + variable_maximum);
  number(Property::topic_alias_maximum, in_force_[NumberOption::topic_alias_maximum], 0);
  bytes(Property::authentication_method, BytesOption::authentication_method);
  bytes(Property::authentication_data, BytesOption::authentication_data);
  properties.append(options_[BytesOption::connect_properties]);
}

Error Session::write_connect() {
  // Clean Start is for the first connection, whatever a store has brought; a session that goes on is never started
  // clean (5.0 §3.1.2.4). 3.1.1 has one flag for this connection and the next.
  const bool asked = in_force_[NumberOption::clean_start] != 0;
  const bool goes_on = proven_ != 0 && version_ == Version::v5;
  clean_start_ = start_clean_ || (asked && !goes_on);

  Connect packet;
  packet.version = version_;
  packet.clean_start = clean_start_;
  packet.keepalive = static_cast<std::uint16_t>(in_force_[NumberOption::keepalive]);
  packet.client_id = as_text(client_id_);
  packet.has_username = options_.has(BytesOption::username);
  packet.username = as_text(options_[BytesOption::username]);
  packet.has_password = options_.has(BytesOption::password);
  packet.password = options_[BytesOption::password];
  packet.has_will = options_.has(BytesOption::will_topic);
  if (packet.has_will) {
    packet.will.qos = static_cast<std::uint8_t>(in_force_[NumberOption::will_qos]);
    packet.will.retain = in_force_[NumberOption::will_retain] != 0;
    packet.will.topic = as_text(options_[BytesOption::will_topic]);
    packet.will.payload = options_[BytesOption::will_payload];
    packet.will.properties.check(options_[BytesOption::will_properties], packet_set::WILL);
  }
  has_method_ = options_.has(BytesOption::authentication_method);
  method_.clear();
  method_.append(options_[BytesOption::authentication_method]);
  Buffer<std::uint8_t> properties;
  make_connect_properties(properties);
  const Fault fault = packet.properties.check(properties, packet_set::CONNECT);
  problem_information_ = packet.properties.number(Property::request_problem_information, 1) != 0;
  response_information_ = packet.properties.number(Property::request_response_information, 0) != 0;
  if (client_id_.failed() || properties.failed() || method_.failed()) {
    client_id_.release();
    method_.release();
    return Error::out_of_memory;
  }
  const bool password_alone = version_ != Version::v5 && packet.has_password && !packet.has_username;
  // Before 5.0 a server names a client for one connection alone (3.1.1 §3.1.3.1).
  const bool nameless = version_ != Version::v5 && client_id_.empty() && !(clean_start_ && version_ == Version::v3_1_1);
  const bool data_alone = options_.has(BytesOption::authentication_data) && !has_method_;  // 5.0 §3.1.2.11.10
  if (fault != Fault::none || password_alone || nameless || data_alone) return Error::invalid_argument;

  std::uint8_t* const at = output_.extend(encoded_size(packet));
  if (at == nullptr) return Error::out_of_memory;
  Writer writer{at};
  encode(writer, packet);
  return Error::none;
}

// The server does not speak this version, or closed without a word: once more, at once, in the other one, if that may
// be. What 3.1.1 cannot ask for, to be authenticated in steps, is not done without. A session goes on in its version;
// one of 5.0 waits until it has expired, as another server may have it, or this one again.
unsigned Session::change_version() {
  guessed_ = !heard_;
  if (in_force_[NumberOption::version] != 0) return closed_final;
  if (version_ == Version::v5) {
    if (pinned_) return 0;
    fall_back_ = !has_method_;
    return fall_back_ ? closed_again : closed_final;
  }
  if (!pinned_ || !clean_start_) return closed_final;
  pinned_ = false;
  start_clean_ = true;
  return closed_again;
}

Error Session::apply_limits(const Connack& packet) {
  const Properties& said = packet.properties;
  limits_.receive_maximum = said.number(Property::receive_maximum, limits_.receive_maximum);
  limits_.maximum_packet_size = said.number(Property::maximum_packet_size, limits_.maximum_packet_size);
  limits_.maximum_qos = static_cast<std::uint8_t>(said.number(Property::maximum_qos, limits_.maximum_qos));
  limits_.retain = said.number(Property::retain_available, 1) != 0;
  limits_.wildcard = said.number(Property::wildcard_subscription_available, 1) != 0;
  limits_.shared = said.number(Property::shared_subscription_available, 1) != 0;
  limits_.subscription_identifiers =
      version_ == Version::v5 && said.number(Property::subscription_identifier_available, 1) != 0;
  limits_.keepalive = said.number(Property::server_keep_alive, in_force_[NumberOption::keepalive]);
  quota_ = static_cast<std::int32_t>(limits_.receive_maximum);
  aliases_out_.begin(version_ == Version::v5 ? said.number(Property::topic_alias_maximum, 0) : 0);
  session_expiry_ = no_expiry;
  if (version_ == Version::v5) {
    session_expiry_ = said.number(Property::session_expiry_interval, in_force_[NumberOption::session_expiry_interval]);
  }
  session_ends_ = 0;
  // An empty one is no identifier (5.0 §3.2.2.3.7).
  if (const Bytes assigned = said.bytes(Property::assigned_client_identifier); !assigned.empty()) {
    client_id_.clear();
    if (!client_id_.append(assigned)) return Error::out_of_memory;
    kept_version_ = Version{};
  }
  keep_client();
  return Error::none;
}

// CONNACK with success (5.0 §3.2).
void Session::connected(const Connack& packet) {
  // A session that was to start clean is there all the same (5.0 §3.1.2.4, 3.1.1 §3.2.2.2).
  if (packet.session_present && clean_start_) return violate(Fault::session_unexpected);
  if (packet.session_present && !have_session_ && !unanswered_) {
    // The server holds a session that we have no state of (5.0 §3.2.2.1.1); 3.1.1 leaves that to us.
    const std::uint32_t policy = in_force_[NumberOption::broker_session];
    if (policy == 0 && version_ == Version::v5) return violate(Fault::session_unexpected);
    if (policy == 2) {
      take_back_client();
      start_clean_ = true;
      write(Notice{});  // the server shall not publish the will of a client that comes back at once (5.0 §3.14.4)
      return end(Error::session_unexpected, 0, Fault::none, closed_again);
    }
  }
  start_clean_ = false;
  if (apply_limits(packet) != Error::none) return end(Error::out_of_memory, 0, Fault::none, closed_final);
  // One silence may have been that of the line: where no session is kept, the next connection begins with 5.0 again.
  const auto server = static_cast<std::uint16_t>(1U << server_);
  const bool doubtful = guessed_ && version_ == Version::v3_1_1 && clean_start_ && (silent_ & server) == 0;
  (doubtful ? silent_ : proven_) |= server;
  phase_ = Phase::online;
  records_.add(Event::connack, packet.session_present, static_cast<std::uint32_t>(version_), packet.reason,
               place(packet.properties).offset, place(packet.properties).length);
  // 3.1 does not say whether it kept the session: it does unless it was to start clean.
  resume(packet.session_present || (version_ == Version::v3_1 && !clean_start_));
  have_session_ = true;
  pinned_ = !doubtful;
  fresh_ = true;  // what has waited goes out with the next tick, which also finds the time of the first ping
}

// --- sessions --------------------------------------------------------------------------------------------------------

void Session::resume(bool session_present) {
  if (session_present) {
    replay_ = inflight_.first();
    if (have_session_) return;  // else no SUBSCRIBE of ours has ever left, whatever was restored
  } else if (have_session_) {
    lose_session();
  }
  resubscribe();
}

// Session Expiry Interval has passed without a connection: the server has deleted its session, so the client drops its
// own (5.0 §3.1.2.11.2). It is counted from the first moment that is known to be after the end of the connection.
void Session::watch_session() {
  if (open() || !have_session_ || session_expiry_ == no_expiry) return;
  if (session_ends_ == 0) session_ends_ = now_.wall + session_expiry_ * 1000.0;
  if (now_.wall < session_ends_) return;
  start_clean_ = true;
  keep_client();  // before anything is forgotten: should the server hold the session longer, it must not go on
  lose_session();
  have_session_ = pinned_ = unanswered_ = false;
}

// The session is gone, and with it what was in flight (5.0 §3.2.2.1.1): what may be sent again goes to the head of the
// queue as a new message, what may have arrived already is reported.
void Session::lose_session() {
  const std::uint32_t policy = in_force_[NumberOption::on_session_lost];
  std::uint32_t in_doubt = 0;
  while (Outgoing* const entry = abandoned_.first()) drop(abandoned_, entry, Error::none);
  while (Outgoing* const entry = inflight_.last()) {
    const bool again = !entry->cancelled && (policy == 2 || (policy == 0 && entry->qos() == 1));
    if (!again || expired(*entry)) {
      in_doubt += again || entry->cancelled ? 0U : 1U;
      drop(inflight_, entry, again ? Error::message_expired : Error::session_lost);
      continue;
    }
    forget_message(*entry);
    inflight_.unlink(entry);
    ids_.release(entry->id);
    entry->id = ids_.allocate(entry);
    entry->stage = entry->qos() == 1 ? Stage::puback : Stage::pubrec;
    entry->sent = entry->resumed = false;
    unsent_.prepend(entry);
    note_expiry(*entry);
  }
  for (Outgoing* entry = unsent_.first(); entry != nullptr; entry = entry->next) {
    forgo(entry->serial);
    entry->serial = keep(Kept::message, entry->id);  // all of them, so that their order is that of their serials
  }
  for (std::uint32_t id = 1; durable() && id <= PacketIds<Outgoing>::most; ++id) {
    if (inbound_.held(static_cast<std::uint16_t>(id))) forget(Kept::inbound, id);
  }
  inbound_.session_lost();
  records_.add(Event::session_lost, 0, in_doubt);
}

// --- closing ---------------------------------------------------------------------------------------------------------

Error Session::disconnect(std::uint8_t reason, Bytes properties) {
  Properties checked;
  if (checked.check(properties, packet_set::DISCONNECT) != Fault::none) return Error::invalid_argument;
  if (!notice_code_allowed(reason, PacketType::disconnect, Sender::client)) return Error::invalid_argument;
  // A session that was to end with the connection cannot be kept now (5.0 §3.14.2.2.2).
  const bool ends = in_force_[NumberOption::session_expiry_interval] == 0;
  if (ends && checked.number(Property::session_expiry_interval, 0) > 0) return Error::invalid_argument;
  disconnect_reason_ = reason;
  disconnect_properties_.clear();
  disconnect_properties_.append(properties);
  disconnecting_ = true;
  return Error::none;
}

// Without its words where the server would not take it with them (5.0 §3.14.2.2.3).
void Session::write_disconnect() {
  Notice packet;
  packet.reason = disconnect_reason_;
  packet.properties.check(disconnect_properties_, packet_set::DISCONNECT);
  if (write(packet)) return;
  std::uint8_t expiry[5];
  Writer writer{expiry};
  const bool expires = packet.properties.has(Property::session_expiry_interval);
  if (expires) {
    write_property(writer, Property::session_expiry_interval,
                   packet.properties.number(Property::session_expiry_interval, 0));
  }
  packet.properties.check({expiry, expires ? sizeof expiry : 0}, packet_set::DISCONNECT);
  write(packet);
}

// The end of a connection, which the host is told with CLOSED.
void Session::end(Error error, std::uint8_t reason, Fault fault, unsigned flags, Place properties) {
  records_.add(Event::closed, flags, static_cast<std::uint32_t>(error), reason, static_cast<std::uint32_t>(fault),
               properties.offset, properties.length);
  const bool silent = error == Error::connection_lost || error == Error::connect_timeout;
  if (phase_ == Phase::connecting && silent) unanswered_ = true;
  connection_over();
  if ((flags & closed_final) == 0) return;
  session_expiry_ = no_expiry;  // nobody waits for its end
  session_ends_ = 0;
  settle_all(error);
}

// The server has said nothing. Where it never has, it may not know 5.0.
void Session::end_silently(Error error) {
  const bool again = phase_ == Phase::connecting && !heard_ && version_ == Version::v5 &&
                     (proven_ >> server_ & 1U) == 0 && change_version() == closed_again;
  end(error, 0, Fault::none, again ? closed_again : 0U);
}

// The server broke the protocol: DISCONNECT says how (5.0 §4.13), and nothing more of its bytes is looked at.
void Session::violate(Fault fault) {
  const auto reason = static_cast<std::uint8_t>(reason_of(fault));
  if (version_ == Version::v5) {
    Notice packet;
    packet.reason = reason;
    write(packet);
  }
  const bool final = fault == Fault::session_unexpected;
  if (final) take_back_client();
  end(error_of(fault), reason, fault, final ? closed_final : 0U);
}

// What could not be noted would be missed: a record, an acknowledgement, a change for the store. So nothing goes on.
void Session::check_memory() {
  const bool failed = out_of_memory_ || records_.failed() || failures_.failed() || answers_.failed() ||
                      changes_.failed() || blobs_.failed() || unneeded_.failed() || matches_.failed() ||
                      subscriptions_.router().failed();
  if (!failed || ended_) return;
  ended_ = true;
  records_.clear();
  end(Error::out_of_memory, 0, Fault::none, closed_final);
}

void Session::connection_over() {
  if (phase_ == Phase::opening) output_.clear();  // CONNECT, which may not leave
  phase_ = Phase::closed;
  aliases_in_.clear(topics_in_);
  if (skipping_arrival_ && skip_ > 0) inbound_.forget_last();
  skip_ = 0;
  skipping_arrival_ = false;
  inbound_.connection_lost();
  for (Outgoing* entry = inflight_.first(); entry != nullptr; entry = entry->next) entry->charged = false;
  watched_message_ = watched_request_ = {};
  answers_.clear();
  answers_done_ = 0;
  replay_ = nullptr;
  ping_outstanding_ = probes_ = stuck_ = auth_unanswered_ = false;
  take_out_requests();
}

// SUBSCRIBE and UNSUBSCRIBE are asked again on the next connection, with other packet identifiers, unless their caller
// has cancelled them.
void Session::take_out_requests() {
  for (Outgoing* entry = requests_.first(); entry != nullptr;) {
    Outgoing* const next = entry->next;
    ids_.release(entry->id);
    entry->id = 0;
    entry->sent = false;
    if (entry->operation == 0 && !entry->own) {
      restore_lost(*entry);
      take_out(requests_, entry);
    }
    entry = next;
  }
}

// No connection will follow: whoever waits for an operation is told, and what was not sent is not sent later. What a
// store holds stays there.
void Session::settle_all(Error error) {
  for (OutgoingList* list : {&requests_, &inflight_, &unsent_, &unsent_0_}) {
    for (Outgoing* entry = list->first(); entry != nullptr;) {
      Outgoing* const next = entry->next;
      if (entry->operation != 0) records_.add(Event::failed, 0, entry->operation, static_cast<std::uint32_t>(error));
      entry->operation = 0;
      const bool stays = list == &inflight_ || (list == &unsent_ && durable());
      if (list == &requests_) {
        take_out(requests_, entry);
      } else if (!stays) {
        drop(*list, entry, Error::none);
      }
      entry = next;
    }
  }
}

void Session::transport_closed(Now now) {
  now_ = now;
  records_.clear();
  has_more_ = false;
  if (open()) end_silently(Error::connection_lost);
  output_.clear();
  watch_session();
  find_deadline();
}

void Session::sent() {
  if (phase_ == Phase::opening) return;  // nothing was, yet
  constexpr std::uint32_t usual = 256 * 1024;
  if (output_.capacity() > usual) {
    output_.release();
  } else {
    output_.clear();
  }
}

// --- time ------------------------------------------------------------------------------------------------------------

void Session::tick(Now now) {
  // The time that only the wall clock has seen: the machine has slept, or its clock was set.
  const double slept = (now.wall - now_.wall) - (now.monotonic - now_.monotonic);
  now_ = now;
  records_.clear();
  restored_without_client();
  stamp();
  expire();
  if (!disconnecting_) check_times(slept);
  acknowledge_arrivals();
  flush_changes();
  pump();
  if (phase_ == Phase::online && !disconnecting_) watch_acknowledgements();
  if (stuck_ && !disconnecting_) end(Error::packet_too_large, 0, Fault::none, closed_final);
  if (disconnecting_) {
    if (phase_ == Phase::online) write_disconnect();
    disconnecting_ = false;
    end(Error::client_closed, disconnect_reason_, Fault::none, closed_final | closed_by_us);
  }
  watch_session();
  for (const Failure& failure : failures_) {
    if (failure.operation != 0)
      records_.add(Event::failed, 0, failure.operation, static_cast<std::uint32_t>(failure.error));
  }
  failures_.clear();
  check_memory();
  if (!output_.empty()) last_sent_ = now.monotonic;
  find_deadline();
}

void Session::check_times(double slept) {
  if (open() && !online()) {
    const double timeout = in_force_[NumberOption::connect_timeout];
    if (timeout > 0 && now_.monotonic - connect_started_ >= timeout) end_silently(Error::connect_timeout);
  }
  if (phase_ == Phase::online) keep_alive(slept);
}

// A ping is due when nothing was sent for the interval, as the protocol asks (5.0 §3.1.2.10), and also when nothing was
// received: a busy publisher on a dead line would never notice.
double Session::ping_due() const {
  const double interval = limits_.keepalive * (in_force_[NumberOption::ping_early] != 0 ? 500.0 : 1000.0);
  return (ping_outstanding_ ? last_sent_ : std::min(last_sent_, last_received_)) + interval;
}

void Session::keep_alive(double slept) {
  constexpr double asleep = 2'000;  // ms; clocks that drift apart, or are adjusted, do so by less
  constexpr double soon = 5'000;    // what a line that may be dead is given to show that it is alive
  if (received_) last_received_ = now_.monotonic;
  const double grace = limits_.keepalive * 500.0;
  if (received_ && ping_outstanding_) ping_deadline_ = now_.monotonic + grace;  // slow, but alive
  received_ = false;
  if (limits_.keepalive == 0) return;
  if (ping_outstanding_ && now_.monotonic >= ping_deadline_) {
    return end(Error::keepalive_timeout, 0, Fault::none, 0);
  }
  const bool awoken = slept >= asleep;
  // An answer that is waited for shows it as well; whoever asks again and again does not put the end off.
  if (probes_) ping_deadline_ = std::min(ping_deadline_, now_.monotonic + soon);
  const bool tries = awoken || (probes_ && !ping_outstanding_);
  probes_ = false;
  if (now_.monotonic < ping_due() && !tries) return;
  rest();
  if (limits_.maximum_packet_size < 2) {
    stuck_ = true;
  } else if (std::uint8_t* const at = output_.extend(2)) {
    Writer writer{at};
    encode_empty(writer, PacketType::pingreq);
  }
  if (!ping_outstanding_ || awoken) ping_deadline_ = now_.monotonic + (tries ? std::min(grace, soon) : grace);
  ping_outstanding_ = true;
}

// Memory that messages have needed goes back while none come: most of a session's time it has nothing to do.
void Session::rest() {
  if (room_ == 0 && tail_ == 0 && !has_more_) input_.release();
  if (output_.empty()) output_.release();
  matches_.release();
  subscriptions_.router().rest();
  records_.rest();
}

// The oldest message in flight and the oldest SUBSCRIBE or UNSUBSCRIBE are watched: when one stays the oldest for too
// long, its acknowledgement is overdue.
void Session::watch_acknowledgements() {
  const double timeout = in_force_[NumberOption::ack_timeout];
  if (timeout == 0) return;
  bool overdue = false;
  const auto look = [&](Watch& watch, const Outgoing* oldest) {
    const bool waits = oldest != nullptr && oldest->sent;
    const std::uint16_t id = waits ? oldest->id : std::uint16_t{0};
    const Stage stage = waits ? oldest->stage : Stage::none;
    if (id != watch.id || stage != watch.stage) watch = {now_.monotonic, id, stage};
    overdue = overdue || (waits && now_.monotonic - watch.since >= timeout);
  };
  look(watched_message_, inflight_.first());
  look(watched_request_, requests_.first());
  if (overdue) end(Error::ack_timeout, 0, Fault::none, 0);
}

void Session::expire() {
  const double seconds = now_.wall / 1000;
  if (next_expiry_ == 0 || seconds < next_expiry_) return;
  next_expiry_ = 0;
  expire(unsent_);
  expire(unsent_0_);
}

// 5.0 §3.3.2.3.3: what has expired before it was sent is not sent.
void Session::expire(OutgoingList& list) {
  for (Outgoing* entry = list.first(); entry != nullptr;) {
    Outgoing* const next = entry->next;
    if (expired(*entry)) {
      drop(list, entry, Error::message_expired);
    } else {
      note_expiry(*entry);
    }
    entry = next;
  }
}

bool Session::expired(const Outgoing& entry) const { return entry.expires != 0 && now_.wall / 1000 >= entry.expires; }

void Session::note_expiry(const Outgoing& entry) {
  const bool earlier = next_expiry_ == 0 || entry.expires < next_expiry_;
  if (entry.expires != 0 && earlier) next_expiry_ = entry.expires;
}

void Session::find_deadline() {
  deadline_ = never;
  const auto at = [&](double time) { deadline_ = std::min(deadline_, time); };
  if (open() && !online()) {
    if (const double timeout = in_force_[NumberOption::connect_timeout]; timeout > 0) at(connect_started_ + timeout);
  }
  if (phase_ == Phase::online) {
    if (limits_.keepalive > 0) at(ping_outstanding_ ? std::min(ping_deadline_, ping_due()) : ping_due());
    if (const double timeout = in_force_[NumberOption::ack_timeout]; timeout > 0) {
      if (watched_message_.id != 0) at(watched_message_.since + timeout);
      if (watched_request_.id != 0) at(watched_request_.since + timeout);
    }
  }
  const auto at_wall = [&](double time) { at(now_.monotonic + (time - now_.wall)); };
  if (next_expiry_ != 0) at_wall(next_expiry_ * 1000);
  if (!open() && have_session_ && session_ends_ != 0) at_wall(session_ends_);
}

}  // namespace tarta
