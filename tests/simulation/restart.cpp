#include "restart.hpp"

#include <algorithm>
#include <numeric>

#include "backoff.hpp"

namespace simulation {
namespace {

constexpr unsigned slices = 100;  // of a second

// The connects in each slice of a second since the server's return.
struct Connects {
  std::vector<unsigned> per_slice;
  double last = 0;  // ms since the return
  std::uint64_t attempts = 0;

  void add(double since_return) {
    last = std::max(last, since_return);
    const auto slice = static_cast<std::size_t>(since_return / 1'000 * slices);
    if (slice >= per_slice.size()) per_slice.resize(slice + 1);
    ++per_slice[slice];
  }
};

// Waits and tries until the server is there again; `pause` tells how long to wait after each failure. Returns the time.
template <class Pause>
double come_back(double down, Connects& connects, Pause pause) {
  double now = 0;
  for (bool first = true; first || now < down; first = false) {
    now += pause(first);
    ++connects.attempts;
  }
  connects.add(now - down);
  return now;
}

}  // namespace

Restart restart(double down, double lost, std::vector<Client>& sessions, unsigned clients) {
  Connects connects;
  for (Client& client : sessions) {
    client.lose_line(lost);
    client.connect(lost + come_back(down * 1'000, connects, [&](bool first) { return client.pause(first); }));
  }
  const tarta::BackoffRule rule;
  for (auto number = static_cast<unsigned>(sessions.size()); number < clients; ++number) {
    tarta::Backoff backoff;
    std::uint64_t seed = number;
    come_back(down * 1'000, connects, [&](bool) { return backoff.next(rule, seed); });
  }

  Restart result{down, connects.last / 1'000, 0, 0, static_cast<double>(connects.attempts) / clients, {}};
  result.mean = clients / result.window;
  std::vector<unsigned>& per_slice = connects.per_slice;
  per_slice.resize((per_slice.size() + slices - 1) / slices * slices);
  unsigned in_a_second = 0;
  for (std::size_t i = 0; i < per_slice.size(); ++i) {
    in_a_second += per_slice[i];
    if (i >= slices) in_a_second -= per_slice[i - slices];
    result.peak = std::max<double>(result.peak, in_a_second);
  }
  for (auto at = per_slice.begin(); at != per_slice.end(); at += slices) {
    result.per_second.push_back(std::accumulate(at, at + slices, 0U));
  }
  return result;
}

}  // namespace simulation
