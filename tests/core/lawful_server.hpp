// A server for random tests: it answers what the client asks, sends messages of its own or of others, keeps a session
// over lost connections, and never breaks the protocol. It fails the test where the client breaks it: an
// acknowledgement out of turn (5.0 §4.6), more messages than its Receive Maximum (§4.9), an identifier that is in use
// (§2.2.1).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "decode.hpp"
#include "random.hpp"

namespace tarta {

// The payload of a message names its topic and a number, and the rest of it can be told from where it stands.
std::vector<std::uint8_t> payload_of(std::string_view topic, std::uint32_t number, std::size_t size);

class LawfulServer {
 public:
  explicit LawfulServer(Random& random) : random_(random) {}

  // What the client has sent: whole packets, each of them sound.
  void read(Bytes sent);

  void connection_lost();
  void lose_session();

  // Sends a message, if the client is connected.
  void publish();

  // Sends this message as soon as the client takes it; its payload is payload_of(topic, number, 0).
  void forward(std::string topic, std::uint32_t number, std::uint8_t qos);

  // Is told of each message of the client that is not a repetition.
  std::function<void(const Publish&)> accepted = [](const Publish&) {};

  // A Receive Maximum for the client, from the next connection on.
  void limit(std::uint16_t receive_maximum) { receive_maximum_ = receive_maximum; }

  // Whether the client's messages are answered one at a time, by answer(), instead of at once.
  void take_time(bool takes) { takes_time_ = takes; }
  void answer();

  // Bytes for the client, which it takes away.
  std::vector<std::uint8_t>& output() { return output_; }

  // How often each payload of up to 20 bytes has arrived; a QoS 2 message that is sent again arrives once.
  const std::map<std::string, int>& arrived() const { return arrived_; }

  // The numbers of its own QoS 1 and 2 messages whose exchange is over.
  const std::set<std::uint32_t>& acknowledged_numbers() const { return acknowledged_numbers_; }

  bool connected() const { return connected_; }
  bool idle() const { return order_.empty() && queue_.empty() && unanswered_.empty() && output_.empty(); }
  Version version() const { return version_; }

 private:
  struct Message {
    std::string topic;
    std::uint32_t number;
    std::size_t size;
    std::uint8_t qos;
    bool released = false;  // PUBREC has come
  };
  struct Reply {
    std::uint8_t first;
    std::uint16_t id;
  };

  void handle(const FixedHeader& header, Bytes body);
  void connect(Bytes body);
  void check_turn(std::uint16_t id, bool for_pubrec) const;
  void reply(std::uint8_t first, std::uint16_t id);
  void start(Message message);
  void pump();
  void acknowledged(const FixedHeader& header, Bytes body);
  void published(const FixedHeader& header, Bytes body);
  void asked(const FixedHeader& header, Bytes body);
  void send(std::uint8_t first, const std::vector<std::uint8_t>& body);
  void send_identifier(std::uint8_t first, std::uint16_t id);
  void send_message(std::uint16_t id, const Message& message, bool dup);
  std::vector<std::uint8_t> properties(const std::string& topic, bool& by_alias);

  Random& random_;
  Version version_ = Version::v5;
  bool connected_ = false;
  bool has_session_ = false;
  std::vector<std::uint8_t> output_;
  std::map<std::uint16_t, Message> under_way_;
  std::vector<std::uint16_t> order_;  // of what is under way
  std::deque<Message> queue_;         // waits until the client takes more
  std::size_t most_under_way_ = 0;    // what the client takes
  std::set<std::uint16_t> received_;  // QoS 2 identifiers of the client
  std::set<std::uint16_t> charged_;   // identifiers of the client that count against our Receive Maximum
  std::uint16_t receive_maximum_ = 65'535;
  bool takes_time_ = false;
  std::deque<Reply> unanswered_;
  std::map<std::string, int> arrived_;
  std::set<std::uint32_t> acknowledged_numbers_;
  std::map<std::uint16_t, std::string> aliases_;
  std::uint16_t last_id_ = 0;
  std::uint32_t last_number_ = 0;
};

}  // namespace tarta
