// simulation CLIENTS SESSIONS: prints as JSON how much memory an idle session takes, and how clients come back to a
// server that was gone. README.md says what is simulated.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "restart.hpp"

using simulation::Client;
using simulation::require;
using simulation::Restart;

namespace {

constexpr double keepalive = 60'000;  // ms, as by default

// Bytes in use on the heap, with what malloc adds to each piece.
std::size_t memory_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void print(const Restart& restart) {
  std::printf("{\"down\": %g, \"window\": %.3f, \"mean\": %.0f, \"peak\": %.0f, \"attempts\": %.2f, \"perSecond\": [",
              restart.down, restart.window, restart.mean, restart.peak, restart.attempts);
  const char* separator = "";
  for (const unsigned connects : restart.per_second) {
    std::printf("%s%u", separator, connects);
    separator = ", ";
  }
  std::printf("]}");
}

}  // namespace

int main(int count, char** arguments) {
  const auto number = [&](int i) { return i < count ? static_cast<unsigned>(std::atoi(arguments[i])) : 0; };
  const unsigned clients = number(1), sessions = number(2);
  require(sessions > 0 && clients >= sessions, "CLIENTS SESSIONS are numbers, of which the first is the larger");

  std::vector<Client> online;
  online.reserve(sessions);
  const std::size_t before = memory_in_use();
  for (unsigned i = 0; i < sessions; ++i) {
    Client& client = online.emplace_back(i);
    client.connect(0);
    client.subscribe(1);
    client.receive(2);
  }
  for (Client& client : online) client.keep_alive(keepalive + 2);
  const auto each = [&] { return static_cast<double>(memory_in_use() - before) / sessions; };
  std::printf("{\"sessions\": %u, \"bytesPerSession\": %.1f,\n\"clients\": %u, \"restarts\": [\n", sessions, each(),
              clients);

  double now = 1e6;
  const char* separator = "";
  for (const double down : {1.0, 10.0, 60.0, 300.0}) {
    std::printf("%s", separator);
    print(simulation::restart(down, now, online, clients));
    separator = ",\n";
    now += 1e6;
  }

  for (Client& client : online) client.keep_alive(now);
  std::printf("],\n\"bytesPerSessionAfterRestarts\": %.1f,\n", each());

  // The same for other times, with pauses alone, to see what is between these.
  std::printf("\"sweep\": [\n");
  std::vector<Client> none;
  separator = "";
  for (int down = 1; down <= 120; ++down) {
    const Restart result = simulation::restart(down, 0, none, sessions);
    std::printf("%s[%d, %.3f]", separator, down, result.peak / result.mean);
    separator = ", ";
  }
  std::printf("]}\n");
}
