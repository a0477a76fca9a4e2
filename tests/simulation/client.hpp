// A client as its host sees it, on a clock that the simulation turns, with a server that answers at once: it accepts
// all, and has no memory of anyone.
#pragma once

#include <cstdint>
#include <string_view>

#include "tarta.h"
#include "types.hpp"

namespace simulation {

// Ends the program where something is not as the simulation takes it to be.
void require(bool holds, const char* what);

class Client {
 public:
  explicit Client(std::uint32_t number);  // clients with different numbers draw different pauses
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client(Client&& other) noexcept : session_(other.session_) { other.session_ = nullptr; }
  ~Client();

  // Times are ms of the virtual clock.
  void connect(double now);
  void subscribe(double now);   // to one filter
  void receive(double now);     // one message, which the filter matches
  void keep_alive(double now);  // PINGREQ and PINGRESP, when `now` is that time
  void lose_line(double now);
  double pause(bool stable);  // ms until the next attempt

 private:
  bool online() const { return (tarta_status_of(session_)->flags & TARTA_ONLINE) != 0; }
  std::uint32_t put(std::string_view bytes);
  void give(tarta::Bytes bytes);
  void turn(double now);

  tarta_session* session_;
};

}  // namespace simulation
