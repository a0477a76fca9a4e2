// A durable session, its store, a line that breaks and a process that dies at any moment: what was stored reaches the
// server, at QoS 2 once; what was not stored was never sent; and what the server sends is never lost, nor delivered
// again once the store knows that it was delivered.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include "abi_host.hpp"
#include "lawful_server.hpp"
#include "options.hpp"
#include "records.hpp"
#include "session.hpp"

using tarta::AbiHost;
using tarta::Event;
using tarta::Kept;
using tarta::NumberOption;
using tarta::Record;

namespace {

// What the host's disk holds, and what is on its way there. Each change is written whole, in order.
struct Store {
  using Key = std::pair<std::uint32_t, std::uint32_t>;  // kind and key

  struct Change {
    std::uint32_t serial;
    Key key;
    bool forget;
    std::vector<std::uint8_t> bytes;
  };
  struct Row {
    std::uint32_t order;  // of writing: serials begin anew with each session
    std::vector<std::uint8_t> bytes;
  };

  std::map<Key, Row> rows;
  std::uint32_t written = 0;
  std::deque<Change> waiting;

  Change write_next() {
    Change change = waiting.front();
    waiting.pop_front();
    if (change.forget) {
      rows.erase(change.key);
    } else {
      rows[change.key] = {++written, change.bytes};
    }
    return change;
  }
};

class DurableHost {
 public:
  DurableHost(tarta::Random& random, std::uint32_t version) : random_(random), server_(random), version_(version) {
    begin();
  }

  void step() {
    now_ += random_.below(500);
    switch (random_.below(10)) {
      case 0:
        return publish();
      case 1:
        return server_.publish();
      case 2:
        return write();
      case 3:
        if (random_.one_in(20)) return lose_connection();
        if (random_.one_in(20)) return crash();
        return;
      default:
        return turn(random_.one_in(2));
    }
  }

  // Lets everything come to its end, and looks whether it did.
  void finish() {
    for (int i = 0; i < 2'000 && !over(); ++i) {
      turn(true);
      write();
    }
    CHECK(over());
    for (const auto& entry : published_) {
      const std::uint32_t number = entry.first;
      const Published& message = entry.second;
      const auto arrived = server_.arrived().find(std::to_string(number));
      const int times = arrived == server_.arrived().end() ? 0 : arrived->second;
      INFO("message ", number, " at QoS ", message.qos);
      if (!message.stored) CHECK(times == 0);  // the process died before it was
      if (message.stored && message.qos == 1) CHECK(times >= 1);
      if (message.stored && message.qos == 2) CHECK(times == 1);
    }
    for (const std::uint32_t number : server_.acknowledged_numbers()) CHECK(delivered_.contains(number));
  }

 private:
  struct Published {
    std::uint32_t qos;
    bool stored = false;
  };

  bool over() { return open_ && host_->status().pending == 0 && store_.waiting.empty() && server_.idle(); }

  // --- a process

