// The C ABI (wasm/tarta.h) under a hostile host: any call in any order, with any numbers. What the contract forbids is
// left out: more bytes in a receive area than it has, times that are no numbers, and a write past what was given.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "fuzz.hpp"
#include "options.hpp"
#include "program.hpp"
#include "tarta.h"
#include "walk.hpp"

using tarta::Bytes;
using tarta::Error;
using tarta::fuzz::Call;
using tarta::fuzz::most_put;
using tarta::fuzz::require;
using tarta::fuzz::Window;

namespace {

constexpr std::uint32_t most_errors = static_cast<std::uint32_t>(Error::timeout);
// What is asked for in one piece is small enough for a test, or larger than there can be.
constexpr std::uint32_t largest_asked = 1U << 20;
constexpr std::uint32_t beyond_any = 0x4000'0001;

class Host {
 public:
  explicit Host(Bytes input) : input_(input), session_(tarta_create(number(), number())) {
    require(session_ != nullptr, "there is a session");
    status_ = tarta_status_of(session_);
  }
  ~Host() { tarta_destroy(session_); }

  void run() {
    while (!input_.at_end()) call(static_cast<Call>(input_.below(static_cast<std::uint32_t>(Call::count))));
  }

 private:
  // Mostly small, often near a power of two, now and then anything.
  std::uint32_t number() {
    switch (input_.below(8)) {
      case tarta::fuzz::any_number:
        return input_.below(tarta::fuzz::value_limit);
      case 1:
        return 0xFFFF'FFFF - input_.below(4);
      case 2:
        return (1U << input_.below(32)) + input_.below(3) - 1;
      default:
        return input_.below(tarta::fuzz::small_limit);
    }
  }

  // Of bytes that the session is to provide.
  std::uint32_t size() {
    const std::uint32_t asked = number();
    return asked > largest_asked && asked < beyond_any ? asked % largest_asked : asked;
  }

  // A topic or filter: tables grow up to the highest, so that few are high.
  std::uint32_t place() {
    constexpr std::uint32_t highest = 1U << 20, high = 10'000;
    const std::uint32_t asked = number();
    return asked < highest ? asked % high : asked;
  }

  // Arguments: what the host says of their length need not be so.
  std::uint32_t put() {
    const std::vector<std::uint8_t> bytes = input_.bytes(most_put);
    std::uint8_t* const at = tarta_scratch(session_, static_cast<std::uint32_t>(bytes.size()));
    require(at != nullptr, "there is room for arguments");
    std::copy(bytes.begin(), bytes.end(), at);
    return input_.one_in(8) ? number() : static_cast<std::uint32_t>(bytes.size());
  }

  double time() { return input_.one_in(16) ? 1e12 * number() : static_cast<double>(number()); }

  void call(Call call);
  void receive();
  void publish();
  void look();
  void look_at_records(std::uint32_t result);
  void check_error(std::uint32_t error) const {
    require(error <= most_errors && error == status_->error, "a call returns the error of the status block");
  }

