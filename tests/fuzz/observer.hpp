// Reads what a session sends, as a server does that trusts nothing: lawful packets of the version, within all that
// CONNACK allowed (5.0 §3.2.2.3), no packet identifier twice, nothing after DISCONNECT.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "decode.hpp"

namespace tarta::fuzz {

class Observer {
 public:
  void opened();

  // Whole packets; `handle` gets each.
  void sent(Bytes bytes, const std::function<void(const FixedHeader&, Bytes)>& handle);

  // What the session has taken of the server's bytes, lawful or not.
  void heard(Bytes bytes);

  // From now on the server may have answered what was never asked.
  void distrust() { lawful_ = false; }

  Version version() const { return version_; }

 private:
  struct Limits {
    std::uint32_t receive_maximum = 65'535;
    std::uint32_t maximum_packet_size = 5 + variable_maximum;
    std::uint32_t topic_alias_maximum = 0;
    std::uint32_t maximum_qos = 2;
    bool retain = true;
    bool wildcard = true;
    bool shared = true;
    bool identifiers = true;
  };

  void check(const FixedHeader& header, Bytes body);
  void check_connect(Bytes body);
  void check_publish(const FixedHeader& header, Bytes body);
  void check_request(const FixedHeader& header, Bytes body);
  void check_acknowledgement(const FixedHeader& header, Bytes body);
  void check_notice(const FixedHeader& header, Bytes body);
  void take_identifier(std::uint16_t id);
  void hear(const FixedHeader& header, Bytes body);

  Version version_ = Version::v5;
  bool lawful_ = true;
  bool connected_ = false;     // CONNECT was sent
  bool answered_ = false;      // CONNACK was heard
  bool deaf_ = false;          // what the server sends is no packet
  bool disconnected_ = false;  // DISCONNECT was sent
  Limits limits_;
  std::set<std::uint16_t> unacknowledged_;  // PUBLISH of this connection
  std::set<std::uint16_t> in_use_;          // these, SUBSCRIBE, UNSUBSCRIBE and PUBREL
  std::map<std::uint32_t, std::string> aliases_;
  std::vector<std::uint8_t> unfinished_;
};

}  // namespace tarta::fuzz
