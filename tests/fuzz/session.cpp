// A program (program.hpp) that drives tarta::Session as a host would, between a lawful server and raw bytes. After each
// call the records are well-formed, what was sent is lawful, and what was asked is settled once; at the end everything
// comes to rest.
#include "session.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "fuzz.hpp"
#include "observer.hpp"
#include "program.hpp"
#include "server.hpp"
#include "walk.hpp"

using namespace tarta;
using fuzz::require;
using fuzz::Step;

namespace {

constexpr auto numbers = static_cast<std::uint32_t>(NumberOption::count);
constexpr auto texts = static_cast<std::uint32_t>(BytesOption::count);
constexpr std::uint32_t longest_payload = 200'000;
constexpr std::uint32_t most_ticks = 100'000;
constexpr std::array<std::uint8_t, 7> user_property{0x26, 0x00, 0x01, 'k', 0x00, 0x01, 'v'};

// TARTA_FUZZ_TRACE=1 shows the steps of an input that is replayed.
const bool traced = std::getenv("TARTA_FUZZ_TRACE") != nullptr;
constexpr const char* step_names[] = {
#define TARTA_STEP(name) #name,
#include "step.def"
#undef TARTA_STEP
};

void show(const fuzz::Record& record) {
  static constexpr const char* names[] = {
      "",
#define TARTA_EVENT(number, name, words, meaning) #name,
#include "event.def"
#undef TARTA_EVENT
  };
  std::fprintf(stderr, "  = %s flags=%u", names[static_cast<std::size_t>(record.event)], record.flags);
  for (const std::uint32_t word : record.words) std::fprintf(stderr, " %u", word);
  std::fprintf(stderr, "\n");
}

void show(const char* who, Bytes packet) {
  std::fprintf(stderr, "  %s", who);
  for (std::size_t i = 0; i < packet.size() && i < 32; ++i) std::fprintf(stderr, " %02X", packet[i]);
  std::fprintf(stderr, " (%zu)\n", packet.size());
}

class Host {
 public:
  explicit Host(Bytes input) : input_(input) { begin(); }

  void run() {
    while (!input_.at_end()) {
      const std::uint32_t number = input_.below(static_cast<std::uint32_t>(Step::count));
      if (traced) std::fprintf(stderr, "%s\n", step_names[number]);
      step(static_cast<Step>(number));
    }
    finish();
  }

 private:
  struct Change {  // of what is kept
    std::uint32_t serial;
    std::uint32_t kind;
    std::uint32_t key;
    bool forget;
    std::vector<std::uint8_t> bytes;
  };

  void begin();
  void step(Step step);
  void finish();

  std::uint32_t value() { return input_.flag() ? input_.below(fuzz::value_limit) : input_.below(256); }
  std::uint32_t one_of_the_last(std::uint32_t last) { return last - std::min(last, input_.below(256)); }

  // --- the connection
  void set_number(NumberOption option, std::uint32_t value);
  void open(std::uint32_t server);
  void close();
  void give(std::size_t count, std::uint32_t most);
  std::uint32_t receive(Bytes rest, std::uint32_t most);
  void advance(double milliseconds, std::uint32_t how);
  void tick();
  void look();
  void walk(const fuzz::Window& window = {});
  void handle(const fuzz::Record& record);
  void settle(std::uint32_t operation);

  // --- commands
  void publish();
  void request(bool subscribe);
  void cancel();
  void change_option(bool number);

  // --- the store
  void store(std::uint32_t count);
  void fail_to_store();
  void restart(std::uint32_t more);
  void restore(Kept kind, std::uint32_t key, Bytes bytes, bool sound);
  void write(std::size_t count);

