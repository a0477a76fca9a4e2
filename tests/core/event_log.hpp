// A digest of all that sessions told and sent through the C ABI, printed at the end of a run: two builds that were
// given the same inputs must print the same (tests/core/event-log.test.mjs).
#pragma once

#include <cstdint>

#include "types.hpp"

namespace tarta {

class EventLog {
 public:
  static EventLog& instance() {
    static EventLog log;
    return log;
  }

  void add(std::uint32_t word) {
    ++words_;
    digest_ = (digest_ ^ word) * 0x0000'0100'0000'01B3;  // FNV-1a, a word at a time
  }
  void add(Bytes bytes) {
    for (const std::uint8_t byte : bytes) add(byte);
  }

  std::uint64_t words() const { return words_; }
  std::uint64_t digest() const { return digest_; }

 private:
  std::uint64_t words_ = 0;
  std::uint64_t digest_ = 0xCBF2'9CE4'8422'2325;
};

}  // namespace tarta
