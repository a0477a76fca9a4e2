// Bytes for tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "types.hpp"

namespace tarta {

// A copy in a heap block of exactly its size, so that AddressSanitizer sees every read past its end.
class ExactBytes {
 public:
  explicit ExactBytes(Bytes bytes);
  ExactBytes(std::initializer_list<std::uint8_t> bytes) : ExactBytes(Bytes{bytes.begin(), bytes.size()}) {}
  explicit ExactBytes(std::string_view text) : ExactBytes(as_bytes(text)) {}

  Bytes view() const { return {block_.get(), size_}; }
  operator Bytes() const { return view(); }

 private:
  std::unique_ptr<std::uint8_t[]> block_;
  std::size_t size_;
};

inline std::vector<std::uint8_t> copy_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// "20 02 00 00", for comparing with messages that can be read.
std::string hex(Bytes bytes);

// The bytes of such a text; `41*300` is 41 three hundred times.
std::vector<std::uint8_t> from_hex(std::string_view text);

}  // namespace tarta