  fuzz::Input input_;
  std::unique_ptr<Session> session_;
  fuzz::Observer observer_;
  fuzz::Server server_;
  Now now_{0, 1e12};
  bool open_ = false;     // the transport
  bool closed_ = false;   // CLOSED has come
  bool leaving_ = false;  // disconnect() was called: the session listens no more
  bool used_ = false;     // a connection was opened
  bool lawful_ = true;    // the server has kept to the protocol, and the options to what the server was told
  std::size_t seen_ = 0;  // of the output
  std::vector<std::uint8_t> tail_;
  std::set<std::uint32_t> waiting_;  // operations
  std::uint32_t last_operation_ = 0;
  std::uint32_t last_serial_ = 0;  // of messages
  std::set<std::uint32_t> topics_;
  std::vector<Change> changes_;  // not yet written
  std::vector<Change> rows_;     // in the order of writing
  std::map<NumberOption, std::uint32_t> set_numbers_;
  std::map<BytesOption, std::vector<std::uint8_t>> set_bytes_;
};

void Host::begin() {
  session_ = std::make_unique<Session>(7);
  for (const auto& [option, value] : set_numbers_) session_->options().set(option, value);
  for (const auto& [option, bytes] : set_bytes_) session_->options().set(option, bytes);
  const std::string_view name = "a";
  require(session_->define_topic(0, name) == Error::none, "a topic can be defined");
  open_ = closed_ = leaving_ = used_ = false;
  seen_ = 0;
  tail_.clear();
  waiting_.clear();
  topics_.clear();
  changes_.clear();
  last_serial_ = 0;
}

// --- after each call -------------------------------------------------------------------------------------------------

void Host::look() {
  const Bytes output = session_->output();
  require(output.size() >= seen_, "output is not taken back");
  if (traced && output.size() > seen_) show(">", output.subspan(seen_));
  observer_.sent(output.subspan(seen_), [&](const FixedHeader& header, Bytes body) { server_.handle(header, body); });
  seen_ = output.size();
  require(!std::isnan(session_->deadline()), "the deadline is a time");
  require(session_->pending() > 0 || session_->pending_bytes() == 0, "where nothing waits there are no bytes");
}

void Host::walk(const fuzz::Window& window) {
  const Buffer<std::uint32_t>& words = session_->records();
  fuzz::walk({words.data(), words.size()}, window, session_->blobs(),
             [&](const fuzz::Record& record) { handle(record); });
}

void Host::handle(const fuzz::Record& record) {
  const std::span<const std::uint32_t> w = record.words;
  if (traced) show(record);
  switch (record.event) {
    case Event::topic:
      topics_.insert(w[0]);
      return;
    case Event::match:
      return require(topics_.contains(w[0]), "MATCH is of a known topic");
    case Event::message:
      require(open_ && !closed_, "no message comes after the end");
      require(topics_.contains(w[0]), "MESSAGE is of a known topic");
      if ((record.flags & 16U) != 0) last_serial_ = w[4];
      return;
    case Event::done:
    case Event::failed:
    case Event::suback:
    case Event::unsuback:
      return settle(w[0]);
    case Event::connack:
      return server_.connack_heard();
    case Event::closed: {
      // disconnect() and a store that fails end a client that is not connected, too.
      const bool ended = (record.flags & 4U) != 0 || static_cast<Error>(w[0]) == Error::store_failed;
      require(ended || (open_ && !closed_), "CLOSED comes once");
      closed_ = true;
      if ((record.flags & 4U) != 0) leaving_ = false;
      return fuzz::require_sound(lawful_ ? static_cast<Fault>(w[2]) : Fault::none, "the server is lawful");
    }
    case Event::persist: {
      const Bytes blob = session_->blobs().subspan(w[3], w[4]);
      return changes_.push_back({w[0], w[1], w[2], false, {blob.begin(), blob.end()}});
    }
    case Event::forget:
      return changes_.push_back({w[0], w[1], w[2], true, {}});
    default:
      return;
  }
}

void Host::settle(std::uint32_t operation) {
  require(waiting_.erase(operation) == 1, "an operation is settled once, and only if it waits");
}

// --- the connection --------------------------------------------------------------------------------------------------

void Host::set_number(NumberOption option, std::uint32_t value) {
  if (session_->options().set(option, value) == Error::none) set_numbers_[option] = value;
}

void Host::change_option(bool number) {
  if (open_ && !closed_) lawful_ = false;  // the server was told otherwise
  if (number) {
    const auto option = static_cast<NumberOption>(input_.below(numbers));
    const std::uint32_t to = value();
    if (option != NumberOption::durable || !used_) set_number(option, to);
    return;
  }
  const auto option = static_cast<BytesOption>(input_.below(texts));
  const bool clear = input_.flag();
  const std::vector<std::uint8_t> bytes = input_.bytes(fuzz::most_bytes);
  if (clear) {
    session_->options().clear(option);
    set_bytes_.erase(option);
  } else if (session_->options().set(option, bytes) == Error::none) {
    set_bytes_[option] = bytes;
  }
}

void Host::open(std::uint32_t server) {
  if (open_) return;
  const Options& options = session_->options();
  server_.connection_lost();
  constexpr std::uint32_t smallest = 256;  // with less a server could not even answer
  if (options[NumberOption::maximum_packet_size] < smallest) lawful_ = false;
  server_.expect(options[NumberOption::receive_maximum], options[NumberOption::maximum_packet_size]);
  observer_.opened();
  seen_ = 0;
  if (session_->transport_opened(server, now_) != Error::none) return;
  used_ = open_ = true;
  closed_ = false;
  tail_.clear();
}

void Host::close() {
  if (!open_) return;
  session_->transport_closed(now_);
  seen_ = 0;
  walk();
  open_ = false;
  tail_.clear();
}

// Some of what the server has sent, as one WebSocket message, of which the host gives at most `most` bytes at a time.
void Host::give(std::size_t count, std::uint32_t most) {
  std::vector<std::uint8_t>& output = server_.output();
  if (count == 0 || count > output.size()) count = output.size();
  const std::vector<std::uint8_t> message(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(count));
  output.erase(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(count));
  for (Bytes rest = message; !rest.empty() && open_ && !closed_;) {
    if (traced) show("<", rest);
    const auto skip = static_cast<std::uint32_t>(std::min<std::size_t>(session_->skip(), rest.size()));
    if (skip > 0) session_->skipped(skip);
    const std::uint32_t taken = skip > 0 ? skip : receive(rest, most);
    if (closed_) look();  // the session has not taken what follows its end
    if (!leaving_) observer_.heard(rest.first(taken));
    look();
    rest = rest.subspan(taken);
  }
}

std::uint32_t Host::receive(Bytes rest, std::uint32_t most) {
  const auto total = static_cast<std::uint32_t>(rest.size()), available = std::min(total, most);
  std::uint8_t* const area = session_->receive_area(available);
  require(area != nullptr, "there is room for what comes");
  const std::uint32_t tail = session_->tail();
  require(tail == tail_.size() && std::equal(tail_.begin(), tail_.end(), area - tail), "the tail is what it was");
  std::copy_n(rest.begin(), available, area);
  session_->receive(available, total);
  walk({area, tail, available, total});
  while (session_->has_more()) {
    session_->more();
    walk({area, tail, available, total});
  }
  const std::uint32_t consumed = session_->consumed(), kept = session_->tail();
  require(consumed > 0 && consumed <= total, "each call takes something, and no more than there is");
  require(kept <= tail + available && (kept == 0 || consumed == available), "what is kept is the end of it");
  tail_.insert(tail_.end(), rest.begin(), rest.begin() + available);
  tail_.erase(tail_.begin(), tail_.end() - kept);
  return consumed;
}

void Host::advance(double milliseconds, std::uint32_t how) {
  now_.monotonic += milliseconds;
  constexpr double day = 86'400'000;
  const double jumps[] = {milliseconds, milliseconds + day, -day, 0};
  now_.wall = std::max(now_.wall + jumps[how], 0.0);
}

// As long as there is something to send, each tick makes something of it.
void Host::tick() {
  bool flush = true, made_before = true;
  for (std::uint32_t ticks = 0; flush; ++ticks) {
    require(ticks < most_ticks, "ticks come to an end");
    session_->tick(now_);
    walk();
    look();
    const bool made = !session_->output().empty() || !session_->records().empty();
    session_->sent();
    seen_ = 0;
    flush = session_->wants_flush();
    // One may give up a message of which nothing is reported; that the store is to forget it follows.
    require(made || made_before || !flush, "a tick makes something of what there is");
    made_before = made;
  }
  require(!(session_->deadline() < now_.monotonic), "a tick leaves nothing that was due");
}

// --- commands --------------------------------------------------------------------------------------------------------

void Host::publish() {
  const std::uint32_t topic = input_.below(fuzz::topics), length = std::min(value() & ~0U, longest_payload);
  const auto flags = static_cast<std::uint8_t>(input_.below(6));
  const bool bears = input_.flag();
  const std::uint32_t given = value(), expiry = given >= fuzz::value_limit - 1 || given == 0 ? no_expiry : given;
  Error error = Error::none;
  const std::uint32_t operation = ++last_operation_;
  const Bytes properties = bears ? Bytes{user_property} : Bytes{};
  std::uint8_t* const payload = session_->publish(operation, topic, flags, length, properties, expiry, error);
  require((payload == nullptr) == (error != Error::none), "a publish has a place for its payload, or an error");
  if (payload == nullptr) return;
  std::fill_n(payload, length, std::uint8_t{'p'});
  if (flags > 1 || session_->queued()) waiting_.insert(operation);
}

void Host::request(bool subscribe) {
  const std::uint32_t bears = input_.below(4);
  std::vector<std::uint32_t> list(1 + input_.below(4));
  for (std::uint32_t& number : list) number = input_.below(fuzz::filters);
  const Bytes properties = bears == 3 ? Bytes{user_property} : Bytes{};
  const std::uint32_t operation = ++last_operation_;
  const Error error =
      subscribe ? session_->subscribe(operation, list, properties) : session_->unsubscribe(operation, list, properties);
  if (error == Error::none) waiting_.insert(operation);
}

void Host::cancel() {
  const std::uint32_t operation = one_of_the_last(last_operation_);
  if (session_->cancel(operation) == Error::none) settle(operation);
}

// --- the store -------------------------------------------------------------------------------------------------------

void Host::write(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Change& change = changes_[i];
    std::erase_if(rows_, [&](const Change& row) { return row.kind == change.kind && row.key == change.key; });
    if (!change.forget) rows_.push_back(change);
  }
  changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(count));
}

