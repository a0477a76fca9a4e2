#include "inflight.hpp"

#include <array>
#include <cstdlib>
#include <new>

namespace tarta {
namespace {

constexpr Effect complete = Effect::complete, release = Effect::release, repeat = Effect::repeat, wrong = Effect::wrong;

struct Row {
  Effect puback, pubrec, pubcomp, suback, unsuback;
};

// By Stage: what the operation waits for, and what it gets.
constexpr std::array<Row, 6> transitions{{
    //            PUBACK    PUBREC   PUBCOMP   SUBACK    UNSUBACK
    /* none     */ {wrong, wrong, wrong, wrong, wrong},
    /* puback   */ {complete, wrong, wrong, wrong, wrong},
    /* pubrec   */ {wrong, release, wrong, wrong, wrong},
    /* pubcomp  */ {wrong, repeat, complete, wrong, wrong},
    /* suback   */ {wrong, wrong, wrong, complete, wrong},
    /* unsuback */ {wrong, wrong, wrong, wrong, complete},
}};

}  // namespace

Effect effect_of(Stage stage, PacketType acknowledgement, std::uint8_t reason) {
  const Row& row = transitions[static_cast<std::size_t>(stage)];
  switch (acknowledgement) {
    case PacketType::puback:
      return row.puback;
    case PacketType::pubrec:
      // A refusal ends the exchange: no PUBREL follows (5.0 §4.3.3).
      return row.pubrec != wrong && is_refusal(reason) ? complete : row.pubrec;
    case PacketType::pubcomp:
      return row.pubcomp;
    case PacketType::suback:
      return row.suback;
    case PacketType::unsuback:
      return row.unsuback;
    default:
      return wrong;
  }
}

OutgoingTopic* make_topic(std::string_view name) {
  void* const block = std::malloc(sizeof(OutgoingTopic) + name.size());
  if (block == nullptr) return nullptr;
  auto* const topic = new (block) OutgoingTopic{1, OutgoingTopic::none, 0, static_cast<std::uint16_t>(name.size())};
  std::memcpy(topic + 1, name.data(), name.size());
  return topic;
}

void let_go(OutgoingTopic* topic) {
  if (topic != nullptr && --topic->holders == 0) std::free(topic);
}

Outgoing* make_outgoing(OutgoingTopic* topic, std::uint32_t properties_size, std::uint32_t payload_size) {
  const std::uint64_t size = sizeof(Outgoing) + std::uint64_t{properties_size} + payload_size;
  void* const block = size > 0x7FFF'FFFF ? nullptr : std::malloc(static_cast<std::size_t>(size));
  if (block == nullptr) return nullptr;
  auto* const entry = new (block) Outgoing{};
  entry->topic = topic;
  if (topic != nullptr) ++topic->holders;
  entry->properties_size = properties_size;
  entry->payload_size = payload_size;
  return entry;
}

void destroy(Outgoing* entry) {
  let_go(entry->topic);
  std::free(entry);
}

OutgoingList::~OutgoingList() {
  while (Outgoing* const entry = first_) {
    unlink(entry);
    destroy(entry);
  }
}

void OutgoingList::append(Outgoing* entry) {
  entry->previous = last_;
  entry->next = nullptr;
  (last_ != nullptr ? last_->next : first_) = entry;
  last_ = entry;
}

void OutgoingList::prepend(Outgoing* entry) {
  entry->previous = nullptr;
  entry->next = first_;
  (first_ != nullptr ? first_->previous : last_) = entry;
  first_ = entry;
}

void OutgoingList::unlink(Outgoing* entry) {
  (entry->previous != nullptr ? entry->previous->next : first_) = entry->next;
  (entry->next != nullptr ? entry->next->previous : last_) = entry->previous;
}

}  // namespace tarta
