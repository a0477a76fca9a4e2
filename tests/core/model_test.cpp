// Two clients that send each other messages through a server, over lines that are slow, cut packets anywhere and break:
// nothing is lost, nothing comes twice at QoS 2, the order is kept, and so is each side's quota.
//
// TARTA_TEST_SEED chooses the lives that they lead; a failure names the round.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "abi_host.hpp"
#include "lawful_server.hpp"
#include "options.hpp"
#include "records.hpp"

using tarta::AbiHost;
using tarta::Bytes;
using tarta::Error;
using tarta::Event;
using tarta::LawfulServer;
using tarta::NumberOption;
using tarta::Record;

namespace {

constexpr std::uint32_t no_expiry = 0xFFFF'FFFF;
constexpr std::uint32_t no_cut = 0xFFFF'FFFF;

// One direction of a line: bytes under way.
class Line {
 public:
  void put(Bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void clear() { bytes_.clear(); }
  std::size_t size() const { return bytes_.size(); }
  std::vector<std::uint8_t> take(std::size_t count) {
    const auto end = bytes_.begin() + static_cast<std::ptrdiff_t>(std::min(count, bytes_.size()));
    const std::vector<std::uint8_t> taken(bytes_.begin(), end);
    bytes_.erase(bytes_.begin(), end);
    return taken;
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

// A client, its line, and the server's end of it.
class Peer {
 public:
  Peer(tarta::Random& random, const char* to, std::uint32_t version) : random_(random), server_(random), to_(to) {
    set(NumberOption::version, version);
    set(NumberOption::clean_start, 0);
    set(NumberOption::broker_session, 1);
    set(NumberOption::connect_timeout, 0);
    set(NumberOption::receive_maximum, 1 + random.below(20));
    set(NumberOption::keepalive, random.below(60));
    REQUIRE(tarta_define_topic(host_, 0, host_.put(to_)) == 0);
    server_.limit(static_cast<std::uint16_t>(1 + random.below(10)));
    server_.take_time(random.one_in(2));
    server_.accepted = [this](const tarta::Publish& packet) {
      const std::string number{tarta::as_text(packet.payload)};
      other_->server_.forward(to_, static_cast<std::uint32_t>(std::stoul(number)), packet.qos);
    };
  }

  void sends_to(Peer& other) { other_ = &other; }

  // --- what may happen

  void publish(std::uint32_t qos) {
    const std::uint32_t number = ++last_number_;
    const std::string text = std::to_string(number);
    const auto size = static_cast<std::uint32_t>(text.size());
    std::uint8_t* const payload = tarta_publish(host_, number, 0, qos << 1, size, 0, no_expiry);
    REQUIRE(payload != nullptr);
    std::memcpy(payload, text.data(), text.size());
    due_ = true;
    published_.push_back(qos);
    const bool settled_at_once = qos == 0 && (host_.status().flags & TARTA_QUEUED) == 0;
    if (!settled_at_once) ++unsettled_;
  }

  bool may_publish() const { return unsettled_ < 40; }

  // Time goes on, by a little or by more than any keep alive; the session has its tick when it is due (wasm/tarta.h).
  void tick(double ms) {
    now_ += ms;
    if (!open_ || !(due_ || now_ >= host_.status().deadline)) return;
    due_ = false;
    tarta_tick(host_, now_, now_);
    walk();
    send();
    due_ = due_ || (host_.status().flags & TARTA_OUTPUT) != 0;
  }

  void open() {
    if (open_) return;
    REQUIRE(tarta_transport_opened(host_, 0, now_, now_) == 0);
    open_ = true;
    send();
  }

  // Some bytes reach the server, which reads whole packets.
  void carry_to_server(std::size_t count) {
    const std::vector<std::uint8_t> bytes = carry(to_server_, count);
    arriving_.insert(arriving_.end(), bytes.begin(), bytes.end());
    std::size_t whole = 0;
    for (;;) {
      const Bytes rest = Bytes{arriving_}.subspan(whole);
      tarta::FixedHeader header;
      REQUIRE(tarta::decode_header(rest, tarta::Version::v5, tarta::Sender::client, 1U << 28, header) ==
              tarta::Fault::none);
      if (header.header_size == 0 || header.size() > rest.size()) break;
      whole += header.size();
    }
    const std::vector<std::uint8_t> packets(arriving_.begin(), arriving_.begin() + static_cast<std::ptrdiff_t>(whole));
    arriving_.erase(arriving_.begin(), arriving_.begin() + static_cast<std::ptrdiff_t>(whole));
    server_.read(packets);
    if (budget_ == 0) cut();
  }

  // Some bytes reach the client, as one WebSocket message.
  void carry_to_client(std::size_t count) {
    to_client_.put(server_.output());
    server_.output().clear();
    const std::vector<std::uint8_t> bytes = carry(to_client_, count);
    if (bytes.empty()) return;
    std::uint32_t result = host_.receive(bytes);
    for (walk(); open_ && (result & TARTA_MORE) != 0; walk()) result = tarta_more(host_);
    due_ = due_ || (result & TARTA_FLUSH) != 0;
    if (budget_ == 0) cut();
  }

  void answer() { server_.answer(); }

  // Handlers return, or a message that is acknowledged by hand is.
  void work() {
    tarta_delivered(host_, last_delivery_);
    due_ = true;
    if (by_hand_.empty() || !random_.one_in(2)) return;
    const auto which = by_hand_.begin() + static_cast<std::ptrdiff_t>(random_.below(by_hand_count()));
    REQUIRE(tarta_acknowledge(host_, which->first, 0) == 0);
    held_.erase(which->second);
    by_hand_.erase(which);
  }

  void cut() {
    if (!open_) return;
    tarta_transport_closed(host_, now_, now_);
    walk();
    line_is_gone();
  }

  // Once, when so many bytes more have passed, the line breaks.
  void cut_after(std::uint32_t bytes) { budget_ = bytes; }
  std::uint32_t carried() const { return carried_; }

  // Whether messages are held, to be acknowledged by hand.
  void hold_some(bool holds) { holds_ = holds; }

  // --- what must be so in the end

  bool idle() {
    return open_ && unsettled_ == 0 && server_.idle() && to_server_.size() == 0 && to_client_.size() == 0 &&
           by_hand_.empty() && host_.status().output_length == 0;
  }

  // The messages that the other one has published.
  void check_arrived() const {
    const std::vector<std::uint32_t>& published = other_->published_;
    for (std::uint32_t number = 1; number <= published.size(); ++number) {
      const auto found = arrived_.find(number);
      const int times = found == arrived_.end() ? 0 : found->second;
      const std::uint32_t qos = published[number - 1];
      INFO("message ", number, " at QoS ", qos);
      if (qos == 0) CHECK(times <= 1);
      if (qos == 1) CHECK(times >= 1);
      if (qos == 2) CHECK(times == 1);
    }
  }

 private:
  void set(NumberOption option, std::uint32_t value) {
    REQUIRE(tarta_set_number(host_, static_cast<std::uint32_t>(option), value) == 0);
  }

  std::uint32_t by_hand_count() const { return static_cast<std::uint32_t>(by_hand_.size()); }

  std::vector<std::uint8_t> carry(Line& line, std::size_t count) {
    std::vector<std::uint8_t> bytes = line.take(std::min<std::size_t>(count, budget_));
    const auto size = static_cast<std::uint32_t>(bytes.size());
    carried_ += size;
    if (budget_ != no_cut) budget_ -= size;
    return bytes;
  }

  void send() {
    const tarta_status& status = host_.status();
    if (open_) to_server_.put({status.output, status.output_length});
    tarta_sent(host_);
  }

  void line_is_gone() {
    open_ = false;
    budget_ = no_cut;
    to_server_.clear();
    to_client_.clear();
    arriving_.clear();
    by_hand_.clear();
    server_.connection_lost();
  }

  void walk() {
    for (const Record& record : host_.records()) handle(record);
  }

  void handle(const Record& record) {
    const std::vector<std::uint32_t>& words = record.words;
    switch (static_cast<Event>(record.kind)) {
      case Event::message:
        return message(record);
      case Event::done:
        CHECK(words[1] == 0);
        --unsettled_;
        return;
      case Event::closed: {
        const auto error = static_cast<Error>(words[0]);
        INFO("closed with error ", words[0], ", fault ", words[2]);
        CHECK((error == Error::connection_lost || error == Error::keepalive_timeout));
        if (error == Error::keepalive_timeout) line_is_gone();
        return;
      }
      case Event::failed:
      case Event::session_lost:
        FAIL("nothing fails while the server keeps its session");
        return;
      default:
        return;
    }
  }

  void message(const Record& record) {
    const std::vector<std::uint32_t>& words = record.words;
    const std::uint32_t qos = record.flags >> 1U & 3U;
    const auto* const payload = host_.area() + static_cast<std::int32_t>(words[1]);
    const std::string text{payload, payload + words[2]};
    const auto number = static_cast<std::uint32_t>(std::stoul(text.substr(text.find('|') + 1)));
    CAPTURE(number);
    std::uint32_t& newest = newest_[qos == 0 ? 0 : 1];
    const bool first = !arrived_.contains(number);
    if (first) CHECK(number > newest);
    newest = std::max(newest, number);
    if (qos == 0) {
      ++arrived_[number];
      return;
    }
    last_delivery_ = words[4];
    // One that is acknowledged by hand comes again until it was.
    const bool repeated = held_.contains(number);
    if (first || !repeated) ++arrived_[number];
    held_.erase(number);
    if (!holds_ || !random_.one_in(4)) return;
    held_.insert(number);
    tarta_hold(host_, words[4]);
    by_hand_.emplace_back(words[4], number);
  }

  tarta::Random& random_;
  AbiHost host_;
  LawfulServer server_;
  Peer* other_ = nullptr;
  std::string to_;
  double now_ = 0;
  bool open_ = false;
  bool due_ = false;  // a command was made, or something waits to be sent
  bool holds_ = false;
  Line to_server_, to_client_;
  std::vector<std::uint8_t> arriving_;  // at the server, not a whole packet yet
  std::uint32_t budget_ = no_cut;       // bytes that pass before the line breaks
  std::uint32_t carried_ = 0;
  std::uint32_t last_number_ = 0;
  std::uint32_t unsettled_ = 0;
  std::uint32_t last_delivery_ = 0;
  std::vector<std::uint32_t> published_;                          // QoS by number, from 1
  std::map<std::uint32_t, int> arrived_;                          // how often, by number
  std::array<std::uint32_t, 2> newest_{};                         // that has arrived, at QoS 0 and above
  std::set<std::uint32_t> held_;                                  // numbers that wait to be acknowledged by hand
  std::vector<std::pair<std::uint32_t, std::uint32_t>> by_hand_;  // their serials, and they
};

struct Pair {
  Pair(tarta::Random& random, std::uint32_t version, std::uint32_t other_version)
      : peers{std::make_unique<Peer>(random, "to/second", version),
              std::make_unique<Peer>(random, "to/first", other_version)} {
    peers[0]->sends_to(*peers[1]);
    peers[1]->sends_to(*peers[0]);
    finish();  // the server knows both
  }

  // Lets everything come to its end, and looks whether it did.
  void finish() {
    const auto idle = [&] { return peers[0]->idle() && peers[1]->idle(); };
    for (int i = 0; i < 3'000 && !idle(); ++i) {
      for (const auto& peer : peers) {
        peer->hold_some(false);
        peer->open();
        peer->tick(1);
        peer->carry_to_server(1'000);
        peer->answer();
        peer->carry_to_client(1'000);
        peer->work();
      }
    }
    CHECK(idle());
    for (const auto& peer : peers) peer->check_arrived();
  }

  std::array<std::unique_ptr<Peer>, 2> peers;
};

void step(tarta::Random& random, Peer& peer) {
  switch (random.below(10)) {
    case 0:
      if (peer.may_publish()) peer.publish(random.below(3));
      return;
    case 1:
    case 2:
      return peer.carry_to_server(1 + random.below(60));
    case 3:
    case 4:
      return peer.carry_to_client(1 + random.below(60));
    case 5:
      return peer.answer();
    case 6:
      return peer.work();
    case 7:
      peer.open();
      if (random.one_in(30)) peer.cut();
      return;
    default:
      return peer.tick(random.one_in(500) ? random.below(100'000) : random.below(20));
  }
}

}  // namespace

// Statements: 5.0 MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.9.0-1; scenarios 16, 21; classes 8, 9
TEST_CASE("model: two clients and a server, over lines that break, for a million steps") {
  constexpr int rounds = 200, steps = 5'000;
  tarta::Random random{"model"};
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    Pair pair{random, 3 + random.below(3), 3 + random.below(3)};
    for (const auto& peer : pair.peers) peer->hold_some(random.one_in(3));
    for (int i = 0; i < steps; ++i) step(random, *pair.peers[random.below(2)]);
    pair.finish();
  }
}

// Statements: 5.0 MQTT-4.3.3-10; scenarios 22, 24
TEST_CASE("model: twenty messages at QoS 2, with a cut after each byte of either line") {
  constexpr int messages = 20;
  for (std::uint32_t version = 3; version <= 5; ++version) {
    // Which line is cut, and after how many bytes. The first life is whole, and tells how many there are.
    for (const std::size_t side : {0U, 1U}) {
      std::uint32_t bytes = 1;
      for (std::uint32_t cut = 0; cut <= bytes; ++cut) {
        CAPTURE(version);
        CAPTURE(side);
        CAPTURE(cut);
        tarta::Random random{"cut"};
        Pair pair{random, version, version};
        const std::uint32_t before = pair.peers[side]->carried();
        if (cut > 0) pair.peers[side]->cut_after(cut);
        for (int i = 0; i < messages; ++i) pair.peers[0]->publish(2);
        pair.finish();
        if (cut == 0) bytes = pair.peers[side]->carried() - before;
      }
      CHECK(bytes > messages * 4 * 4);  // four packets each, of four bytes at least
    }
  }
}