void Host::store(std::uint32_t count) {
  if (changes_.empty()) return;
  const std::size_t written = count == 0 ? changes_.size() : std::min<std::size_t>(count, changes_.size());
  const std::uint32_t serial = changes_[written - 1].serial;
  write(written);
  session_->stored(serial);
  walk();
}

void Host::fail_to_store() {
  const std::uint32_t back = input_.below(256);
  if (changes_.empty()) return;
  const std::size_t which = changes_.size() - 1 - std::min<std::size_t>(back, changes_.size() - 1);
  const std::uint32_t serial = changes_[which].serial;
  changes_.erase(changes_.begin() + static_cast<std::ptrdiff_t>(which));
  session_->store_failed(serial);
  walk();
}

// The program ends, at any moment, and begins anew with what the store holds.
void Host::restart(std::uint32_t more) {
  const bool durable = session_->options()[NumberOption::durable] != 0;
  write(std::min<std::size_t>(more, changes_.size()));
  begin();
  server_.connection_lost();
  if (!durable) {
    rows_.clear();
    server_.forgotten();
  }
  for (const Change& row : rows_) restore(static_cast<Kept>(row.kind), row.key, row.bytes, true);
}

void Host::restore(Kept kind, std::uint32_t key, Bytes bytes, bool sound) {
  const std::uint32_t operation = ++last_operation_;
  const std::uint32_t before = session_->pending();
  const Error error = session_->restore(kind, key, bytes, operation);
  require(!sound || error == Error::none, "what was kept can be restored");
  if (session_->pending() > before) waiting_.insert(operation);
}

