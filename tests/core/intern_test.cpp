#include "intern.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "alias.hpp"
#include "bytes.hpp"
#include "heap.hpp"
#include "random.hpp"

using tarta::as_bytes;
using tarta::as_text;
using tarta::Interner;

namespace {

std::uint32_t find(Interner& interner, std::string_view name) { return interner.find(tarta::ExactBytes{name}); }
std::uint32_t add(Interner& interner, std::string_view name) { return interner.add(tarta::ExactBytes{name}); }

}  // namespace

TEST_CASE("interner: a name has one number, which leads back to it") {
  Interner interner{1};
  CHECK(find(interner, "a") == Interner::none);
  const std::uint32_t a = add(interner, "a");
  const std::uint32_t b = add(interner, "b/c");
  CHECK(a != b);
  CHECK(find(interner, "a") == a);
  CHECK(find(interner, "b/c") == b);
  CHECK(find(interner, "b/") == Interner::none);
  CHECK(find(interner, "b/c/") == Interner::none);
  CHECK(as_text(interner.name(a)) == "a");
  CHECK(as_text(interner.name(b)) == "b/c");
}

TEST_CASE("interner: names of one size differ by any of their bytes, to their hash as well") {
  for (std::size_t size = 1; size <= 40; ++size) {
    const std::string name(size, 'a');
    const tarta::ExactBytes exact{name};
    CHECK(tarta::same_bytes(tarta::Bytes{exact}.data(), as_bytes(name).data(), size));
    std::set<std::uint32_t> hashes{tarta::hash_bytes(exact, 1)};
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = name;
      other[at] = 'b';
      const tarta::ExactBytes differing{other};
      CHECK_FALSE(tarta::same_bytes(tarta::Bytes{exact}.data(), tarta::Bytes{differing}.data(), size));
      hashes.insert(tarta::hash_bytes(differing, 1));
    }
    CHECK(hashes.size() == size + 1);
  }
}

TEST_CASE("interner: the name is a copy") {
  Interner interner{1};
  std::string name = "first";
  const std::uint32_t number = interner.add(as_bytes(name));
  name = "other";
  CHECK(as_text(interner.name(number)) == "first");
}

TEST_CASE("interner: when it is full, a new name takes the number of an old one") {
  Interner interner{1, 4};
  std::set<std::uint32_t> numbers;
  for (int i = 0; i < 100; ++i) numbers.insert(add(interner, "name" + std::to_string(i)));
  CHECK(numbers == std::set<std::uint32_t>{0, 1, 2, 3});
  int known = 0;
  for (int i = 0; i < 100; ++i) known += find(interner, "name" + std::to_string(i)) != Interner::none;
  CHECK(known == 4);
}

TEST_CASE("interner: a name that was evicted comes back with any number") {
  Interner interner{1, 2};
  add(interner, "a");
  add(interner, "b");
  add(interner, "c");
  add(interner, "d");
  CHECK(find(interner, "a") == Interner::none);
  const std::uint32_t again = add(interner, "a");
  CHECK(find(interner, "a") == again);
  CHECK(as_text(interner.name(again)) == "a");
}

TEST_CASE("interner: a name in use stays while others come and go") {
  Interner interner{1, 8};
  const std::uint32_t busy = add(interner, "busy");
  for (int i = 0; i < 200; ++i) {
    REQUIRE(find(interner, "busy") == busy);
    add(interner, "passing" + std::to_string(i));
  }
}

TEST_CASE("interner: a pinned name is never evicted") {
  Interner interner{1, 3};
  const std::uint32_t pinned = add(interner, "pinned");
  interner.pin(pinned);
  interner.pin(pinned);
  for (int i = 0; i < 50; ++i) add(interner, "passing" + std::to_string(i));
  CHECK(find(interner, "pinned") == pinned);

  interner.unpin(pinned);
  for (int i = 50; i < 100; ++i) add(interner, "passing" + std::to_string(i));
  CHECK(find(interner, "pinned") == pinned);

  interner.unpin(pinned);
  for (int i = 100; i < 150; ++i) add(interner, "passing" + std::to_string(i));
  CHECK(find(interner, "pinned") == Interner::none);
}

TEST_CASE("interner: pinned names stand beside the bound") {
  Interner interner{1, 4, 64};
  for (int i = 0; i < 20; ++i) interner.pin(add(interner, "a pinned name, number " + std::to_string(i)));
  const std::uint32_t one = add(interner, "one more");
  CHECK(find(interner, "one more") == one);
  for (int i = 0; i < 20; ++i) CHECK(find(interner, "a pinned name, number " + std::to_string(i)) != Interner::none);
}

TEST_CASE("interner: its names stay below the bound of bytes") {
  Interner interner{1, 1000, 100};
  tarta::Random random{"interner, bytes"};
  std::set<std::string> given;
  for (int step = 0; step < 500; ++step) {
    const std::string name = std::to_string(step) + std::string(random.below(40), 'x');
    given.insert(name);
    add(interner, name);
    std::size_t bytes = 0;
    for (const std::string& one : given) bytes += find(interner, one) != Interner::none ? one.size() : 0;
    REQUIRE(bytes <= 100);
  }
}