  void begin() {
    host_ = std::make_unique<AbiHost>(random_.below(1000));
    set(NumberOption::version, version_);
    set(NumberOption::clean_start, 0);
    set(NumberOption::durable, 1);
    const auto client_id = static_cast<std::uint32_t>(tarta::BytesOption::client_id);
    REQUIRE(tarta_set_bytes(*host_, client_id, host_->put("me")) == 0);
    std::vector<std::pair<Store::Key, Store::Row>> rows{store_.rows.begin(), store_.rows.end()};
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.order < b.second.order; });
    for (const auto& [key, row] : rows) {
      const std::uint32_t size = host_->put(row.bytes);
      REQUIRE(tarta_restore(*host_, key.first, key.second, size, ++last_operation_) == 0);
    }
    REQUIRE(tarta_define_topic(*host_, 0, host_->put("out")) == 0);
    under_way_.clear();
    last_delivery_ = 0;
  }

  void set(NumberOption option, std::uint32_t value) {
    REQUIRE(tarta_set_number(*host_, static_cast<std::uint32_t>(option), value) == 0);
  }

  // Some of what was on its way to the disk is there, the rest is gone.
  void crash() {
    const auto waiting = static_cast<std::uint32_t>(store_.waiting.size());
    for (std::uint32_t left = random_.below(waiting + 1); left > 0; --left) note(store_.write_next());
    store_.waiting.clear();
    connection_over();
    begin();
  }

  void lose_connection() {
    if (!open_) return;
    tarta_transport_closed(*host_, now_, 1e12 + now_);
    walk();
    connection_over();
  }

  void connection_over() {
    open_ = false;
    server_.connection_lost();
  }

  // --- a turn

  void turn(bool deliver) {
    if (!open_) {
      REQUIRE(tarta_transport_opened(*host_, 0, now_, 1e12 + now_) == 0);
      open_ = true;
      send();
    }
    if (!server_.output().empty()) receive();
    if (deliver) {
      tarta_delivered(*host_, last_delivery_);
      due_ = true;
    }
    // As wasm/tarta.h says: after a command, at the deadline, and where something is to be sent.
    const tarta_status& status = host_->status();
    if (!due_ && now_ < status.deadline && (status.flags & TARTA_OUTPUT) == 0) return;
    due_ = false;
    tarta_tick(*host_, now_, 1e12 + now_);
    walk();
    send();
  }

  void send() {
    const tarta_status& status = host_->status();
    const std::vector<std::uint8_t> sent(status.output, status.output + status.output_length);
    tarta_sent(*host_);
    server_.read(sent);
  }

  void receive() {
    message_.swap(server_.output());
    server_.output().clear();
    for (message_at_ = 0; message_at_ < message_.size(); message_at_ += host_->status().consumed) {
      const auto left = static_cast<std::uint32_t>(message_.size() - message_at_);
      const std::uint32_t size = std::min(left, 65'536U);
      std::memcpy(tarta_receive_area(*host_, size), message_.data() + message_at_, size);
      for (std::uint32_t result = tarta_receive(*host_, size, left);; result = tarta_more(*host_)) {
        walk();
        if ((result & TARTA_MORE) == 0) break;
      }
      REQUIRE(host_->status().consumed > 0);
    }
  }

  // The disk writes one change, and says so; or only with a later one.
  void write() {
    if (store_.waiting.empty()) return;
    const Store::Change change = store_.write_next();
    note(change);
    if (store_.waiting.empty() || random_.one_in(2)) tarta_stored(*host_, change.serial);
  }

  // --- what happened

  void walk() {
    for (const Record& record : host_->records()) handle(record);
  }

  void handle(const Record& record) {
    const std::vector<std::uint32_t>& words = record.words;
    switch (static_cast<Event>(record.kind)) {
      case Event::message:
        return message(record);
      case Event::persist: {
        const std::uint8_t* const bytes = host_->status().blobs + words[3];
        store_.waiting.push_back({words[0], {words[1], words[2]}, false, {bytes, bytes + words[4]}});
        return;
      }
      case Event::forget:
        store_.waiting.push_back({words[0], {words[1], words[2]}, true, {}});
        return;
      case Event::closed:
        REQUIRE(static_cast<tarta::Fault>(words[2]) == tarta::Fault::none);
        return;
      case Event::failed:
        FAIL("a message failed");
        return;
      default:
        return;
    }
  }

  // A change is on disk.
  void note(const Store::Change& change) {
    const auto [kind, key] = change.key;
    if (change.forget) return;
    if (kind == static_cast<std::uint32_t>(Kept::message)) {
      const std::string text{tarta::as_text(change.bytes)};
      published_.at(static_cast<std::uint32_t>(std::stoul(text.substr(text.find("out") + 3)))).stored = true;
    }
    if (kind == static_cast<std::uint32_t>(Kept::inbound) && under_way_.contains(key)) once_.insert(under_way_.at(key));
  }

  void message(const Record& record) {
    const std::vector<std::uint32_t>& words = record.words;
    const std::uint32_t qos = record.flags >> 1U & 3U;
    if (qos == 0) return;
    last_delivery_ = words[4];
    const auto at = static_cast<std::ptrdiff_t>(message_at_) + static_cast<std::int32_t>(words[1]);
    const std::string payload{message_.begin() + at, message_.end()};
    const auto number = static_cast<std::uint32_t>(std::stoul(payload.substr(payload.find('|') + 1, 10)));
    delivered_.insert(number);
    CAPTURE(number);
    REQUIRE_FALSE(once_.contains(number));
    if (qos == 2) under_way_[words[3]] = number;
  }

  void publish() {
    const std::uint32_t number = ++last_number_, qos = 1 + random_.below(2);
    const std::string text = std::to_string(number);
    const auto size = static_cast<std::uint32_t>(text.size());
    std::uint8_t* const payload = tarta_publish(*host_, ++last_operation_, 0, qos << 1, size, 0, 0xFFFF'FFFF);
    REQUIRE(payload != nullptr);
    std::memcpy(payload, text.data(), text.size());
    due_ = true;
    published_[number] = {qos};
  }

  tarta::Random& random_;
  tarta::LawfulServer server_;
  std::uint32_t version_;
  std::unique_ptr<AbiHost> host_;
  Store store_;
  double now_ = 0;
  bool open_ = false;
  bool due_ = false;  // a command was made
  std::vector<std::uint8_t> message_;
  std::size_t message_at_ = 0;
  std::uint32_t last_operation_ = 0;
  std::uint32_t last_number_ = 0;
  std::uint32_t last_delivery_ = 0;
  std::map<std::uint32_t, Published> published_;
  std::map<std::uint32_t, std::uint32_t> under_way_;  // identifier of a QoS 2 message -> its number
  std::set<std::uint32_t> delivered_;                 // numbers of the server's messages
  std::set<std::uint32_t> once_;                      // those of which the store knows that they were delivered
};

}  // namespace

// Statements: scenarios 22; classes 9
TEST_CASE("durable: nothing is lost and nothing comes twice, whenever the process dies") {
  tarta::Random random{"durable"};
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    DurableHost host{random, 4 + static_cast<std::uint32_t>(round) % 2};
    for (int step = 0; step < 1'500; ++step) host.step();
    host.finish();
  }
}
