// Every wire vector through the native codec: the packet or the fault that is written there, at every cut "unfinished",
// and the same bytes when the packet is encoded again. tests/web/vectors.test.mjs does the same through WebAssembly.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "bytes.hpp"
#include "inspect.hpp"
#include "names.hpp"
#include "random.hpp"
#include "reencode.hpp"
#include "vectors.hpp"

using tarta::Bytes;
using tarta::ExactBytes;
using tarta::Fault;
using tarta::Sender;
using tarta::Vector;
using tarta::Version;

namespace {

// Where to cut: everywhere, but in a long packet only near its ends and now and then in between.
std::vector<std::size_t> cuts(std::size_t length) {
  const std::size_t near = length > 100'000 ? 8 : 64;
  const std::size_t stride = length > 2'000 ? length / 20 : 1;
  std::vector<std::size_t> all;
  for (std::size_t cut = 0; cut < length; ++cut) {
    if (cut < near || length - cut <= near || cut % stride == 0) all.push_back(cut);
  }
  return all;
}

// What the first packet among some bytes is.
struct Found {
  std::uint32_t size = 0;  // 0 and no fault: unfinished
  Fault fault = Fault::none;
  std::vector<std::uint32_t> words;

  bool unfinished() const { return size == 0 && fault == Fault::none; }
  bool operator==(const Found&) const = default;
};

// The conditions under which a vector is looked at.
struct Receiver {
  Version version;
  Sender from;
  std::uint32_t maximum_packet_size;

  Found look(Bytes bytes) const {
    const ExactBytes exact{bytes};
    tarta::Buffer<std::uint32_t> words;
    const tarta::Inspection result = tarta::inspect(exact, version, from, maximum_packet_size, words);
    if (result.size == 0) return {0, result.fault, {}};
    return {result.size, result.fault, {words.begin(), words.end()}};
  }

  std::vector<std::uint8_t> reencode(Bytes bytes, Fault& fault) const {
    const ExactBytes exact{bytes};
    auto result = tarta::reencode(exact, version, from, maximum_packet_size);
    fault = result.fault;
    return std::move(result.bytes);
  }