TEST_CASE("interner: pinned names do not count against the bound of bytes") {
  Interner interner{1, 1000, 100};
  const std::uint32_t pinned = add(interner, std::string(90, 'p'));
  interner.pin(pinned);
  const auto all_there = [&](char letter) {
    for (int i = 0; i < 5; ++i) add(interner, std::string(20, static_cast<char>(letter + i)));
    int there = 0;
    for (int i = 0; i < 5; ++i)
      there += find(interner, std::string(20, static_cast<char>(letter + i))) != Interner::none;
    return there;
  };
  CHECK(all_there('a') == 5);
  interner.pin(pinned);
  interner.unpin(pinned);
  CHECK(all_there('f') == 5);  // it has a second pin
  interner.unpin(pinned);
  add(interner, "x");
  int there = find(interner, std::string(90, 'p')) != Interner::none ? 90 : 0;
  for (char letter = 'f'; letter < 'k'; ++letter)
    there += find(interner, std::string(20, letter)) != Interner::none ? 20 : 0;
  CHECK(there < 100);
}

TEST_CASE("interner: a name larger than the bound is taken all the same, alone") {
  Interner interner{1, 10, 100};
  add(interner, "a");
  const std::string large(200, 'x');
  const std::uint32_t number = add(interner, large);
  CHECK(find(interner, large) == number);
  CHECK(find(interner, "a") == Interner::none);
  add(interner, "b");
  CHECK(find(interner, large) == Interner::none);
}

TEST_CASE("interner: a number that is given anew was never matched") {
  Interner interner{1, 1};
  const std::uint32_t number = add(interner, "a");
  CHECK(interner.matched(number) == 0);
  CHECK_FALSE(interner.told_apart(number));
  interner.set_matched(number, 5, true);
  CHECK(interner.matched(number) == 5);
  CHECK(interner.told_apart(number));
  REQUIRE(add(interner, "b") == number);
  CHECK(interner.matched(number) == 0);
  CHECK_FALSE(interner.told_apart(number));
}

TEST_CASE("interner: as a map, at random") {
  tarta::Random random{"interner"};
  Interner interner{random.next(), 50, 600};
  std::map<std::uint32_t, std::string> last;  // what each number was given for last
  std::map<std::uint32_t, int> pins;
  for (int step = 0; step < 20'000; ++step) {
    const std::string name = "name " + std::to_string(random.below(200)) + std::string(random.below(2) * 5, '-');
    std::uint32_t number = find(interner, name);
    if (number == Interner::none) {
      number = add(interner, name);
      REQUIRE(number != Interner::none);
      REQUIRE(pins[number] == 0);
      last[number] = name;
    }
    REQUIRE(last[number] == name);
    REQUIRE(as_text(interner.name(number)) == name);
    if (random.one_in(40) && pins[number] < 3) {
      ++pins[number];
      interner.pin(number);
    }
    for (auto& [at, count] : pins) {
      if (count == 0) continue;
      REQUIRE(find(interner, last[at]) == at);
      if (!random.one_in(100)) continue;
      --count;
      interner.unpin(at);
    }
  }
}

TEST_CASE("interner: names that are gone leave no memory behind") {
  Interner interner{1, 64};
  const auto fill = [&](const std::string& with) {
    for (int i = 100; i < 400; ++i) add(interner, with + std::to_string(i));
  };
  fill("first");
  const std::size_t before = tarta::heap_in_use();
  for (int round = 0; round < 10; ++round) fill("roun" + std::to_string(round));
  CHECK(tarta::heap_in_use() == before);
}

TEST_CASE("aliases: each stands for the topic it was set to last") {
  Interner interner{1};
  tarta::InboundAliases aliases;
  const std::uint32_t a = add(interner, "a"), b = add(interner, "b");
  CHECK(aliases.find(0) == aliases.none);
  CHECK(aliases.find(65'535) == aliases.none);
  REQUIRE(aliases.set(65'535, a, interner));
  REQUIRE(aliases.set(1, b, interner));
  CHECK(aliases.find(65'535) == a);
  CHECK(aliases.find(1) == b);
  CHECK(aliases.find(2) == aliases.none);
  REQUIRE(aliases.set(1, a, interner));
  CHECK(aliases.find(1) == a);
  aliases.clear(interner);
  CHECK(aliases.find(1) == aliases.none);
  CHECK(aliases.find(65'535) == aliases.none);
}

TEST_CASE("aliases: hold their names until another takes their place, or the connection ends") {
  Interner interner{1, 2};
  tarta::InboundAliases aliases;
  const auto push_out = [&] {
    for (int i = 0; i < 20; ++i) add(interner, "passing" + std::to_string(i));
  };
  const std::uint32_t a = add(interner, "a");
  REQUIRE(aliases.set(1, a, interner));
  REQUIRE(aliases.set(1, a, interner));  // the same once more
  push_out();
  CHECK(as_text(interner.name(aliases.find(1))) == "a");

  const std::uint32_t b = add(interner, "b");
  REQUIRE(aliases.set(1, b, interner));
  push_out();
  CHECK(find(interner, "a") == Interner::none);
  CHECK(find(interner, "b") == b);

  aliases.clear(interner);
  push_out();
  CHECK(find(interner, "b") == Interner::none);
}

// Statements: 5.0 MQTT-3.3.2-10
TEST_CASE("aliases: all 65,535 for one name") {
  Interner interner{1, 1};
  tarta::InboundAliases aliases;
  const std::uint32_t topic = add(interner, "a");
  for (std::uint32_t alias = 1; alias <= 65'535; ++alias) REQUIRE(aliases.set(alias, topic, interner));
  for (std::uint32_t alias = 1; alias <= 3; ++alias) REQUIRE(aliases.set(alias, topic, interner));
  add(interner, "b");
  CHECK(find(interner, "a") == topic);
  aliases.clear(interner);
  add(interner, "c");
  add(interner, "d");
  CHECK(find(interner, "a") == Interner::none);
}