  tarta::fuzz::Input input_;
  tarta_session* session_;
  const tarta_status* status_;
  Window window_;  // of the last receive()
  std::vector<std::uint8_t> sent_;
};

// Everything that the status block points to is there.
void Host::look() {
  require(tarta_status_of(session_) == status_, "the status block does not move");
  sent_.assign(status_->output, status_->output + status_->output_length);
  require(!std::isnan(status_->deadline), "the deadline is a time");
  require(status_->flags <= (TARTA_ONLINE | TARTA_QUEUED | TARTA_OUTPUT), "flags are those of tarta.h");
  require(status_->output_length == 0 || (status_->flags & TARTA_OUTPUT) != 0, "output is to be sent");
}

// Of a call that writes records.
void Host::look_at_records(std::uint32_t result) {
  look();
  require((result & ~static_cast<std::uint32_t>(TARTA_MORE | TARTA_FLUSH)) == status_->record_words,
          "words are counted");
  require(((result & TARTA_FLUSH) != 0) == ((status_->flags & TARTA_OUTPUT) != 0), "FLUSH is said twice");
  std::uint32_t blobs = 0;  // as many as the records say: each is read
  const auto note = [&](const tarta::fuzz::Record& record) {
    if (record.event == tarta::Event::persist) blobs = std::max(blobs, record.words[3] + record.words[4]);
  };
  constexpr std::size_t unknown = 1U << 30;
  tarta::fuzz::walk({status_->records, status_->record_words}, window_, {status_->blobs, unknown}, note);
  sent_.assign(status_->blobs, status_->blobs + blobs);
}

void Host::receive() {
  const std::vector<std::uint8_t> bytes = input_.bytes(most_put);
  const auto available = static_cast<std::uint32_t>(bytes.size());
  const std::uint32_t total = input_.one_in(4) ? std::max(available, number()) : available;
  const std::uint32_t claimed = input_.one_in(8) ? number() : available;  // is cut to what there is
  std::uint8_t* const area = tarta_receive_area(session_, available);
  require(area != nullptr, "there is room for what comes");
  std::copy(bytes.begin(), bytes.end(), area);
  window_ = {area, status_->tail, available, std::max(total, available)};
  const std::uint32_t tail = status_->tail;
  std::uint32_t result = tarta_receive(session_, claimed, total);
  window_ = {area, tail, std::min(claimed, available), std::max(total, std::min(claimed, available))};
  look_at_records(result);
  while ((result & TARTA_MORE) != 0) {
    result = tarta_more(session_);
    look_at_records(result);
  }
  require(status_->consumed <= window_.total, "no more is taken than there is");
  require(status_->tail <= tail + window_.available, "no more is kept than has come");
  window_ = {};
}

void Host::publish() {
  const std::uint32_t properties = put(), length = size();
  const std::uint32_t operation = number(), topic = number(), flags = number(), expiry = number();
  std::uint8_t* const payload = tarta_publish(session_, operation, topic, flags, length, properties, expiry);
  require((payload == nullptr) == (status_->error != 0), "a publish has a place for its payload, or an error");
  if (payload != nullptr) std::memset(payload, 'p', length);
}

void Host::call(Call call) {
  switch (call) {
    case Call::scratch: {
      const std::uint32_t asked = size();
      if (std::uint8_t* const at = tarta_scratch(session_, asked)) std::memset(at, 0, asked);
      break;
    }
    case Call::set_number:
      check_error(tarta_set_number(session_, number(), number()));
      break;
    case Call::set_bytes: {
      const std::uint32_t length = put();
      check_error(tarta_set_bytes(session_, number(), length));
      break;
    }
    case Call::clear_bytes:
      check_error(tarta_clear_bytes(session_, number()));
      break;
    case Call::transport_opened:
      check_error(tarta_transport_opened(session_, number(), time(), time()));
      break;
    case Call::receive:
      receive();
      break;
    case Call::more:
      look_at_records(tarta_more(session_));
      break;
    case Call::skipped:
      check_error(tarta_skipped(session_, number()));
      break;
    case Call::transport_closed:
      look_at_records(tarta_transport_closed(session_, time(), time()));
      break;
    case Call::sent:
      tarta_sent(session_);
      break;
    case Call::tick:
      look_at_records(tarta_tick(session_, time(), time()));
      break;
    case Call::define_topic: {
      const std::uint32_t length = put();
      check_error(tarta_define_topic(session_, place(), length));
      break;
    }
    case Call::define_filter: {
      const std::uint32_t length = put();
      const std::uint32_t filter = place();
      check_error(tarta_define_filter(session_, filter, length, number()));
      break;
    }
    case Call::forget_filter:
      tarta_forget_filter(session_, number());
      break;
    case Call::publish:
      publish();
      break;
    case Call::subscribe:
    case Call::unsubscribe: {
      const std::uint32_t count = put() / 4, properties = number();
      check_error(
          (call == Call::subscribe ? tarta_subscribe : tarta_unsubscribe)(session_, number(), count, properties));
      break;
    }
    case Call::cancel:
      check_error(tarta_cancel(session_, number()));
      break;
    case Call::authenticate: {
      const std::uint32_t data = put();
      check_error(tarta_authenticate(session_, number(), data));
      break;
    }
    case Call::disconnect: {
      const std::uint32_t properties = put();
      check_error(tarta_disconnect(session_, number(), properties));
      break;
    }
    case Call::delivered:
      tarta_delivered(session_, number());
      break;
    case Call::probe:
      tarta_probe(session_);
      break;
    case Call::hold:
      tarta_hold(session_, number());
      break;
    case Call::acknowledge:
      check_error(tarta_acknowledge(session_, number(), number()));
      break;
    case Call::restore: {
      const std::uint32_t length = put();
      check_error(tarta_restore(session_, number(), number(), length, number()));
      break;
    }
    case Call::stored:
      tarta_stored(session_, number());
      break;
    case Call::store_failed:
      tarta_store_failed(session_, number());
      break;
    case Call::inspect: {
      const std::uint32_t length = put();
      const std::uint32_t packet = tarta_inspect(session_, length, number(), number());
      require(packet == 0 || (packet <= length && status_->error == 0), "a packet lies in its input");
      const std::uint32_t* const words = status_->records;
      if (packet > 0)
        require(words[0] > 0 && words[0] < 16 && status_->record_words % 3 == 1, "fields are three words");
      break;
    }
    case Call::reconnect_delay: {
      const double max = time(), delay = tarta_reconnect_delay(session_, time(), max, 1 + time(), number());
      require(delay >= 0 && delay <= max, "a delay is at most the maximum");
      break;
    }
    case Call::count:
      break;
  }
  look();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tarta::fuzz::TimeLimit limit;
  Host{Bytes{data, size}}.run();
  return 0;
}
