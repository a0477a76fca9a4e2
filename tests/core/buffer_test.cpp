#include "buffer.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "random.hpp"

using tarta::Buffer;

TEST_CASE("buffer: begins empty, without memory") {
  const Buffer<std::uint32_t> buffer;
  CHECK(buffer.empty());
  CHECK(buffer.size() == 0);
  CHECK(buffer.capacity() == 0);
  CHECK(buffer.data() == nullptr);
  CHECK(buffer.begin() == buffer.end());
  CHECK_FALSE(buffer.failed());
}

TEST_CASE("buffer: appending nothing succeeds, also where there is no memory yet") {
  Buffer<std::uint8_t> buffer;
  CHECK(buffer.append({}));
  CHECK(buffer.reserve(0));
  CHECK(buffer.resize_zeroed(0));
  CHECK(buffer.empty());
  CHECK_FALSE(buffer.failed());
}

TEST_CASE("buffer: holds what is pushed and appended, in order") {
  Buffer<std::uint16_t> buffer;
  std::vector<std::uint16_t> expected;
  tarta::Random random{"buffer"};
  for (int step = 0; step < 2000; ++step) {
    const std::vector<std::uint16_t> values(random.below(40), static_cast<std::uint16_t>(random.next()));
    if (values.size() == 1) {
      REQUIRE(buffer.push(values[0]));
    } else {
      REQUIRE(buffer.append(values));
    }
    expected.insert(expected.end(), values.begin(), values.end());
    if (random.one_in(50)) {
      const std::uint32_t kept = random.below(buffer.size() + 1);
      buffer.truncate(kept);
      expected.resize(kept);
    }
    REQUIRE(buffer.size() == expected.size());
    REQUIRE(buffer.capacity() >= buffer.size());
  }
  CHECK(std::vector<std::uint16_t>(buffer.begin(), buffer.end()) == expected);
}

TEST_CASE("buffer: begins small, takes what is asked for, and doubles") {
  Buffer<std::uint8_t> bytes;
  bytes.push(1);
  CHECK(bytes.capacity() == 16);
  bytes.extend(16);
  CHECK(bytes.capacity() == 32);
  bytes.reserve(1000);
  CHECK(bytes.capacity() == 1000);
  bytes.reserve(1001);
  CHECK(bytes.capacity() == 2000);
  struct Large {
    char content[100];
  };
  Buffer<Large> large;
  for (const std::uint32_t capacity : {1U, 2U, 4U, 4U, 8U}) {
    large.push({});
    CHECK(large.capacity() == capacity);
  }
}

TEST_CASE("buffer: extend gives room behind what is there") {
  Buffer<std::uint8_t> buffer;
  buffer.push(1);
  std::uint8_t* const room = buffer.extend(1000);
  REQUIRE(room != nullptr);
  CHECK(room == buffer.data() + 1);
  CHECK(buffer.size() == 1001);
  CHECK(buffer[0] == 1);
  room[999] = 7;
  CHECK(buffer.back() == 7);
}

TEST_CASE("buffer: resize_zeroed clears what is new, also where other values were before") {
  Buffer<std::uint32_t> buffer;
  for (std::uint32_t i = 1; i <= 20; ++i) buffer.push(i);
  buffer.truncate(3);
  REQUIRE(buffer.resize_zeroed(300));
  CHECK(buffer.size() == 300);
  CHECK(buffer[2] == 3);
  for (std::uint32_t i = 3; i < 300; ++i) REQUIRE(buffer[i] == 0);
  REQUIRE(buffer.resize_zeroed(2));
  CHECK(buffer.size() == 2);
  CHECK(buffer[1] == 2);
}

TEST_CASE("buffer: keeps its memory when it is cleared, gives it back when it is released") {
  Buffer<std::uint8_t> buffer;
  buffer.extend(5000);
  const std::uint32_t capacity = buffer.capacity();
  buffer.clear();
  CHECK(buffer.empty());
  CHECK(buffer.capacity() == capacity);
  buffer.release();
  CHECK(buffer.capacity() == 0);
  CHECK(buffer.data() == nullptr);
}

TEST_CASE("buffer: what was moved or swapped is whole") {
  Buffer<std::uint8_t> one, two;
  one.push(1);
  two.push(2);
  two.push(3);
  one.swap(two);
  CHECK(one.size() == 2);
  CHECK(two[0] == 1);
  Buffer<std::uint8_t> three{std::move(one)};
  CHECK(three.back() == 3);
  two = std::move(three);
  CHECK(two.size() == 2);
  CHECK(two[0] == 2);
}

TEST_CASE("buffer: without memory it says so, keeps what it has, and goes on saying so") {
  Buffer<std::uint64_t> buffer;
  buffer.push(1);
  // More than 1 GiB is more than a buffer ever takes.
  CHECK(buffer.extend(1U << 27) == nullptr);
  CHECK(buffer.failed());
  CHECK(buffer.size() == 1);
  CHECK(buffer[0] == 1);
  CHECK_FALSE(buffer.reserve(0xFFFF'FFFF));
  CHECK_FALSE(buffer.resize_zeroed(1U << 31));
  CHECK(buffer.extend(0xFFFF'FFFF) == nullptr);
  CHECK(buffer.size() == 1);
  CHECK(buffer.push(2));
  CHECK(buffer.failed());
}
