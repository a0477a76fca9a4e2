// Runs all tests of the core. `core-tests -tc="router*"` runs some; TARTA_TEST_SEED chooses what the random ones do.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "event_log.hpp"
#include "random.hpp"

int main(int count, char** arguments) {
  doctest::Context context{count, arguments};
  // Before anything runs: a sanitizer ends the process without another word.
  std::printf("random tests: TARTA_TEST_SEED=%llu\n", static_cast<unsigned long long>(tarta::test_seed()));
  std::fflush(stdout);
  const int result = context.run();
  const tarta::EventLog& log = tarta::EventLog::instance();
  std::printf("event log: %llu words, digest %016llx\n", static_cast<unsigned long long>(log.words()),
              static_cast<unsigned long long>(log.digest()));
  return result;
}
