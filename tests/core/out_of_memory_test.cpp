// The core without memory: any allocation in the life of a session may fail. What it then sends is still whole and
// lawful packets, its records are sound, and nothing leaks (LeakSanitizer). Either the client goes on, with every
// operation settled, or it has said that it cannot.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "bytes.hpp"
#include "failing_heap.hpp"
#include "inspect.hpp"
#include "intern.hpp"
#include "names.hpp"
#include "router.hpp"
#include "session.hpp"

using tarta::Bytes;
using tarta::Error;
using tarta::Event;
using tarta::FailingHeap;
using tarta::Kept;
using tarta::NumberOption;
using tarta::Session;
using tarta::Version;

namespace {

constexpr std::uint32_t no_limit = 5 + tarta::variable_maximum;

// A host whose every call may run out of memory. It goes on where it can, as a program does that caught an error.
class Host {
 public:
  Host(Version version, bool durable) : version_(version), durable_(durable) { begin(); }

  // The life of a client: everything that allocates, once at least.
  void live() {
    options();
    for (std::uint32_t i = 0; i < 3; ++i) try_to(session_->define_topic(i * 40, "out/" + std::to_string(i)));
    define_filters();
    publish(1, 1);  // waits for the connection
    publish(2, 0);
    open();
    receive(version_ == Version::v5 ? "20 14 00 00 11 22 00 05 12 00 04 6E 61 6D 65 26 00 01 6B 00 01 76"
                                    : "20 02 00 00");
    turn();
    subscribe();
    turn();
    receive(version_ == Version::v5 ? "90 06 00 02 00 00 01 80 B0 04 00 03 00 00" : "90 05 00 02 00 01 80 B0 02 00 03");
    for (int qos = 0; qos < 3; ++qos) publish(static_cast<std::uint32_t>(10 + qos), qos);
    turn();
    receive("40 02 00 01 50 02 00 05");
    turn();
    arrive();
    turn();
    // The connection breaks, and the server has lost the session.
    session_->transport_closed(now());
    walk();
    publish(20, 2);
    open();
    receive(version_ == Version::v5 ? "20 03 00 00 00" : "20 02 00 00");
    turn();
    receive("D0 00");
    try_to(session_->disconnect(0, version_ == Version::v5 ? Bytes{user_property} : Bytes{}));
    turn();
    turn();
    if (durable_) restart();
  }

  // The life above was what it seems to be.
  void check_lived() const {
    CHECK(fault_ == tarta::Fault::none);
    CHECK(messages_ == 44);
    CHECK(done_.size() == (version_ == Version::v5 ? 2 : 3));  // before 5.0 an UNSUBACK is a DONE as well
  }

  // With memory again: a connection, and a message that arrives; unless the session has ended for good.
  void check_recovered() {
    session_->transport_closed(now());
    walk();
    const Error error = session_->transport_opened(0, now());
    if (error == Error::out_of_memory) return;
    REQUIRE(error == Error::none);
    send();
    if (output_.empty()) turn();
    REQUIRE(session_->define_topic(0, "out/0") == Error::none);
    REQUIRE(!output_.empty());
    receive(version_ == Version::v5 ? "20 03 00 00 00" : "20 02 00 00");
    for (int i = 0; i < 3; ++i) turn();
    REQUIRE(session_->online());
    REQUIRE(publish(99, 1));
    for (int i = 0; i < 3; ++i) turn();
    const auto sent = identifiers_.find("99");
    REQUIRE(sent != identifiers_.end());
    const auto id = sent->second;
    receive(tarta::hex(
        std::array<std::uint8_t, 4>{0x40, 2, static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)}));
    turn();
    CHECK(done_.contains(99));
    if (!durable_) CHECK(accepted_.empty());
  }

 private:
  static constexpr std::array<std::uint8_t, 7> user_property{0x26, 0x00, 0x01, 'k', 0x00, 0x01, 'v'};

  struct Row {
    std::uint32_t kind, key;
    std::vector<std::uint8_t> bytes;
  };

  tarta::Now now() { return {++time_, 1e12 + time_}; }

  // Without memory is the only excuse.
  void try_to(Error error) { CHECK((error == Error::none || error == Error::out_of_memory || failed_before_)); }

  void begin() {
    session_ = std::make_unique<Session>(5);
    session_->options().set(NumberOption::version, static_cast<std::uint32_t>(version_));
    session_->options().set(NumberOption::clean_start, 0);
    session_->options().set(NumberOption::durable, durable_ ? 1 : 0);
    session_->options().set(NumberOption::broker_session, 1);
    session_->options().set(NumberOption::on_session_lost, 2);
  }

