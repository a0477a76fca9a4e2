// Random calls of the C ABI, with a server that keeps to the protocol (and, now and then, bytes that do not): every
// record is sound, every message arrives as it was sent and knows its filters, QoS 2 comes once, and every operation is
// settled once and for all.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "abi_host.hpp"
#include "lawful_server.hpp"
#include "naive_match.hpp"
#include "options.hpp"
#include "records.hpp"
#include "topic.hpp"
#include "vectors.hpp"

using tarta::AbiHost;
using tarta::Bytes;
using tarta::Error;
using tarta::Event;
using tarta::NumberOption;
using tarta::Record;

namespace {

constexpr std::uint32_t no_expiry = 0xFFFF'FFFF;
constexpr std::uint32_t most_filters = 12;

class RandomHost {
 public:
  RandomHost(tarta::Random& random, std::uint32_t version)
      : random_(random), server_(random), host_(random.below(1000)) {
    set(NumberOption::version, version);
    set(NumberOption::clean_start, random.below(2));
    set(NumberOption::connect_timeout, 0);
    set(NumberOption::durable, durable_ = random.one_in(3));
    set(NumberOption::on_session_lost, random.below(3));
    set(NumberOption::queue_overflow, random.below(3));
    set(NumberOption::queue_max_messages, 5 + random.below(100));
    set(NumberOption::keepalive, random.below(60));
  }

