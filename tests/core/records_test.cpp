// The row of records: the short and the long form (core/event.def), and what is left of it without memory.
#include "records.hpp"

#include <doctest/doctest.h>

#include "failing_heap.hpp"

using tarta::Event;
using tarta::FailingHeap;
using tarta::Records;

namespace {

// The words of a record with as many words behind its first.
std::uint32_t made(std::uint32_t count, Records& records) {
  records.clear();
  records.begin(Event::match);
  for (std::uint32_t i = 0; i < count; ++i) records.push(i);
  records.end();
  return records.words().size();
}

}  // namespace

TEST_CASE("records: more than 65,535 words have their number in the second word") {
  Records records;
  for (const std::uint32_t count : {0U, 1U, 65'533U}) {
    CAPTURE(count);
    REQUIRE(made(count, records) == count + 1);
    CHECK(records.words()[0] == (static_cast<std::uint32_t>(Event::match) | (count + 1) << 16));
    if (count > 0) CHECK(*(records.words().end() - 1) == count - 1);
  }
  for (const std::uint32_t count : {65'534U, 65'535U, 100'000U}) {
    CAPTURE(count);
    REQUIRE(made(count, records) == count + 2);
    CHECK(records.words()[0] == static_cast<std::uint32_t>(Event::match));
    CHECK(records.words()[1] == count + 2);
    CHECK(records.words()[2] == 0);
    CHECK(*(records.words().end() - 1) == count - 1);
  }
}

TEST_CASE("records: the row is full once, and with it comes what was begun") {
  Records records;
  while (!records.full()) records.add_message(0, 1U, 2U, 3U);
  CHECK(records.words().size() == Records::full_at);
  records.clear();
  CHECK_FALSE(records.full());
}

TEST_CASE("records: without memory no message is written in part") {
  Records records;
  {
    const FailingHeap heap{1};
    records.add_message(0, 1U, 2U, 3U);
    CHECK(records.words().empty());
    CHECK(records.failed());
  }
  records.add_message(0, 1U, 2U, 3U);
  CHECK(records.words().size() == 4);
}