  void options() {
    using tarta::BytesOption;
    const auto set = [&](BytesOption option, Bytes value) { try_to(session_->options().set(option, value)); };
    set(BytesOption::username, tarta::as_bytes("user"));
    set(BytesOption::password, tarta::as_bytes("secret"));
    set(BytesOption::will_topic, tarta::as_bytes("will"));
    set(BytesOption::connect_properties, user_property);
    // Without a user name MQTT 3.1.1 has no password.
    if (!session_->options().has(BytesOption::username)) session_->options().clear(BytesOption::password);
  }

  void define_filters() {
    static constexpr std::string_view filters[] = {"a/+/c", "a/#", "#", "a/b/long name"};
    for (std::uint32_t i = 0; i < std::size(filters); ++i) {
      const Error error = session_->define_filter(i * 40, filters[i], 1);
      try_to(error);
      if (error == Error::none) numbers_.push_back(i * 40);
    }
    session_->forget_filter(120);
    std::erase(numbers_, 120U);
  }

  void subscribe() {
    failed_before_ = true;  // filters may be missing
    const auto ask = [&](std::uint32_t operation, Error error) {
      try_to(error);
      if (error == Error::none) accepted_.insert(operation);
    };
    ask(30, session_->subscribe(30, numbers_, {}));
    if (!numbers_.empty()) ask(31, session_->unsubscribe(31, {numbers_.data(), 1}, {}));
  }

  // The payload is the number of the operation.
  bool publish(std::uint32_t operation, int qos) {
    const std::string text = std::to_string(operation);
    Error error = Error::none;
    const auto flags = static_cast<std::uint8_t>(qos << 1);
    const Bytes properties = version_ == Version::v5 ? Bytes{user_property} : Bytes{};
    std::uint8_t* const at = session_->publish(operation, 0, flags, static_cast<std::uint32_t>(text.size()), properties,
                                               tarta::no_expiry, error);
    if (at != nullptr) std::copy(text.begin(), text.end(), at);
    if (at != nullptr && (qos > 0 || session_->queued())) accepted_.insert(operation);
    return at != nullptr;
  }

  void open() {
    session_->transport_opened(0, now());
    send();
    if (output_.empty()) turn();  // CONNECT waits for the client's record
  }

  // Messages of each QoS, by alias and on several topics; one that is not whole yet.
  void arrive() {
    const bool v5 = version_ == Version::v5;
    receive(v5 ? "30 0A 00 05 61 2F 62 2F 63 00 78 79" : "30 09 00 05 61 2F 62 2F 63 78 79");
    receive(v5 ? "32 0B 00 03 61 2F 64 00 01 03 23 00 02" : "32 08 00 03 61 2F 64 00 01 78");
    receive(v5 ? "34 09 00 01 65 00 05 00 78 79 7A" : "34 06 00 01 65 00 05 78");
    session_->hold(2);
    receive("32 0F 00 01");
    receive(v5 ? "67 00 06 00 78 78 78 78 78 78 78 78 78" : "67 00 06 78 78 78 78 78 78 78 78 78 78");
    session_->acknowledge(2, 0);
    session_->delivered(3);
    turn();
    receive("62 02 00 05");
    std::string many;
    for (int i = 0; i < 40; ++i)
      many += (i > 0 ? " " : "") + std::string{v5 ? "30 05 00 01 " : "30 04 00 01 "} +
              tarta::hex(std::array{static_cast<std::uint8_t>(65 + i)}) + (v5 ? " 00 78" : " 78");
    receive(many);
  }

  void restart() {
    const std::vector<Row> rows = rows_;
    begin();
    for (const Row& row : rows) {
      failed_before_ = true;  // what was not written for lack of memory leaves gaps
      try_to(session_->restore(static_cast<Kept>(row.kind), row.key, row.bytes, 50));
    }
  }

  void receive(std::string_view hexadecimal) {
    const std::vector<std::uint8_t> bytes = tarta::from_hex(hexadecimal);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::uint8_t* const area = session_->receive_area(size);
    if (area == nullptr) return session_->transport_closed(now()), walk();  // a host gives up the connection
    std::copy(bytes.begin(), bytes.end(), area);
    session_->receive(size, size);
    for (walk(); session_->has_more(); walk()) session_->more();
  }

