// Random choices for tests. They are the same in each run, unless TARTA_TEST_SEED says otherwise; main.cpp prints it.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>

namespace tarta {

std::uint64_t test_seed();

class Random {
 public:
  // Each test has a sequence of its own, whatever ran before it.
  explicit Random(std::string_view test);

  std::uint64_t next() { return engine_(); }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(engine_() % limit); }
  bool one_in(std::uint32_t count) { return below(count) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tarta
