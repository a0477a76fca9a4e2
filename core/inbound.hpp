// Incoming QoS 1 and 2 messages from their arrival until the server may forget them (5.0 §4.3, §4.6).
//
// A message arrives, is handed to the application, and is acknowledged once the host says that its handlers have
// returned, in the order of arrival. The packet identifier of a QoS 2 message stays held from then until PUBREL, so
// that a repeated PUBLISH is not delivered again. A QoS 2 message whose handlers are still at work when the connection
// ends is remembered too: what the server sends again is the same message. What is repeated has a place of its own in
// the order: its PUBREC goes out behind those of what has arrived before it on this connection.
#pragma once

#include "buffer.hpp"
#include "types.hpp"

namespace tarta {

struct Arrival {
  std::uint32_t serial;
  std::uint16_t id;
  std::uint8_t qos;
  std::uint8_t reason;  // of the acknowledgement
  bool by_hand;         // waits for acknowledge()
  bool ready;           // may be acknowledged when all before it are
  bool stale;           // came on an earlier connection: it is not answered, …
  bool again;           // … but when its turn comes here, where it came once more
};

class Inbound {
 public:
  enum class Arriving : std::uint8_t {
    deliver,      // a new message
    drop,         // one that is known: its acknowledgement will come when its turn does
    acknowledge,  // QoS 2, handled before: PUBREC again, at once
    qos_changed,  // the identifier is in use at another QoS
    too_many,     // more than Receive Maximum
    no_memory,
  };

  // A QoS 1 or 2 PUBLISH. When it is to be delivered, `serial` names it.
  Arriving arrive(std::uint16_t id, std::uint8_t qos, bool dup, std::uint32_t receive_maximum, std::uint32_t& serial);

  // The handlers of all messages up to `through` have returned. Serials go round.
  void delivered(std::uint32_t through);
  void hold(std::uint32_t serial);
  void acknowledge(std::uint32_t serial, std::uint8_t reason);

  // The next message to acknowledge, in order of arrival, or nullptr; taken off with pop().
  const Arrival* front() const;
  void pop();

  // Is it held: QoS 2, handled, and not released yet?
  bool held(std::uint16_t id) const;
  bool waiting(std::uint16_t id) const;
  bool hold_identifier(std::uint16_t id);  // false without memory
  void release(std::uint16_t id);

  // A new message comes under an identifier that is held from an earlier connection. False: it is not held from there.
  bool forget_earlier(std::uint16_t id);

  // The message that arrived last is not complete and will not be.
  void forget_last();

  void connection_lost();
  void session_lost();

  // Messages and held identifiers that count against our Receive Maximum.
  std::uint32_t unacknowledged() const { return unacknowledged_ > 0 ? static_cast<std::uint32_t>(unacknowledged_) : 0; }
  bool any() const { return held_count_ > 0 || head_ < arrivals_.size(); }

 private:
  // What is known of a packet identifier without looking for its message.
  enum Known : std::uint8_t {
    waits = 1,         // it is being handled
    is_held = 2,       // QoS 2: it was handled, and is not released yet
    qos_2 = 4,         // one of these two at QoS 2
    is_stale = 8,      // it waits since an earlier connection
    counts = 16,       // against our Receive Maximum, on this connection
    comes_again = 32,  // it has a place in the order for its repetition
    borne_twice = 64,  // a second message bears it
  };

  Arrival* find(std::uint32_t serial);
  std::uint8_t known(std::uint16_t id) const { return id < known_.size() ? known_[id] : std::uint8_t{0}; }
  bool make_room(std::uint16_t id);
  Arrival& repeated(std::uint16_t id);
  Arriving repeat(std::uint16_t id);
  void forget(std::uint16_t id);
  void count(std::uint16_t id);
  void give_back();

  Buffer<Arrival> arrivals_;  // from head_ on
  std::uint32_t head_ = 0;
  std::uint32_t unanswered_ = 0;  // of these, what this connection waits for
  Buffer<std::uint8_t> known_;    // by packet identifier; grows with those in use
  std::uint32_t last_serial_ = 0;
  std::int32_t unacknowledged_ = 0;  // may be below 0, see give_back()
  std::uint32_t held_count_ = 0;
};

}  // namespace tarta
