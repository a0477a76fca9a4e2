#include "index_table.hpp"

#include <doctest/doctest.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "bytes.hpp"
#include "random.hpp"

using tarta::IndexTable;

namespace {

std::uint32_t find(const IndexTable& table, std::uint32_t hash, std::uint32_t index) {
  return table.find(hash, [&](std::uint32_t at) { return at == index; });
}

// Inserts and erases at random, with hashes that `hash_of` makes, and looks everything up.
template <class Hash>
void compare_with_map(const char* name, Hash hash_of) {
  constexpr std::uint32_t indexes = 500;
  tarta::Random random{name};
  IndexTable table;
  std::unordered_map<std::uint32_t, std::uint32_t> expected;  // index -> hash
  for (int step = 0; step < 20'000; ++step) {
    const std::uint32_t index = random.below(indexes);
    const auto known = expected.find(index);
    if (known == expected.end()) {
      const std::uint32_t hash = hash_of(random);
      REQUIRE(table.insert(hash, index));
      expected.emplace(index, hash);
    } else {
      table.erase(known->second, index);
      REQUIRE(find(table, known->second, index) == IndexTable::none);
      expected.erase(known);
    }
    if (step % 100 != 0) continue;
    for (const auto& [at, hash] : expected) REQUIRE(find(table, hash, at) == at);
  }
}

}  // namespace

TEST_CASE("index table: finds nothing while it is empty") {
  IndexTable table;
  CHECK(find(table, 7, 1) == IndexTable::none);
  table.erase(7, 1);
  CHECK(find(table, 7, 1) == IndexTable::none);
}

TEST_CASE("index table: the caller decides between equal hashes") {
  IndexTable table;
  table.insert(7, 1);
  table.insert(7, 2);
  CHECK(find(table, 7, 1) == 1);
  CHECK(find(table, 7, 2) == 2);
  CHECK(find(table, 7, 3) == IndexTable::none);
  CHECK(find(table, 8, 1) == IndexTable::none);
  table.erase(7, 1);
  CHECK(find(table, 7, 1) == IndexTable::none);
  CHECK(find(table, 7, 2) == 2);
}

TEST_CASE("index table: erasing what is not there changes nothing") {
  IndexTable table;
  table.insert(7, 1);
  table.erase(7, 2);
  table.erase(8, 1);
  CHECK(find(table, 7, 1) == 1);
}

TEST_CASE("index table: as a map, with hashes that spread") {
  compare_with_map("index table, spread",
                   [](tarta::Random& random) { return static_cast<std::uint32_t>(random.next()); });
}

TEST_CASE("index table: as a map, with hashes that crowd") {
  compare_with_map("index table, crowded", [](tarta::Random& random) { return random.below(8); });
}

TEST_CASE("index table: as a map, with hashes that run round the end of the table") {
  compare_with_map("index table, round the end", [](tarta::Random& random) { return 0xFFFF'FFF8 + random.below(16); });
}

TEST_CASE("hash: depends on every byte, on the length and on the salt") {
  const std::string text = "a/b/c/d/e/f/g/h/i/j";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string_view prefix = std::string_view{text}.substr(0, size);
    const std::uint32_t hash = tarta::hash_bytes(tarta::ExactBytes{prefix}, 1);
    CHECK(hash == tarta::hash_bytes(tarta::ExactBytes{prefix}, 1));
    CHECK(hash != tarta::hash_bytes(tarta::ExactBytes{prefix}, 2));
    CHECK(hash != tarta::hash_bytes(tarta::ExactBytes{std::string{prefix} + '\0'}, 1));
    for (std::size_t i = 0; i < size; ++i) {
      std::string other{prefix};
      other[i] ^= 1;
      CHECK(hash != tarta::hash_bytes(tarta::ExactBytes{other}, 1));
    }
  }
}

TEST_CASE("hash: names that differ in a number hardly meet") {
  std::unordered_map<std::uint32_t, int> in_bucket;
  constexpr std::uint32_t names = 50'000, buckets = 1U << 17;
  std::uint32_t fullest = 0;
  for (std::uint32_t i = 0; i < names; ++i) {
    const std::string name = "plant/" + std::to_string(i % 100) + "/sensor/" + std::to_string(i / 100) + "/temperature";
    const int count = ++in_bucket[tarta::hash_bytes(tarta::as_bytes(name), 42) % buckets];
    fullest = std::max(fullest, static_cast<std::uint32_t>(count));
  }
  CHECK(fullest <= 10);              // a fair one has 6 or 7 in its fullest bucket
  CHECK(in_bucket.size() > 40'000);  // a fair one 41,600
}
