#include "names.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace tarta {
namespace {

constexpr std::array faults{
#define TARTA_FAULT(name, reason, text, section) std::string_view{#name},
#include "fault.def"
#undef TARTA_FAULT
};

constexpr std::array errors{
#define TARTA_ERROR(name, NAME, meaning) std::string_view{#name},
#define TARTA_HOST_ERROR(name, NAME, meaning) std::string_view{#name},
#include "error.def"
#undef TARTA_ERROR
#undef TARTA_HOST_ERROR
};

}  // namespace

std::string_view name_of(Fault fault) { return faults.at(static_cast<std::size_t>(fault)); }
std::string_view name_of(Error error) { return errors.at(static_cast<std::size_t>(error)); }

Fault fault_named(std::string_view name) {
  const auto at = std::find(faults.begin(), faults.end(), name);
  if (at == faults.end()) throw std::invalid_argument("no fault has the name " + std::string{name});
  return static_cast<Fault>(at - faults.begin());
}

doctest::String toString(Fault fault) { return std::string{name_of(fault)}.c_str(); }
doctest::String toString(Error error) { return std::string{name_of(error)}.c_str(); }

}  // namespace tarta