// --- the program -----------------------------------------------------------------------------------------------------

void Host::step(Step step) {
  switch (step) {
    case Step::set_number:
    case Step::set_bytes:
      change_option(step == Step::set_number);
      break;
    case Step::open:
      open(input_.below(16));
      break;
    case Step::close:
      close();
      break;
    case Step::speak:
      if (open_) server_.speak(input_);
      break;
    case Step::raw: {
      const std::vector<std::uint8_t> bytes = input_.bytes(fuzz::most_bytes);
      if (!open_) return;
      lawful_ = false;
      observer_.distrust();
      server_.forgotten();  // they may say that the session is lost
      server_.output().insert(server_.output().end(), bytes.begin(), bytes.end());
      break;
    }
    case Step::deliver: {
      const std::uint32_t count = input_.below(256);
      give(count, input_.flag() ? 512 : 65'536);
      break;
    }
    case Step::define_topic: {
      const std::uint32_t number = input_.below(fuzz::topics);
      session_->define_topic(number, as_text(input_.bytes(fuzz::most_bytes)));
      break;
    }
    case Step::define_filter: {
      const std::uint32_t number = input_.below(fuzz::filters);
      const auto options = static_cast<std::uint8_t>(input_.below(256));
      const std::vector<std::uint8_t> text = input_.bytes(fuzz::most_bytes);
      session_->define_filter(number, as_text(text), options);
      break;
    }
    case Step::forget_filter:
      session_->forget_filter(input_.below(fuzz::filters));
      break;
    case Step::publish:
      publish();
      break;
    case Step::subscribe:
    case Step::unsubscribe:
      request(step == Step::subscribe);
      break;
    case Step::cancel:
      cancel();
      break;
    case Step::deliver_messages: {
      const std::uint32_t through = one_of_the_last(last_serial_);
      if (session_->skip() == 0) session_->delivered(through);
      break;
    }
    case Step::probe:
      session_->probe();
      break;
    case Step::hold:
      session_->hold(one_of_the_last(last_serial_));
      break;
    case Step::acknowledge: {
      const std::uint32_t serial = one_of_the_last(last_serial_);
      session_->acknowledge(serial, input_.flag() ? 0x80 : 0x00);
      break;
    }
    case Step::authenticate: {
      const bool again = input_.flag();
      session_->authenticate(again ? 0x19 : 0x18, input_.bytes(fuzz::most_bytes));
      break;
    }
    case Step::disconnect:
      leaving_ = session_->disconnect(input_.flag() ? 0x04 : 0x00, {}) == Error::none;
      break;
    case Step::advance: {
      const std::uint32_t milliseconds = value();
      advance(milliseconds, input_.below(4));
      break;
    }
    case Step::tick:
      tick();
      break;
    case Step::stored:
      store(input_.below(256));
      break;
    case Step::store_failed:
      fail_to_store();
      break;
    case Step::restart:
      restart(input_.below(256));
      break;
    case Step::restore: {
      const auto kind = static_cast<Kept>(input_.below(8));
      const std::uint32_t key = value();
      const std::vector<std::uint8_t> bytes = input_.bytes(fuzz::most_bytes);
      if (used_) return;
      lawful_ = false;
      observer_.distrust();
      server_.forgotten();
      restore(kind, key, bytes, false);
      break;
    }
    case Step::count:
      break;
  }
  look();
}

// A last connection on which nothing is refused and nothing waits: everything that was asked comes to an end.
void Host::finish() {
  close();
  for (std::uint32_t option = 0; option < texts; ++option) session_->options().clear(static_cast<BytesOption>(option));
  set_bytes_.clear();
  for (const NumberOption option : {NumberOption::keepalive, NumberOption::connect_timeout, NumberOption::ack_timeout,
                                    NumberOption::on_session_lost, NumberOption::version}) {
    set_number(option, 0);
  }
  if (!lawful_) {
    // What raw bytes have told does not fit to what the server knows: it says so, as 5.0 and 3.1.1 can.
    set_number(NumberOption::version, 5);
    server_.lose_session();
  }
  set_number(NumberOption::broker_session, 1);
  set_number(NumberOption::maximum_packet_size, 5 + variable_maximum);
  set_number(NumberOption::receive_maximum, 65'535);
  tick();  // what waits for it, as a disconnect() does
  open(0);
  require(open_, "a connection can be opened");
  look();
  for (std::uint32_t turns = 2 * session_->pending() + 20; turns > 0 && !closed_; --turns) {
    tick();
    server_.answer_all();
    give(0, 65'536);
    if (session_->skip() == 0) session_->delivered(last_serial_);
    store(0);
  }
  require(!closed_, "nothing ends this connection");
  require(waiting_.empty(), "every operation is settled");
  require(session_->pending() == 0 && session_->pending_bytes() == 0, "nothing waits any more");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::TimeLimit limit;
  Host{Bytes{data, size}}.run();
  return 0;
}