  void turn() {
    session_->tick(now());
    walk();
    send();
    session_->stored(last_change_);
    walk();
    session_->tick(now());
    walk();
    send();
  }

  void send() {
    const Bytes output = session_->output();
    output_.assign(output.begin(), output.end());
    for (Bytes rest = output_; !rest.empty();) {
      tarta::Buffer<std::uint32_t> words;
      tarta::FixedHeader header;
      const tarta::Inspection found = tarta::inspect(rest, version_, tarta::Sender::client, no_limit, words);
      CAPTURE(tarta::hex(rest));
      REQUIRE(found.fault == tarta::Fault::none);
      REQUIRE(found.size > 0);
      tarta::decode_header(rest, version_, tarta::Sender::client, no_limit, header);
      tarta::Publish packet;
      if (header.type == tarta::PacketType::publish) {
        tarta::decode(rest.subspan(header.header_size, header.remaining), header, version_, tarta::Sender::client,
                      packet);
        identifiers_[std::string{tarta::as_text(packet.payload)}] = packet.id;
      }
      rest = rest.subspan(found.size);
    }
    session_->sent();
  }

  void walk() {
    const tarta::Buffer<std::uint32_t>& words = session_->records();
    for (std::uint32_t at = 0; at < words.size();) {
      const std::uint32_t size = words[at] >> 16;
      REQUIRE(size > 0);
      REQUIRE(size <= words.size() - at);
      handle(static_cast<Event>(words[at] & 0xFFU), words[at] >> 8 & 0xFFU, words.data() + at + 1);
      at += size;
    }
  }

  void handle(Event event, unsigned flags, const std::uint32_t* words) {
    if (event == Event::done) done_[words[0]] = words[1];
    if (event == Event::message) ++messages_;
    const bool settled = event == Event::done || event == Event::failed;
    if (settled || event == Event::suback || event == Event::unsuback) accepted_.erase(words[0]);
    if (event == Event::closed) {
      fault_ = static_cast<tarta::Fault>(words[2]);
      const bool final = (flags & 1U) != 0;
      // Then the host settles what was not told any more.
      if (final && static_cast<Error>(words[0]) == Error::out_of_memory) accepted_.clear();
    }
    if (event == Event::persist || event == Event::forget) {
      last_change_ = words[0];
      std::erase_if(rows_, [&](const Row& row) { return row.kind == words[1] && row.key == words[2]; });
    }
    if (event == Event::persist) {
      REQUIRE(std::uint64_t{words[3]} + words[4] <= session_->blobs().size());
      rows_.push_back({words[1], words[2], tarta::copy_of(session_->blobs().subspan(words[3], words[4]))});
    }
  }

  Version version_;
  bool durable_;
  std::unique_ptr<Session> session_;
  double time_ = 0;
  bool failed_before_ = false;
  std::vector<std::uint32_t> numbers_;  // of filters
  std::vector<std::uint8_t> output_;    // what was sent last
  std::map<std::string, std::uint16_t> identifiers_;
  std::map<std::uint32_t, std::uint32_t> done_;
  std::uint32_t messages_ = 0;
  tarta::Fault fault_ = tarta::Fault::none;
  std::set<std::uint32_t> accepted_;  // operations that are not settled
  std::uint32_t last_change_ = 0;
  std::vector<Row> rows_;
};

// Calls `attempt` with a heap whose first, second, third … allocation fails, until none does.
void at_each_allocation(FailingHeap::Then then, const std::function<void(FailingHeap&)>& attempt) {
  constexpr std::uint32_t most = 10'000;
  std::uint32_t number = 1;
  for (; number < most; ++number) {
    CAPTURE(number);
    FailingHeap heap{number, then};
    attempt(heap);
    if (!heap.failed()) break;
  }
  CHECK(number > 1);
  CHECK(number < most);
}

}  // namespace

// Statements: 3.1.1 MQTT-4.8.0-2
TEST_CASE("out of memory: whichever allocation fails, a client goes on when there is memory again") {
  for (const Version version : {Version::v5, Version::v3_1_1}) {
    for (const bool durable : {false, true}) {
      for (const auto then : {FailingHeap::Then::recovers, FailingHeap::Then::stays_empty}) {
        CAPTURE(static_cast<int>(version));
        CAPTURE(durable);
        at_each_allocation(then, [&](FailingHeap& heap) {
          Host host{version, durable};
          host.live();
          if (!heap.failed()) host.check_lived();
          heap.succeed();
          host.check_recovered();
        });
      }
    }
  }
}
