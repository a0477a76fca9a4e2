#include "bytes.hpp"

#include <charconv>
#include <cstring>
#include <stdexcept>

namespace tarta {

ExactBytes::ExactBytes(Bytes bytes) : block_(new std::uint8_t[bytes.size()]), size_(bytes.size()) {
  if (size_ > 0) std::memcpy(block_.get(), bytes.data(), size_);
}

std::string hex(Bytes bytes) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ' ';
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::vector<std::uint8_t> from_hex(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](auto& value, int base) {
    const auto [rest, error] = std::from_chars(at, end, value, base);
    if (error != std::errc{}) throw std::invalid_argument("not bytes: " + std::string{text});
    at = rest;
  };
  while (at != end) {
    std::uint8_t byte = 0;
    std::size_t count = 1;
    number(byte, 16);
    if (at != end && *at == '*') {
      ++at;
      number(count, 10);
    }
    bytes.insert(bytes.end(), count, byte);
    if (at == end) break;
    if (*at != ' ' && *at != ',') throw std::invalid_argument("not bytes: " + std::string{text});
    ++at;
  }
  return bytes;
}

}  // namespace tarta
