// A server that keeps to the protocol, whatever it is made to say and in whatever order: it answers what the client
// has asked, and publishes messages of its own within what CONNECT allowed.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "decode.hpp"
#include "fuzz.hpp"

namespace tarta::fuzz {

class Server {
 public:
  // A packet of the client.
  void handle(const FixedHeader& header, Bytes body);

  // Says something: an answer, a message, or a farewell. Appends to output().
  void speak(Input& input);

  // Answers everything, in order and with success.
  void answer_all();

  void connection_lost();

  void lose_session() { has_session_ = false; }

  // The client may have forgotten what it has sent.
  void forgotten() { limited_ = true; }

  // CONNACK has arrived.
  void connack_heard() { unheard_ = false; }

  // What the client of the next connection accepts, whether or not its CONNECT can say so.
  void expect(std::uint32_t receive_maximum, std::uint32_t maximum_packet_size);

  std::vector<std::uint8_t>& output() { return output_; }

 private:
  struct Question {
    PacketType type;
    std::uint16_t id;
    std::uint8_t qos;     // of a PUBLISH
    std::size_t filters;  // of a request
  };
  struct Message {
    std::uint8_t qos;
    std::vector<std::uint8_t> topic;
    std::size_t payload;
    bool received;  // by the client: its PUBREC has come
  };

  static std::size_t size_of(const Message& message);
  void connect(Bytes body);
  void published(const FixedHeader& header, Bytes body);
  void acknowledged(const FixedHeader& header, Bytes body);
  void answer(const Question& question, Input* input);
  void answer_connect(Input* input);
  std::vector<std::uint8_t> connack_properties(Input* input);
  void publish(Input& input);
  void send_message(std::uint16_t id, const Message& message, bool dup, std::uint16_t alias);
  void say_farewell(Input& input);
  void send(unsigned first, Bytes body);
  void send_identifier(unsigned first, std::uint16_t id, unsigned reason = 0);

  Version version_ = Version::v5;
  bool connected_ = false;  // CONNACK with success was sent
  bool clean_ = false;      // CONNECT asked for a clean start
  bool has_session_ = false;
  bool unheard_ = false;  // a CONNACK without session was sent, and has perhaps not arrived
  bool limited_ = false;  // the client may have given up what it has sent
  std::uint32_t receive_maximum_ = 65'535;
  std::uint32_t maximum_packet_size_ = 5 + variable_maximum;
  std::uint32_t topic_alias_maximum_ = 0;
  std::string method_;
  bool has_method_ = false;
  std::vector<Question> questions_;
  std::map<std::uint16_t, Message> under_way_;
  std::set<std::uint16_t> received_;  // of QoS 2, and not released
  std::map<std::uint16_t, std::vector<std::uint8_t>> aliases_;
  std::vector<std::uint8_t> output_;
};

}  // namespace tarta::fuzz
