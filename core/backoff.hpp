// How long to wait before the next attempt to connect: a random part of a limit that grows with each failure ("full
// jitter"), so that not all clients of a server that was gone come back at once.
//
// While the limit grows, a pause is the counterpart of the one before: a long part follows a short one. By itself each
// is as random as before; but no client makes attempt after attempt in a moment and then waits at a high limit, long
// after all others are back. docs/reconnect.md shows what that makes of a server's restart.
#pragma once

#include <algorithm>

#include "splitmix.hpp"

namespace tarta {

struct BackoffRule {
  double min = 250;     // ms: the first limit; at most `max`
  double max = 30'000;  // ms: the last one
  double factor = 2;    // from one limit to the next, at least 1
};

class Backoff {
 public:
  // The pause in ms after one more failure: any from 0 to min(max, min × factor^failures), all alike.
  double next(const BackoffRule& rule, std::uint64_t& seed) {
    const bool first = limit_ == none;
    limit_ = std::min(rule.max, first ? rule.min : limit_ * rule.factor);
    constexpr double one = 1ULL << 53;
    const bool drawn = first || limit_ == rule.max;
    part_ = drawn ? static_cast<double>(next_random(seed) >> 11) / one : 1 - part_;
    return limit_ * part_;
  }

  // A connection has stayed up: the limit begins anew.
  void reset() { limit_ = none; }

 private:
  static constexpr double none = -1;
  double limit_ = none;  // of the pause before, …
  double part_ = 0;      // … and which part of it that was
};

}  // namespace tarta
