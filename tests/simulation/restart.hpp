// A server that is gone for a while: all clients lose their line at once, attempts fail at once while it is down, and
// are accepted when it is back.
#pragma once

#include <vector>

#include "client.hpp"

namespace simulation {

struct Restart {
  double down;                       // s that the server is gone
  double window;                     // s from its return until the last client is online
  double mean;                       // connects per second in this time
  double peak;                       // connects in the second that has most, wherever that begins
  double attempts;                   // of each client, on average
  std::vector<unsigned> per_second;  // connects, from the return on
};

// The clients of `sessions`, which are online at `lost` (ms) and are so again in the end, and as many others, of which
// only the pauses are simulated, that there are `clients`. Whether one is accepted does not depend on others, so that
// each has the clock for itself.
Restart restart(double down, double lost, std::vector<Client>& sessions, unsigned clients);

}  // namespace simulation
