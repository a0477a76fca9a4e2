// Outgoing operations that wait, or that wait for an acknowledgement, and the table that says what each acknowledgement
// does to each of them (5.0 §4.3, §4.4).
//
// An operation is one block of memory: this head, then for a PUBLISH its topic, properties and payload, for a SUBSCRIBE
// or UNSUBSCRIBE its filter numbers (4 bytes each) and properties. It is put on the wire from there, each time with
// what the connection asks for (version, DUP, remaining expiry, alias).
#pragma once

#include "packet.hpp"

namespace tarta {

// What the operation waits for.
enum class Stage : std::uint8_t { none, puback, pubrec, pubcomp, suback, unsuback };

struct Outgoing {
  Outgoing* previous;
  Outgoing* next;
  std::uint32_t operation;     // the host's number; 0: nothing is reported
  std::uint32_t serial;        // of its last persist record; also tells its place among QoS 0 messages
  std::uint32_t expires;       // wall seconds, or seconds from now while `fresh`; 0: never
  std::uint32_t payload_size;  // or the number of filters × 4
  std::uint32_t properties_size;
  std::uint16_t id;  // packet identifier; 0: QoS 0
  std::uint16_t topic_size;
  std::uint16_t topic_number;  // of the host, when it was published
  Stage stage;
  std::uint8_t flags;      // RETAIN 1, QoS << 1
  bool sent : 1;           // on this or an earlier connection
  bool charged : 1;        // counts against the quota of this connection (5.0 §4.9)
  bool resumed : 1;        // its PUBREL was sent again after a reconnect
  bool own : 1;            // a SUBSCRIBE of the session itself, which restores a subscription
  bool wanted_before : 1;  // the filter of this SUBSCRIBE was wanted already
  bool fresh : 1;          // queued since the last tick: `expires` does not know the time yet

  std::uint8_t qos() const { return flags >> 1U & 3U; }
  bool retain() const { return (flags & 1U) != 0; }
  std::uint32_t bytes() const { return topic_size + properties_size + payload_size; }

  const std::uint8_t* content() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
  std::uint8_t* content() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  std::string_view topic() const { return as_text({content(), topic_size}); }
  Bytes properties() const { return {content() + topic_size, properties_size}; }
  std::uint32_t filter(std::uint32_t i) const {
    std::uint32_t number;
    std::memcpy(&number, content() + topic_size + properties_size + std::size_t{i} * 4, sizeof number);
    return number;
  }
  void remove_filter(std::uint32_t i) {
    std::uint8_t* const at = content() + topic_size + properties_size + std::size_t{i} * 4;
    payload_size -= 4;
    std::memmove(at, at + 4, payload_size - std::size_t{i} * 4);
  }
  Bytes payload() const { return {content() + topic_size + properties_size, payload_size}; }
};

// A block with room for its content; nullptr without memory.
Outgoing* make_outgoing(std::uint32_t topic_size, std::uint32_t properties_size, std::uint32_t payload_size);
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
