// Any bytes, through all decoders: nothing is read outside of the input, what is found lies inside it, a fault stays
// when more bytes follow, and a packet that is cut is unfinished.
#include "decode.hpp"

#include <algorithm>

#include "bytes.hpp"
#include "fuzz.hpp"
#include "inspect.hpp"
#include "topic.hpp"

using namespace tarta;
using fuzz::require;

namespace {

constexpr std::uint32_t no_limit = 5 + variable_maximum;
constexpr std::array maximum_packet_sizes{no_limit, 16'777'216U, 100U, 8U};

struct Receiver {
  Version version;
  Sender sender;
  std::uint32_t maximum_packet_size;

  Fault header(Bytes bytes, FixedHeader& found) const {
    return decode_header(bytes, version, sender, maximum_packet_size, found);
  }
  Inspection look(Bytes bytes, Buffer<std::uint32_t>& words) const {
    return inspect(bytes, version, sender, maximum_packet_size, words);
  }
};

// The first byte of each input.
Receiver receiver_of(std::uint8_t choice) {
  return {static_cast<Version>(3 + choice % 3), (choice & 64U) != 0 ? Sender::client : Sender::server,
          maximum_packet_sizes[choice / 4 % 4]};
}

bool inside(Bytes part, Bytes whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// Every property that is found, and every one that is passed by.
void check_properties(const Properties& properties, Bytes body, std::uint32_t where) {
  require(inside(properties.raw(), body), "properties lie inside their packet");
  Properties again;
  require(again.check(properties.raw(), where) == Fault::none, "sound properties are sound without their length");
  std::uint32_t left = static_cast<std::uint32_t>(properties.raw().size());
  for (Reader reader{properties.raw()}; !reader.at_end();) {
    const PropertyItem item = next_property(reader);
    require(properties.has(item.property), "a property that stands there is found");
    require(inside(item.bytes, properties.raw()) && inside(item.second, properties.raw()), "a value lies inside");
    require(reader.left() < left, "each property has a size");
    left = static_cast<std::uint32_t>(reader.left());
  }
}

// A decoder that finds no fault gives views of its body.
void check_connect(Bytes body) {
  Connect packet;
  if (decode(body, packet) != Fault::none) return;
  check_properties(packet.properties, body, packet_set::CONNECT);
  if (packet.has_will) check_properties(packet.will.properties, body, packet_set::WILL);
  for (const Bytes part : {as_bytes(packet.client_id), as_bytes(packet.username), packet.password,
                           as_bytes(packet.will.topic), packet.will.payload}) {
    require(inside(part, body), "a field of CONNECT lies inside it");
  }
}

void check_publish(Bytes body, std::uint8_t flags, const Receiver& receiver) {
  const FixedHeader header{PacketType::publish, flags, 2, static_cast<std::uint32_t>(body.size())};
  Publish packet;
  const Fault fault = decode(body, header, receiver.version, receiver.sender, packet);
  const std::uint32_t head = publish_head_size(body, header, receiver.version);
  require(head <= body.size(), "the head of a PUBLISH is no longer than it");
  if (fault != Fault::none) return;
  check_properties(packet.properties, body, packet_set::PUBLISH);
  require(inside(packet.topic, body) && inside(packet.payload, body), "topic and payload lie inside a PUBLISH");
  require(head + packet.payload.size() == body.size(), "the head of a PUBLISH ends where its payload begins");
  const std::uint32_t earlier = head > 0 ? head - 1 : 0;
  require(publish_head_size(ExactBytes{body.first(earlier)}, header, receiver.version) == 0, "half a head is none");
}

void check_filters(Bytes body, PacketType type, Version version) {
  FilterList packet;
  if (decode(body, {type, 2, 2, static_cast<std::uint32_t>(body.size())}, version, packet) != Fault::none) return;
  require(!packet.filters.empty() && inside(packet.filters, body), "there are filters, inside the packet");
  for (Bytes rest = packet.filters; !rest.empty();) {
    const std::size_t before = rest.size();
    const FilterItem item = next_filter(rest, type);
    require(rest.size() < before && inside(as_bytes(item.filter), body), "each filter lies inside");
    require(valid_filter(item.filter, version == Version::v5), "each filter is one");
  }
}

void check_rest(Bytes body, PacketType type, const Receiver& receiver) {
  const FixedHeader header{type, 0, 2, static_cast<std::uint32_t>(body.size())};
  Acknowledgement acknowledgement;
  CodeList codes;
  Notice notice;
  switch (type) {
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      if (decode(body, header, receiver.version, acknowledgement) != Fault::none) return;
      require(acknowledgement.id != 0, "a packet identifier is not 0");
      return check_properties(acknowledgement.properties, body, bit(type));
    case PacketType::suback:
    case PacketType::unsuback:
      if (decode(body, header, receiver.version, codes) != Fault::none) return;
      return require(inside(codes.codes, body), "codes lie inside");
    default:
      if (decode(body, header, receiver.version, receiver.sender, notice) != Fault::none) return;
      return check_properties(notice.properties, body, bit(type));
  }
}

// Every decoder, as if the header had asked for it.
void decode_all(Bytes bytes, const Receiver& receiver) {
  const ExactBytes body{bytes};
  check_connect(body);
  Connack connack;
  if (decode(body, receiver.version, connack) == Fault::none) {
    check_properties(connack.properties, body, packet_set::CONNACK);
  }
  constexpr std::uint8_t all_flags[] = {0x00, 0x02, 0x0D};
  for (const std::uint8_t flags : all_flags) check_publish(body, flags, receiver);
  for (const PacketType type : {PacketType::puback, PacketType::pubrec, PacketType::pubrel, PacketType::pubcomp,
                                PacketType::suback, PacketType::unsuback, PacketType::disconnect, PacketType::auth}) {
    check_rest(body, type, receiver);
  }
  check_filters(body, PacketType::subscribe, receiver.version);
  check_filters(body, PacketType::unsubscribe, receiver.version);
  const bool name = check_topic_name(body) == Fault::none;
  const bool filter = valid_filter(as_text(body));
  if (name && !bytes.empty() && bytes.size() <= 65'535 && !is_shared(as_text(body))) {
    require(filter == !as_text(body).starts_with("$share/"), "a name is a filter as well");
  }
}

void check_framing(Bytes bytes, const Receiver& receiver) {
  FixedHeader whole;
  const Fault fault = receiver.header(bytes, whole);
  for (std::size_t size = 0; size <= std::min<std::size_t>(bytes.size(), 6); ++size) {
    FixedHeader header;
    const Fault early = receiver.header(ExactBytes{bytes.first(size)}, header);
    require(early == Fault::none || early == fault, "a fault stays when more bytes follow");
    if (early != Fault::none || header.header_size == 0) continue;
    require(header.header_size <= size && header.header_size <= 5, "a header lies in what it was read from");
    require(header.size() == whole.size() && header.type == whole.type, "a header stays when more bytes follow");
    require(header.size() <= receiver.maximum_packet_size, "no packet is larger than it may be");
  }
}

// The packet that the bytes begin with, as it is when it is cut, alone, and followed by others.
void check_packet(Bytes bytes, const Receiver& receiver) {
  Buffer<std::uint32_t> words, other_words;
  const ExactBytes exact{bytes};
  const Inspection found = receiver.look(exact, words);
  require(found.fault == Fault::none || found.size == 0, "a faulty packet has no size");
  require(found.size <= bytes.size(), "a packet lies in its input");
  std::vector<std::uint8_t> more = copy_of(bytes);
  more.insert(more.end(), {0x30, 0x00, 0xFF});
  const Inspection with_more = receiver.look(more, other_words);
  if (found.fault != Fault::none) require(with_more.fault == found.fault, "a fault stays when more bytes follow");
  if (found.size == 0) return;
  require(with_more.size == found.size, "what follows a packet does not matter");
  require(std::equal(words.begin(), words.end(), other_words.begin(), other_words.end()), "… to its fields either");
  require(receiver.look(ExactBytes{bytes.first(found.size)}, other_words).size == found.size, "a packet needs no more");
  const std::uint32_t stride = found.size / 64 + 1;
  for (std::uint32_t cut = 0; cut < found.size; cut += stride) {
    const Inspection part = receiver.look(ExactBytes{bytes.first(cut)}, other_words);
    require(part.fault == Fault::none && part.size == 0, "a cut of a sound packet is unfinished");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::TimeLimit limit;
  if (size == 0) return 0;
  const Receiver receiver = receiver_of(data[0]);
  const Bytes bytes{data + 1, size - 1};
  check_framing(bytes, receiver);
  check_packet(bytes, receiver);
  decode_all(bytes, receiver);
  return 0;
}
