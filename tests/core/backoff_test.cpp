#include "backoff.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "random.hpp"

using tarta::Backoff;
using tarta::BackoffRule;

TEST_CASE("backoff: the limit grows by the factor, up to the maximum, and begins anew after a reset") {
  const BackoffRule rule{100, 1'500, 3};
  const double limits[] = {100, 300, 900, 1'500, 1'500};
  // The largest of many delays comes near the limit, none is above it.
  double largest[2][5] = {};
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    Backoff backoff;
    std::uint64_t state = seed;
    for (auto& round : largest) {
      for (double& most : round) most = std::max(most, backoff.next(rule, state));
      backoff.reset();
    }
  }
  for (const auto& round : largest) {
    for (int i = 0; i < 5; ++i) {
      CHECK(round[i] <= limits[i]);
      CHECK(round[i] > limits[i] * 0.99);
    }
  }
}

TEST_CASE("backoff: all parts of the limit come alike, at every attempt") {
  constexpr int clients = 20'000, tenths = 10;
  std::vector<int> counts[4];
  for (auto& count : counts) count.resize(tenths);
  tarta::Random random{"backoff"};
  for (int client = 0; client < clients; ++client) {
    Backoff backoff;
    std::uint64_t seed = random.next();
    double limit = 1'000;
    for (auto& count : counts) {
      const double delay = backoff.next({1'000, 1e9, 2}, seed);
      ++count[static_cast<std::size_t>(delay / limit * tenths)];
      limit *= 2;
    }
  }
  for (const auto& count : counts) {
    for (const int found : count) {
      CHECK(found > clients / tenths * 9 / 10);
      CHECK(found < clients / tenths * 11 / 10);
    }
  }
}

TEST_CASE("backoff: while the limit grows a short pause is followed by a long one; at the maximum each is drawn") {
  const BackoffRule rule{100, 800, 2};
  int counterparts = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Backoff backoff;
    std::uint64_t state = seed;
    const double part = backoff.next(rule, state) / 100;
    CHECK(backoff.next(rule, state) / 200 == doctest::Approx(1 - part));
    CHECK(backoff.next(rule, state) / 400 == doctest::Approx(part));
    double before = part;
    for (int i = 0; i < 5; ++i) {
      const double drawn = backoff.next(rule, state) / 800;
      if (drawn + before == doctest::Approx(1)) ++counterparts;
      before = drawn;
    }
  }
  CHECK(counterparts < 5);
}

TEST_CASE("backoff: no limit where none is asked for; one where they are the wrong way round") {
  Backoff backoff;
  std::uint64_t seed = 1;
  for (int i = 0; i < 5'000; ++i) REQUIRE(backoff.next({0, 1'000, 2}, seed) == 0);
  backoff.reset();
  for (int i = 0; i < 10; ++i) CHECK(backoff.next({1'000, 10, 2}, seed) <= 10);
}
