#include "walk.hpp"

#include "fuzz.hpp"
#include "property.hpp"
#include "topic.hpp"

namespace tarta::fuzz {
namespace {

enum RecordFlags : unsigned { with_identifier = 16, with_properties = 32, goes_on = 64 };

// How many rows the tables have.
constexpr std::uint32_t errors = 0
#define TARTA_ERROR(name, NAME, meaning) +1
#define TARTA_HOST_ERROR(name, NAME, meaning)
#include "error.def"
#undef TARTA_ERROR
#undef TARTA_HOST_ERROR
    ;
constexpr std::uint32_t faults = 0
#define TARTA_FAULT(name, reason, text, section) +1
#include "fault.def"
#undef TARTA_FAULT
    ;
constexpr std::uint32_t kinds = 5;  // of what is kept

bool in_table(Event event) {
  switch (event) {
#define TARTA_EVENT(number, name, words, meaning) case Event::name:
#include "event.def"
#undef TARTA_EVENT
    return true;
  }
  return false;
}

class Check {
 public:
  Check(const Record& record, const Window& window, Bytes blobs) : record_(record), window_(window), blobs_(blobs) {}

  void run() const {
    const std::span<const std::uint32_t> w = record_.words;
    switch (record_.event) {
      case Event::message:
        return message();
      case Event::topic: {
        words(3);
        const Bytes name = part(w[1], w[2]);
        return require(!name.empty() && check_topic_name(name) == Fault::none, "TOPIC bears a topic name");
      }
      case Event::match:
        require(!w.empty(), "MATCH names a topic");
        for (std::size_t i = 2; i < w.size(); ++i) require(w[i - 1] < w[i], "filters ascend");
        return;
      case Event::done:
        words(4);
        require(w[0] != 0 && w[1] <= 0xFF, "DONE has an operation and a reason");
        return properties(w[2], w[3], packet_set::PUBACK);
      case Event::received:
        words(4);
        require(w[0] != 0 && w[1] < 0x80, "RECEIVED has an operation and no refusal");
        return properties(w[2], w[3], packet_set::PUBREC);
      case Event::failed:
        words(2);
        return require(w[0] != 0 && w[1] > 0 && w[1] < errors, "FAILED has an operation and an error");
      case Event::suback:
      case Event::unsuback:
        require(w.size() > 3 && w[0] != 0, "an answer has an operation and codes");
        for (const std::uint32_t code : w.subspan(3)) require(code <= 0xFF, "a code is a byte");
        return properties(w[1], w[2], packet_set::SUBACK);
      case Event::connack:
        words(4);
        require(record_.flags <= 1 && w[0] >= 3 && w[0] <= 5 && w[1] == 0, "CONNACK has a version");
        return properties(w[2], w[3], packet_set::CONNACK);
      case Event::auth:
        words(3);
        require(w[0] <= 0xFF, "AUTH has a reason");
        return properties(w[1], w[2], packet_set::AUTH);
      case Event::closed:
        words(5);
        require(record_.flags <= 7 && w[0] > 0 && w[0] < errors && w[1] <= 0xFF && w[2] < faults, "CLOSED says why");
        return properties(w[3], w[4], packet_set::DISCONNECT, packet_set::CONNACK);
      case Event::session_lost:
        return words(1);
      case Event::persist:
        words(6);
        require(w[1] > 0 && w[1] <= kinds, "PERSIST has a kind");
        return require(std::uint64_t{w[3]} + w[4] <= blobs_.size(), "what is kept lies in the blobs");
      case Event::forget:
        words(3);
        return require(w[1] > 0 && w[1] <= kinds, "FORGET has a kind");
      case Event::wipe:
        return words(1);
      case Event::refused:
        words(2);
        return require(w[1] >= 0x80 && w[1] <= 0xFF, "REFUSED has a refusal");
      default:
        return require(in_table(record_.event), "a record is one of the table");
    }
  }

 private:
  void words(std::size_t count) const { require(record_.words.size() == count, "a record has its words"); }

  // Bytes that the host can read where it put them.
  Bytes part(std::uint32_t offset, std::uint32_t length) const {
    const auto from = static_cast<std::int32_t>(offset);
    require(from >= -std::int64_t{window_.tail}, "an offset lies in the tail or the message");
    require(std::int64_t{from} + length <= window_.available, "what is told lies in what was given");
    return {window_.area + from, length};
  }

  void properties(std::uint32_t offset, std::uint32_t length, std::uint32_t where, std::uint32_t or_where = 0) const {
    if (length == 0) return;
    const Bytes raw = part(offset, length);
    Properties checked, otherwise;
    const bool sound =
        checked.check(raw, where) == Fault::none || (or_where != 0 && otherwise.check(raw, or_where) == Fault::none);
    require(sound, "properties are sound");
  }

  void message() const {
    const std::span<const std::uint32_t> w = record_.words;
    const bool identified = (record_.flags & with_identifier) != 0, bears = (record_.flags & with_properties) != 0;
    words(3U + (identified ? 2U : 0U) + (bears ? 2U : 0U));
    const unsigned qos = record_.flags >> 1U & 3U;
    require(qos < 3 && (qos > 0) == identified, "a message of QoS 1 or 2 has an identifier");
    if (identified) require(w[3] > 0 && w[3] <= 0xFFFF, "a packet identifier has 16 bits");
    if (bears) properties(w[identified ? 5 : 3], w[identified ? 6 : 4], packet_set::PUBLISH);
    const auto from = static_cast<std::int32_t>(w[1]);
    require(from >= -std::int64_t{window_.tail}, "a payload begins in the tail or the message");
    const std::int64_t end = std::int64_t{from} + w[2];
    const bool more = (record_.flags & goes_on) != 0;
    require(more ? end > window_.total : end <= window_.total, "a payload ends in the message, or is said to go on");
  }

  const Record& record_;
  const Window& window_;
  Bytes blobs_;
};

}  // namespace

void walk(std::span<const std::uint32_t> words, const Window& window, Bytes blobs,
          const std::function<void(const Record&)>& handle) {
  for (std::size_t at = 0; at < words.size();) {
    const std::uint32_t head = words[at];
    const bool wide = head >> 16 == 0;
    const std::uint32_t first = wide ? 2 : 1;
    require(at + first <= words.size(), "a record has its head");
    const std::uint32_t size = wide ? words[at + 1] : head >> 16;
    require(size >= first && size <= words.size() - at && wide == (size > 0xFFFF), "a record lies in the row");
    const Record record{static_cast<Event>(head & 0xFFU), head >> 8 & 0xFFU, words.subspan(at + first, size - first)};
    Check{record, window, blobs}.run();
    handle(record);
    at += size;
  }
}

}  // namespace tarta::fuzz
