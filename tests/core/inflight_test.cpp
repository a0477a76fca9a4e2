#include "inflight.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "heap.hpp"

using tarta::Effect;
using tarta::effect_of;
using tarta::Outgoing;
using tarta::OutgoingList;
using tarta::OutgoingTopic;
using tarta::PacketType;
using tarta::Stage;

TEST_CASE("in flight: what each acknowledgement does to what waits for it") {
  CHECK(effect_of(Stage::puback, PacketType::puback, 0) == Effect::complete);
  CHECK(effect_of(Stage::pubrec, PacketType::pubrec, 0) == Effect::release);
  CHECK(effect_of(Stage::pubcomp, PacketType::pubrec, 0) == Effect::repeat);
  CHECK(effect_of(Stage::pubcomp, PacketType::pubcomp, 0) == Effect::complete);
  CHECK(effect_of(Stage::suback, PacketType::suback, 0) == Effect::complete);
  CHECK(effect_of(Stage::unsuback, PacketType::unsuback, 0) == Effect::complete);
}

TEST_CASE("in flight: every other acknowledgement is a protocol error") {
  struct Right {
    Stage stage;
    std::vector<PacketType> acknowledgements;
  };
  const Right rights[] = {
      {Stage::none, {}},
      {Stage::puback, {PacketType::puback}},
      {Stage::pubrec, {PacketType::pubrec}},
      {Stage::pubcomp, {PacketType::pubrec, PacketType::pubcomp}},
      {Stage::suback, {PacketType::suback}},
      {Stage::unsuback, {PacketType::unsuback}},
  };
  for (const Right& row : rights) {
    const Stage stage = row.stage;
    const std::vector<PacketType>& acknowledgements = row.acknowledgements;
    for (unsigned type = 0; type < 16; ++type) {
      const auto packet = static_cast<PacketType>(type);
      const bool right = std::find(acknowledgements.begin(), acknowledgements.end(), packet) != acknowledgements.end();
      for (const unsigned reason : {0x00U, 0x10U, 0x80U, 0x92U}) {
        INFO("stage ", static_cast<int>(stage), ", packet type ", type, ", reason ", reason);
        CHECK((effect_of(stage, packet, static_cast<std::uint8_t>(reason)) != Effect::wrong) == right);
      }
    }
  }
}

TEST_CASE("in flight: a refusal ends the exchange, a mere remark does not") {
  CHECK(effect_of(Stage::puback, PacketType::puback, 0x97) == Effect::complete);
  CHECK(effect_of(Stage::pubrec, PacketType::pubrec, 0x10) == Effect::release);
  CHECK(effect_of(Stage::pubrec, PacketType::pubrec, 0x7F) == Effect::release);
  CHECK(effect_of(Stage::pubrec, PacketType::pubrec, 0x80) == Effect::complete);
  CHECK(effect_of(Stage::pubcomp, PacketType::pubrec, 0x91) == Effect::complete);
  CHECK(effect_of(Stage::pubcomp, PacketType::pubcomp, 0x92) == Effect::complete);
}

TEST_CASE("in flight: a message is one block, but for its topic") {
  OutgoingTopic* const topic = tarta::make_topic("a/b");
  REQUIRE(topic != nullptr);
  Outgoing* const entry = tarta::make_outgoing(topic, 2, 5);
  REQUIRE(entry != nullptr);
  tarta::let_go(topic);
  std::memcpy(entry->content(), "\x01\x02hello", 7);
  CHECK(entry->topic->name() == "a/b");
  CHECK(tarta::hex(entry->properties()) == "01 02");
  CHECK(tarta::as_text(entry->payload()) == "hello");
  CHECK(entry->bytes() == 10);
  CHECK(entry->stage == Stage::none);
  CHECK(entry->id == 0);
  CHECK_FALSE(bool{entry->sent});
  entry->flags = 5;
  CHECK(entry->qos() == 2);
  CHECK(entry->retain());
  entry->flags = 2;
  CHECK(entry->qos() == 1);
  CHECK_FALSE(entry->retain());
  tarta::destroy(entry);
}

TEST_CASE("in flight: a topic lives as long as somebody holds it") {
  const std::string name(65'535, 'x');
  const std::size_t before = tarta::heap_in_use();
  OutgoingTopic* const topic = tarta::make_topic(name);
  REQUIRE(topic != nullptr);
  CHECK(topic->number == OutgoingTopic::none);
  CHECK(topic->alias == 0);
  Outgoing* const one = tarta::make_outgoing(topic, 0, 0);
  Outgoing* const two = tarta::make_outgoing(topic, 0, 0);
  CHECK(topic->holders == 3);
  CHECK(tarta::heap_in_use() - before < 2 * name.size());
  tarta::let_go(topic);
  tarta::destroy(one);
  CHECK(two->topic->name() == name);
  tarta::destroy(two);
  CHECK(tarta::heap_in_use() == before);
}

TEST_CASE("in flight: so is a request, with its filter numbers wherever they come to lie") {
  for (std::uint32_t properties = 0; properties < 5; ++properties) {
    const std::uint32_t numbers[] = {1, 0xFFFF'FFFF, 77};
    Outgoing* const entry = tarta::make_outgoing(nullptr, properties, sizeof numbers);
    REQUIRE(entry != nullptr);
    std::memcpy(entry->content() + properties, numbers, sizeof numbers);
    for (std::uint32_t i = 0; i < 3; ++i) CHECK(entry->filter(i) == numbers[i]);
    tarta::destroy(entry);
  }
}

TEST_CASE("in flight: more than 2 GiB is not made") {
  CHECK(tarta::make_outgoing(nullptr, 0xFFFF'FFFF, 0xFFFF'FFFF) == nullptr);
  CHECK(tarta::make_outgoing(nullptr, 0, 0x7FFF'FFFF) == nullptr);
}

TEST_CASE("in flight: a list keeps its order and owns what is in it") {
  OutgoingList list;
  const auto make = [](std::uint32_t operation) {
    Outgoing* const entry = tarta::make_outgoing(nullptr, 0, 0);
    REQUIRE(entry != nullptr);
    entry->operation = operation;
    return entry;
  };
  const auto operations = [&] {
    std::vector<std::uint32_t> forwards, backwards;
    for (const Outgoing* at = list.first(); at != nullptr; at = at->next) forwards.push_back(at->operation);
    for (const Outgoing* at = list.last(); at != nullptr; at = at->previous)
      backwards.insert(backwards.begin(), at->operation);
    CHECK(forwards == backwards);
    CHECK(list.empty() == forwards.empty());
    return forwards;
  };
  using List = std::vector<std::uint32_t>;
  CHECK(operations() == List{});
  Outgoing* const two = make(2);
  Outgoing* const three = make(3);
  Outgoing* const one = make(1);
  Outgoing* const four = make(4);
  list.append(two);
  list.append(three);
  list.prepend(one);
  list.append(four);
  CHECK(operations() == List{1, 2, 3, 4});
  list.unlink(three);
  CHECK(operations() == List{1, 2, 4});
  list.unlink(one);
  CHECK(operations() == List{2, 4});
  list.unlink(four);
  CHECK(operations() == List{2});
  list.unlink(two);
  CHECK(operations() == List{});
  list.prepend(one);
  list.append(two);
  CHECK(operations() == List{1, 2});
  tarta::destroy(three);
  tarta::destroy(four);
}
