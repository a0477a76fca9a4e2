// Outgoing operations that wait, or that wait for an acknowledgement, and the table that says what each acknowledgement
// does to each of them (5.0 §4.3, §4.4).
//
// An operation is one block of memory: this head, then its properties, then for a PUBLISH its payload, for a SUBSCRIBE
// or UNSUBSCRIBE its filter numbers (4 bytes each). The messages to a topic share its name. An operation is put on the
// wire from there, each time with what the connection asks for (version, DUP, remaining expiry, alias).
#pragma once

#include "packet.hpp"

namespace tarta {

// What the operation waits for.
enum class Stage : std::uint8_t { none, puback, pubrec, pubcomp, suback, unsuback };

// What is published to: one block of memory, this head and then the name. It lives as long as a number of the host
// stands for it or a message bears it.
struct OutgoingTopic {
  static constexpr std::uint32_t none = 0xFFFF'FFFF;

  std::uint32_t holders;
  std::uint32_t number;  // of the host; none: no number stands for it, or not any more
  std::uint16_t alias;   // see OutboundAliases::use()
  std::uint16_t size;

  std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), size}; }
};

// A topic that its maker holds, and no number stands for; nullptr without memory.
TARTA_COLD OutgoingTopic* make_topic(std::string_view name);

// One holder less; nullptr does no harm.
void let_go(OutgoingTopic* topic);

struct Outgoing {
  Outgoing* previous;
  Outgoing* next;
  OutgoingTopic* topic;     // of a PUBLISH, else nullptr
  std::uint32_t operation;  // the host's number; 0: nothing is reported
  std::uint32_t serial;     // of its last persist record; also tells its place among QoS 0 messages
  union {
    std::uint32_t expires;  // of a PUBLISH: wall seconds, or seconds from now while `fresh`; 0: never
    std::uint32_t records;  // of a SUBSCRIBE: its persist records, whose serials end with `serial`
  };
  std::uint32_t payload_size;  // or the number of filters × 4
  std::uint32_t properties_size;
  std::uint16_t id;  // packet identifier; 0: QoS 0
  Stage stage;
  std::uint8_t flags;  // RETAIN 1, QoS << 1
  bool sent : 1;       // on this or an earlier connection
  bool charged : 1;    // counts against the quota of this connection (5.0 §4.9)
  bool abandoned : 1;  // in flight, but not sent again: the server of this connection would not take it
  bool resumed : 1;    // its PUBREL was sent again after a reconnect
  bool own : 1;        // a SUBSCRIBE of the session itself, which restores a subscription
  bool cancelled : 1;  // nobody waits for it: it is not published anew when the session is lost
  bool fresh : 1;      // queued since the last tick: `expires` does not know the time yet

  std::uint8_t qos() const { return flags >> 1U & 3U; }
  bool retain() const { return (flags & 1U) != 0; }
  std::uint32_t bytes() const { return topic->size + properties_size + payload_size; }  // of a PUBLISH

  const std::uint8_t* content() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
  std::uint8_t* content() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  Bytes properties() const { return {content(), properties_size}; }
  std::uint32_t filter(std::uint32_t i) const {
    std::uint32_t number;
    std::memcpy(&number, content() + properties_size + std::size_t{i} * 4, sizeof number);
    return number;
  }
  void remove_filter(std::uint32_t i) {
    std::uint8_t* const at = content() + properties_size + std::size_t{i} * 4;
    payload_size -= 4;
    std::memmove(at, at + 4, payload_size - std::size_t{i} * 4);
  }
  Bytes payload() const { return {content() + properties_size, payload_size}; }
};

// A block with room for its content, which is one more holder of its topic; nullptr without memory.
Outgoing* make_outgoing(OutgoingTopic* topic, std::uint32_t properties_size, std::uint32_t payload_size);
void destroy(Outgoing* entry);

// Operations in order; a list owns what is in it.
class OutgoingList {
 public:
  OutgoingList() = default;
  OutgoingList(const OutgoingList&) = delete;
  OutgoingList& operator=(const OutgoingList&) = delete;
  ~OutgoingList();

  Outgoing* first() const { return first_; }
  Outgoing* last() const { return last_; }
  bool empty() const { return first_ == nullptr; }
  void append(Outgoing* entry);
  void prepend(Outgoing* entry);
  void unlink(Outgoing* entry);

 private:
  Outgoing* first_ = nullptr;
  Outgoing* last_ = nullptr;
};

// What an acknowledgement does to the operation that bears its packet identifier.
enum class Effect : std::uint8_t {
  complete,  // the operation is over, well or refused
  release,   // QoS 2: the server has the message; PUBREL follows, and never again PUBLISH (5.0 §4.3.3)
  repeat,    // PUBREC once more: PUBREL once more
  wrong,     // a protocol error
};
Effect effect_of(Stage stage, PacketType acknowledgement, std::uint8_t reason);

}  // namespace tarta
