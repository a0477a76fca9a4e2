// What every fuzz target uses: a claim that must hold, and the input as a row of choices.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "types.hpp"

namespace tarta::fuzz {

// Ends the process where `claim` does not hold; the fuzzer keeps the input.
inline void require(bool claim, const char* what) {
  if (claim) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline void require_sound(Fault fault, const char* what) {
  static constexpr const char* names[] = {
#define TARTA_FAULT(name, reason, text, section) text,
#include "fault.def"
#undef TARTA_FAULT
  };
  if (fault != Fault::none) std::fprintf(stderr, "%s: %s\n", what, names[static_cast<std::size_t>(fault)]);
  require(fault == Fault::none, what);
}

// One input may not take longer than a second of the processor's time, sanitizers included; the fuzzer's own -timeout
// counts what others take as well.
class TimeLimit {
 public:
  TimeLimit() : start_(std::clock()) {}
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  ~TimeLimit() { require(std::clock() - start_ < CLOCKS_PER_SEC, "an input takes less than a second"); }

 private:
  std::clock_t start_;
};

// Numbers are taken from the end of the input, bytes from its front; both are 0 or nothing when it is used up.
// seeds.cpp writes such inputs.
class Input {
 public:
  explicit Input(Bytes bytes) : data_(bytes.data(), bytes.size()) {}

  bool at_end() { return data_.remaining_bytes() == 0; }
  std::uint32_t below(std::uint32_t limit) { return data_.ConsumeIntegralInRange<std::uint32_t>(0, limit - 1); }
  bool flag() { return below(2) == 1; }
  bool one_in(std::uint32_t count) { return below(count) == count - 1; }
  std::vector<std::uint8_t> bytes(std::uint32_t most) { return data_.ConsumeBytes<std::uint8_t>(below(most + 1)); }

  template <class T, std::size_t count>
  T pick(const std::array<T, count>& values) {
    return values[below(count)];
  }

 private:
  FuzzedDataProvider data_;
};

}  // namespace tarta::fuzz
