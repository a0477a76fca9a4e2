// What decodes is encoded again, into exactly the bytes that encoded_size() says, and decoded again: the same packet.
#include <algorithm>

#include "bytes.hpp"
#include "fuzz.hpp"
#include "inspect.hpp"
#include "reencode.hpp"

using namespace tarta;
using fuzz::require;

namespace {

constexpr std::uint32_t no_limit = 5 + variable_maximum;

enum class Form { number, flag, text, data, properties, codes, filter };
constexpr Form forms[] = {
#define TARTA_FIELD(name, camel, form) Form::form,
#include "field.def"
#undef TARTA_FIELD
};

// Do two described packets (core/field.def) mean the same, each in its own bytes?
bool same(const Buffer<std::uint32_t>& a, Bytes in_a, const Buffer<std::uint32_t>& b, Bytes in_b) {
  if (a.size() != b.size() || a[0] != b[0]) return false;
  for (std::uint32_t i = 1; i < a.size(); i += 3) {
    require(a[i] < std::size(forms), "a field is one of the table");
    if (a[i] != b[i]) return false;
    const Form form = forms[a[i]];
    if (form == Form::number || form == Form::flag) {
      if (a[i + 1] != b[i + 1]) return false;
      continue;
    }
    require(std::uint64_t{a[i + 1]} + a[i + 2] <= in_a.size(), "a field lies in its packet");
    require(std::uint64_t{b[i + 1]} + b[i + 2] <= in_b.size(), "a field lies in its packet");
    const Bytes first = in_a.subspan(a[i + 1], a[i + 2]), second = in_b.subspan(b[i + 1], b[i + 2]);
    if (!std::equal(first.begin(), first.end(), second.begin(), second.end())) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::TimeLimit limit;
  if (size == 0) return 0;
  const auto version = static_cast<Version>(3 + data[0] % 3);
  const Sender sender = (data[0] & 64U) != 0 ? Sender::client : Sender::server;
  const ExactBytes bytes{Bytes{data + 1, size - 1}};
  Buffer<std::uint32_t> words, words_again;
  const Inspection found = inspect(bytes, version, sender, no_limit, words);
  const Reencoded encoded = reencode(bytes, version, sender, no_limit);
  require(encoded.fault == found.fault, "both ways of decoding find the same fault");
  require(encoded.bytes.empty() == (found.size == 0), "what decodes can be encoded");
  if (found.size == 0) return 0;

  // Only the shortest forms are written (5.0 §3.4.2.1).
  require(encoded.bytes.size() <= found.size, "encoded again, a packet is not longer");
  const ExactBytes exact{encoded.bytes};
  const Inspection found_again = inspect(exact, version, sender, no_limit, words_again);
  require(found_again.size == encoded.bytes.size(), "what is encoded decodes, as a whole");
  require(same(words, bytes, words_again, exact), "encoded again, a packet means the same");
  const Reencoded encoded_again = reencode(exact, version, sender, no_limit);
  require(encoded_again.bytes == encoded.bytes, "encoded once more, a packet has the same bytes");
  return 0;
}