  void step() {
    now_ += random_.below(2'000);
    if (!open_) return open();
    switch (random_.below(12)) {
      case 0:
        return publish();
      case 1:
        return request();
      case 2:
        return define_filter();
      case 3:
        return cancel();
      case 4:
        return acknowledge();
      case 5:
        if (random_.one_in(30)) return lose_connection();
        if (random_.one_in(30)) return break_protocol();
        return;
      case 6:
      case 7:
        return server_.publish();
      default:
        return turn();
    }
  }

  // Ends the client; nothing waits any more.
  void finish() {
    if (!open_) open();
    tarta_disconnect(host_, 0, 0);
    tick();
    tick();
    CHECK(waiting_.empty());
  }

 private:
  void set(NumberOption option, std::uint32_t value) {
    REQUIRE(tarta_set_number(host_, static_cast<std::uint32_t>(option), value) == 0);
  }

  // --- the connection

  void open() {
    // Should the answer to that be lost, the client could not know: the next one says that a session is there.
    if (answered_ && random_.one_in(5)) server_.lose_session();
    answered_ = false;
    REQUIRE(tarta_transport_opened(host_, 0, now_, 1e12 + now_) == 0);
    open_ = true;
    send();
  }

  void lose_connection() {
    tarta_transport_closed(host_, now_, 1e12 + now_);
    walk(0);
    closed();
  }

  void closed() {
    open_ = closed_ = gathering_ = false;
    message_.clear();
    server_.connection_lost();
  }

  void break_protocol() {
    static const std::vector<const tarta::Vector*> faulty = [] {
      std::vector<const tarta::Vector*> all;
      for (const tarta::Vector& one : tarta::vectors()) {
        if (one.packet.empty() && one.from == tarta::Sender::server && one.bytes.size() < 1000) all.push_back(&one);
      }
      return all;
    }();
    const tarta::Vector& vector = *faulty[random_.below(static_cast<std::uint32_t>(faulty.size()))];
    if (std::find(vector.versions.begin(), vector.versions.end(), server_.version()) == vector.versions.end()) return;
    if (vector.maximum_packet_size < 1'000'000) return;
    std::vector<std::uint8_t>& output = server_.output();
    output.insert(output.end(), vector.bytes.begin(), vector.bytes.end());
    broken_ = true;
    while (open_ && !server_.output().empty()) turn();
    CHECK_FALSE(open_);
    broken_ = false;
  }

  // A turn of the host: bytes come, what is due is done, bytes go.
  void turn() {
    if (!server_.output().empty()) receive();
    if (random_.one_in(2)) deliver();
    tick();
  }

  void tick() {
    tarta_tick(host_, now_, 1e12 + now_);
    walk(0);
    if (durable_ && random_.one_in(2)) {
      tarta_stored(host_, last_stored_);
      if (last_stored_ > 0 && random_.one_in(50)) tarta_store_failed(host_, last_stored_);
    }
    send();
    if (!closed_) return;
    tarta_transport_closed(host_, now_, 1e12 + now_);
    closed();
  }

  void send() {
    const tarta_status& status = host_.status();
    const std::vector<std::uint8_t> sent(status.output, status.output + status.output_length);
    tarta_sent(host_);
    if (closed_) return;  // a DISCONNECT, perhaps after other packets; nobody reads it
    server_.read(sent);
  }

  // Some of what the server has sent, as a WebSocket message, in as many calls as the host likes.
  void receive() {
    std::vector<std::uint8_t>& output = server_.output();
    const std::size_t size =
        random_.one_in(2) ? output.size() : 1 + random_.below(static_cast<std::uint32_t>(output.size()));
    message_.assign(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(size));
    output.erase(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(size));
    std::size_t at = 0;
    while (at < message_.size() && !closed_) {
      const auto left = static_cast<std::uint32_t>(message_.size() - at);
      if (const std::uint32_t skip = std::min(host_.status().skip, left); skip > 0) {
        gather(Bytes{message_}.subspan(at, skip));
        tarta_skipped(host_, skip);
        at += skip;
        continue;
      }
      const std::uint32_t available = std::min(left, random_.one_in(2) ? 512U : 65'536U);
      std::uint8_t* const area = tarta_receive_area(host_, available);
      REQUIRE(area != nullptr);
      std::memcpy(area, message_.data() + at, available);
      area_ = area;
      for (std::uint32_t result = tarta_receive(host_, available, left);; result = tarta_more(host_)) {
        walk(at);
        if ((result & TARTA_MORE) == 0) break;
      }
      const std::uint32_t consumed = host_.status().consumed;
      REQUIRE(consumed > 0);
      REQUIRE(consumed <= left);
      at += consumed;
    }
    message_.clear();
  }

  // --- records

  void walk(std::size_t message_at) {
    for (const Record& record : host_.records()) {
      // After the end nothing comes from the server any more; operations are settled, and a store is told.
      const auto event = static_cast<Event>(record.kind);
      CAPTURE(record.kind);
      REQUIRE((!closed_ || event == Event::failed || event == Event::persist || event == Event::forget));
      handle(record, message_at);
    }
  }

  void handle(const Record& record, std::size_t message_at) {
    const std::vector<std::uint32_t>& words = record.words;
    switch (static_cast<Event>(record.kind)) {
      case Event::topic:
        topics_[words[0]] = tarta::as_text(bytes_at(words[1], words[2], message_at));
        matches_.erase(words[0]);
        return;
      case Event::match:
        REQUIRE(topics_.contains(words[0]));
        matches_[words[0]] = {words.begin() + 1, words.end()};
        return;
      case Event::message:
        return message(record, message_at);
      case Event::done:
      case Event::failed:
      case Event::suback:
      case Event::unsuback:
        return settle(words[0]);
      case Event::connack:
        answered_ = true;
        return;
      case Event::closed:
        closed_ = true;
        // No fault is found with a server that makes none.
        if (!broken_) REQUIRE(static_cast<tarta::Fault>(words[2]) == tarta::Fault::none);
        return;
      case Event::persist:
        last_stored_ = words[0];
        kept_ = tarta::copy_of({host_.status().blobs + words[3], words[4]});
        return;
      case Event::forget:
      case Event::wipe:
        last_stored_ = words[0];
        return;
      default:
        return;
    }
  }

  // Once, and only what waits.
  void settle(std::uint32_t operation) {
    CAPTURE(operation);
    REQUIRE(waiting_.erase(operation) == 1);
  }

  // Bytes that a record points to: before the message they are in the tail, beyond what was given to the core in the
  // message.
  std::vector<std::uint8_t> bytes_at(std::uint32_t offset, std::uint32_t length, std::size_t message_at) const {
    std::int64_t at = static_cast<std::int32_t>(offset);
    std::vector<std::uint8_t> bytes;
    for (; at < 0 && bytes.size() < length; ++at) bytes.push_back(area_[at]);
    const std::size_t from = message_at + static_cast<std::size_t>(std::max<std::int64_t>(at, 0));
    const std::size_t count = std::min(length - bytes.size(), message_.size() - std::min(from, message_.size()));
    bytes.insert(bytes.end(), message_.begin() + static_cast<std::ptrdiff_t>(from),
                 message_.begin() + static_cast<std::ptrdiff_t>(from + count));
    return bytes;
  }

  void message(const Record& record, std::size_t message_at) {
    const std::vector<std::uint32_t>& words = record.words;
    REQUIRE(topics_.contains(words[0]));
    const std::string& topic = topics_[words[0]];
    std::vector<std::uint32_t> expected;
    for (const auto& [number, filter] : filters_) {
      if (tarta::matches_naively(tarta::matched_part(filter), topic)) expected.push_back(number);
    }
    REQUIRE(matches_[words[0]] == expected);
    const bool acknowledged = (record.flags & 16U) != 0, by_hand = acknowledged && random_.one_in(8);
    if (acknowledged) last_serial_ = words[4];
    if (by_hand) {
      tarta_hold(host_, last_serial_);
      by_hand_.push_back(last_serial_);
    }
    gathered_ = {topic, words[2], (record.flags & 6U) == 4 && !by_hand, {}};
    gathering_ = true;
    gather(bytes_at(words[1], words[2], message_at));
    REQUIRE(gathering_ == ((record.flags & 64U) != 0));
  }

  // A part of a payload; when it is whole it must be one that the server made.
  void gather(Bytes part) {
    if (!gathering_) return;  // of a message that the session does not deliver again
    gathered_.payload.insert(gathered_.payload.end(), part.begin(), part.end());
    gathering_ = gathered_.payload.size() < gathered_.size;
    if (gathering_) return;
    const std::string_view text = tarta::as_text(gathered_.payload);
    const std::size_t bar = gathered_.topic.size();
    REQUIRE(text.substr(0, bar) == gathered_.topic);
    const std::size_t end = text.find('|', bar + 1);
    REQUIRE(end != std::string_view::npos);
    const auto number = static_cast<std::uint32_t>(std::stoul(std::string{text.substr(bar + 1, end - bar - 1)}));
    REQUIRE((gathered_.payload == tarta::payload_of(gathered_.topic, number, text.size() - end - 1)));
    if (gathered_.once) REQUIRE(delivered_once_.insert(number).second);
  }

  // --- commands

  void publish() {
    const std::uint32_t topic = random_.below(4);
    const std::string name = "out/" + std::to_string(random_.below(6));
    if (random_.one_in(3)) REQUIRE(tarta_define_topic(host_, topic, host_.put(name)) == 0);
    const std::uint32_t properties = random_.one_in(3) ? host_.put(tarta::from_hex("26 00 01 6B 00 01 76")) : 0;
    const std::uint32_t length = random_.one_in(50) ? random_.below(100'000) : random_.below(100);
    const std::uint32_t flags = random_.below(3) << 1 | random_.below(2);
    const std::uint32_t expiry = random_.one_in(4) ? random_.below(20) : no_expiry;
    const std::uint32_t operation = ++last_operation_;
    std::uint8_t* const payload = tarta_publish(host_, operation, topic, flags, length, properties, expiry);
    if (payload == nullptr) return;
    std::memset(payload, 'p', length);
    if (flags > 1 || (host_.status().flags & TARTA_QUEUED) != 0) waiting_.insert(operation);
  }

  void define_filter() {
    static const std::string some[] = {"a", "a/+", "#",   "+/b",          "a/#",          "$SYS/#",
                                       "+", "/",   "b/c", "$share/g/a/+", "one/of/many/+"};
    const std::uint32_t number = random_.below(most_filters);
    if (filters_.erase(number) > 0) return tarta_forget_filter(host_, number);
    filters_[number] = some[random_.below(std::size(some))];
    REQUIRE(tarta_define_filter(host_, number, host_.put(filters_[number]), random_.below(3)) == 0);
  }

  void request() {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t count = 1 + random_.below(4); count > 0; --count) numbers.push_back(random_.below(most_filters));
    host_.put({reinterpret_cast<const std::uint8_t*>(numbers.data()), numbers.size() * 4});
    const auto count = static_cast<std::uint32_t>(numbers.size());
    const std::uint32_t operation = ++last_operation_;
    const bool known =
        std::all_of(numbers.begin(), numbers.end(), [&](std::uint32_t at) { return filters_.contains(at); });
    const std::uint32_t error =
        random_.one_in(2) ? tarta_subscribe(host_, operation, count, 0) : tarta_unsubscribe(host_, operation, count, 0);
    REQUIRE(static_cast<Error>(error) == (known ? Error::none : Error::invalid_argument));
    if (known) waiting_.insert(operation);
  }

  void cancel() {
    const std::uint32_t operation = last_operation_ - std::min(last_operation_, random_.below(20));
    const bool cancelled = tarta_cancel(host_, operation) == 0;
    if (!cancelled) return;
    REQUIRE(waiting_.erase(operation) == 1);
  }

  void deliver() {
    if (host_.status().skip == 0) tarta_delivered(host_, last_serial_);
  }

  void acknowledge() {
    if (by_hand_.empty()) return;
    const std::size_t which = random_.below(static_cast<std::uint32_t>(by_hand_.size()));
    tarta_acknowledge(host_, by_hand_[which], 0);
    by_hand_.erase(by_hand_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  struct Gathered {
    std::string topic;
    std::size_t size = 0;
    bool once = false;  // QoS 2, not acknowledged by hand: is never delivered again
    std::vector<std::uint8_t> payload;
  };

  tarta::Random& random_;
  tarta::LawfulServer server_;
  AbiHost host_;
  double now_ = 0;
  bool durable_ = false;
  bool open_ = false;
  bool answered_ = true;  // the last CONNECT was
  bool closed_ = false;   // CLOSED was seen
  bool broken_ = false;   // the server breaks the protocol
  std::vector<std::uint8_t> message_;
  const std::uint8_t* area_ = nullptr;
  std::map<std::uint32_t, std::string> topics_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> matches_;
  std::map<std::uint32_t, std::string> filters_;
  std::set<std::uint32_t> waiting_;  // operations
  std::uint32_t last_operation_ = 0;
  std::uint32_t last_serial_ = 0;
  std::uint32_t last_stored_ = 0;
  std::vector<std::uint8_t> kept_;  // as a store would copy it
  std::vector<std::uint32_t> by_hand_;
  bool gathering_ = false;
  Gathered gathered_;
  std::set<std::uint32_t> delivered_once_;
};

}  // namespace

TEST_CASE("abi: random calls") {
  tarta::Random random{"abi"};
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    RandomHost host{random, 3 + static_cast<std::uint32_t>(round) % 3};
    for (int step = 0; step < 1'500; ++step) host.step();
    host.finish();
  }
}
