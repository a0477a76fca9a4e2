// The names of numbers, so that a failed check says `truncated`, not 6.
#pragma once

#include <doctest/doctest.h>

#include <string_view>

#include "types.hpp"

namespace tarta {

std::string_view name_of(Fault fault);
std::string_view name_of(Error error);
Fault fault_named(std::string_view name);  // throws where there is none

// What doctest asks.
doctest::String toString(Fault fault);
doctest::String toString(Error error);

}  // namespace tarta
