#include "random.hpp"

#include <cstdlib>

namespace tarta {

std::uint64_t test_seed() {
  const char* const asked = std::getenv("TARTA_TEST_SEED");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 1;
}

Random::Random(std::string_view test) {
  std::uint64_t mixed = test_seed();
  for (const char letter : test) mixed = mixed * 31 + static_cast<unsigned char>(letter);
  engine_.seed(mixed);
}

}  // namespace tarta
