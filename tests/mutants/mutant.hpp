// A check of the core that can be made to go wrong, one at a time, chosen at run time. instrument.mjs writes these
// calls.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tarta::mutants {

constexpr std::uint32_t none = 0xFFFF'FFFF;

// Twice the number of a check: it is removed; and one more: it is inverted.
extern std::uint32_t chosen;

// By number of a check: 1 if it was false, 2 if it was true, 3 if it was both.
constexpr std::uint32_t most_checks = 4096;
extern std::uint8_t reached[most_checks];

// The value of a check; `without` is what it would be if nobody checked.
constexpr bool check(std::uint32_t number, bool without, bool value) {
  if (std::is_constant_evaluated()) return value;
  reached[number] |= value ? 2 : 1;
  if (chosen == number * 2) return without;
  return chosen == number * 2 + 1 ? !value : value;
}

// A pointer that is declared as the condition of an `if` or `while`: removed, it is null.
template <class T>
T* found(std::uint32_t number, T* value) {
  reached[number] |= value != nullptr ? 2 : 1;
  return chosen == number * 2 ? nullptr : value;
}

}  // namespace tarta::mutants