  // As it is when bytes come in parts: kept until they are a packet, or no longer can be one.
  template <class Parts>
  Found receive(Bytes bytes, const Parts& ends) const {
    std::vector<std::uint8_t> kept;
    Found found;
    for (const std::size_t end : ends) {
      kept.insert(kept.end(), bytes.begin() + static_cast<std::ptrdiff_t>(kept.size()),
                  bytes.begin() + static_cast<std::ptrdiff_t>(end));
      found = look(kept);
      if (!found.unfinished()) break;
    }
    return found;
  }
};

// Calls `check` with each vector under each of its versions. A check that fails does not end the test (CHECK, not
// REQUIRE), so that every vector that is wrong is named.
template <class Check>
void for_each_vector(Check check) {
  for (const Vector& vector : tarta::vectors()) {
    for (const Version version : vector.versions) {
      INFO(vector.file, ": ", vector.name, " (version ", static_cast<int>(version), ")");
      check(vector, Receiver{version, vector.from, vector.maximum_packet_size});
    }
  }
}

// Faults that the fixed header shows, so that they may be found before the packet is complete.
constexpr std::array early{Fault::packet_type_reserved, Fault::flags_reserved,   Fault::length_not_minimal,
                           Fault::length_too_long,      Fault::packet_too_large, Fault::wrong_direction,
                           Fault::publish_qos,          Fault::publish_dup};

bool is_early(Fault fault) { return std::find(early.begin(), early.end(), fault) != early.end(); }

// The packet of a vector with another body: the fixed header says its length again.
std::vector<std::uint8_t> with_body(const Vector& vector, Bytes body) {
  std::vector<std::uint8_t> bytes(5);
  bytes[0] = vector.bytes[0];
  tarta::Writer writer{bytes.data() + 1};
  writer.variable(static_cast<std::uint32_t>(body.size()));
  bytes.resize(static_cast<std::size_t>(writer.position() - bytes.data()));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

// The bytes after the fixed header of a vector that has a sound one.
Bytes body_of(const Vector& vector) {
  std::size_t header = 1;
  while (header < vector.bytes.size() && vector.bytes[header] >= 128) ++header;
  return Bytes{vector.bytes}.subspan(std::min(header + 1, vector.bytes.size()));
}

// Whatever bytes decode to a packet, encoding it gives bytes of the same packet, and both ways of decoding agree.
void check_sound(const Receiver& receiver, Bytes bytes) {
  const Found found = receiver.look(bytes);
  Fault fault = Fault::none;
  const std::vector<std::uint8_t> again = receiver.reencode(bytes, fault);
  const bool agree = fault == found.fault && again.empty() == (found.size == 0);
  if (!agree) FAIL_CHECK("decoded in two ways: ", tarta::hex(bytes));
  if (!agree || found.size == 0) return;
  const Found found_again = receiver.look(again);
  const bool same = found_again.size == again.size() &&
                    tarta::described(found_again.words, again) == tarta::described(found.words, bytes);
  if (!same) FAIL_CHECK(tarta::hex(bytes), " became ", tarta::hex(again));
}

}  // namespace

TEST_CASE("vectors: each is the packet or the fault that is written there") {
  for_each_vector([](const Vector& vector, const Receiver& receiver) {
    const Found found = receiver.look(vector.bytes);
    CHECK(found.fault == vector.fault);
    CHECK(found.size == (vector.fault == Fault::none ? vector.bytes.size() : 0));
    if (found.size > 0) CHECK(tarta::described(found.words, vector.bytes) == vector.packet);
  });
}

TEST_CASE("vectors: what stands behind a packet does not matter") {
  for_each_vector([](const Vector& vector, const Receiver& receiver) {
    std::vector<std::uint8_t> followed = vector.bytes;
    followed.insert(followed.end(), 64, 'a');
    CHECK((receiver.look(followed) == receiver.look(vector.bytes)));
  });
}

TEST_CASE("vectors: at every cut a packet is unfinished, unless its fixed header shows a fault") {
  for_each_vector([](const Vector& vector, const Receiver& receiver) {
    Fault seen = Fault::none;
    for (const std::size_t cut : cuts(vector.bytes.size())) {
      const Found found = receiver.look(Bytes{vector.bytes}.first(cut));
      if (seen == Fault::none && is_early(vector.fault)) seen = found.fault;  // from then on at each cut
      CAPTURE(cut);
      CHECK(found.fault == seen);
      CHECK(found.size == 0);
    }
    CHECK((seen == Fault::none || seen == vector.fault));
  });
}

TEST_CASE("vectors: byte by byte, and in any two parts, the result is the same") {
  for_each_vector([](const Vector& vector, const Receiver& receiver) {
    const Found whole = receiver.look(vector.bytes);
    std::vector<std::size_t> ends = cuts(vector.bytes.size());
    ends.push_back(vector.bytes.size());
    CHECK((receiver.receive(vector.bytes, ends) == whole));
    for (const std::size_t cut : ends) {
      CAPTURE(cut);
      CHECK((receiver.receive(vector.bytes, std::array{cut, vector.bytes.size()}) == whole));
    }
  });
}

TEST_CASE("vectors: encoded again, a canonical packet has the same bytes, another means the same") {
  for_each_vector([](const Vector& vector, const Receiver& receiver) {
    Fault fault = Fault::none;
    const std::vector<std::uint8_t> again = receiver.reencode(vector.bytes, fault);
    CHECK(fault == vector.fault);
    const bool same = again == vector.bytes;
    CHECK(same == (vector.fault == Fault::none && vector.canonical));
    if (again.empty()) return;
    const Found found = receiver.look(again);
    CHECK(found.size == again.size());
    if (found.size == 0) return;
    CHECK(tarta::described(found.words, again) == vector.packet);
  });
}

TEST_CASE("vectors: the head of a PUBLISH can be told as soon as it is there, without its payload") {
  for_each_vector([](const Vector& vector, const Receiver& receiver) {
    if (vector.fault != Fault::none || vector.bytes[0] >> 4 != static_cast<unsigned>(tarta::PacketType::publish))
      return;
    tarta::FixedHeader header;
    tarta::decode_header(vector.bytes, receiver.version, receiver.from, receiver.maximum_packet_size, header);
    const Bytes body = body_of(vector);
    tarta::Publish packet;
    const Fault fault = tarta::decode(body, header, receiver.version, receiver.from, packet);
    CHECK(fault == Fault::none);
    if (fault != Fault::none) return;
    const std::size_t head = body.size() - packet.payload.size();
    for (const std::size_t cut : cuts(body.size() + 1)) {
      CAPTURE(cut);
      const ExactBytes first{body.first(cut)};
      CHECK(tarta::publish_head_size(first, header, receiver.version) == (cut < head ? 0 : head));
    }
  });
}

// Statements: classes 1
TEST_CASE("vectors: a shorter or a longer body is never read past its end") {
  for_each_vector([](const Vector& vector, const Receiver& receiver) {
    if (is_early(vector.fault) || vector.bytes.size() > 10'000) return;
    const Bytes body = body_of(vector);
    for (const std::size_t cut : cuts(body.size())) check_sound(receiver, with_body(vector, body.first(cut)));
    static constexpr std::uint8_t extensions[] = {0x00, 0x01, 0x26, 0x61, 0x80, 0xFF};
    for (const std::uint8_t more : extensions) {
      std::vector<std::uint8_t> longer = tarta::copy_of(body);
      longer.push_back(more);
      check_sound(receiver, with_body(vector, longer));
    }
  });
}

TEST_CASE("vectors: with a byte changed they still are a packet or a fault") {
  tarta::Random random{"vectors, a byte changed"};
  for_each_vector([&](const Vector& vector, const Receiver& receiver) {
    if (vector.bytes.size() > 300) return;
    for (std::size_t at = 0; at < vector.bytes.size(); ++at) {
      std::vector<std::uint8_t> changed = vector.bytes;
      static constexpr std::uint8_t values[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
      changed[at] = random.one_in(2) ? values[random.below(5)] : static_cast<std::uint8_t>(random.next());
      check_sound(receiver, changed);
    }
  });
}
