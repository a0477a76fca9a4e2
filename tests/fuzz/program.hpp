// The input of two targets is a program: for `session` steps of a host and its server (step.def), for `abi` calls
// (call.def), each followed by its arguments. What session.cpp and abi.cpp execute, seeds.cpp writes.
#pragma once

#include <cstdint>

namespace tarta::fuzz {

enum class Step : std::uint8_t {
#define TARTA_STEP(name) name,
#include "step.def"
#undef TARTA_STEP
  count,
};

enum class Call : std::uint8_t {
#define TARTA_CALL(name) name,
#include "call.def"
#undef TARTA_CALL
  count,
};

constexpr std::uint32_t value_limit = 0xFFFF'FFFF;
constexpr std::uint32_t most_bytes = 255;
constexpr std::uint32_t topics = 8;
constexpr std::uint32_t filters = 16;

// A number of the abi target: below(8), then below(value_limit) for the first, below(small_limit) for the last.
enum NumberKind : std::uint32_t { any_number = 0, small_number = 7 };
constexpr std::uint32_t small_limit = 24;
constexpr std::uint32_t most_put = 600;  // bytes of an argument, or of a message

}  // namespace tarta::fuzz
