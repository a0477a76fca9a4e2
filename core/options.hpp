// The options of a session (option.def), set by number, so that a new one is a line in the table.
#pragma once

#include "buffer.hpp"
#include "types.hpp"

namespace tarta {

enum class NumberOption : std::uint8_t {
#define TARTA_NUMBER(name, camel, initial, meaning) name,
#define TARTA_BYTES(name, camel, meaning)
#include "option.def"
#undef TARTA_NUMBER
#undef TARTA_BYTES
  count,
};

enum class BytesOption : std::uint8_t {
#define TARTA_NUMBER(name, camel, initial, meaning)
#define TARTA_BYTES(name, camel, meaning) name,
#include "option.def"
#undef TARTA_NUMBER
#undef TARTA_BYTES
  count,
};

// The options that are numbers, at first their defaults.
struct Numbers {
  std::uint32_t values[static_cast<std::size_t>(NumberOption::count)] = {
#define TARTA_NUMBER(name, camel, initial, meaning) initial,
#define TARTA_BYTES(name, camel, meaning)
#include "option.def"
#undef TARTA_NUMBER
#undef TARTA_BYTES
  };

  std::uint32_t operator[](NumberOption option) const { return values[static_cast<std::size_t>(option)]; }
};

class Options {
 public:
  const Numbers& numbers() const { return numbers_; }
  std::uint32_t operator[](NumberOption option) const { return numbers_[option]; }
  Bytes operator[](BytesOption option) const {
    return Bytes{bytes_}.subspan(place_of(option), sizes_[static_cast<std::size_t>(option)]);
  }
  bool has(BytesOption option) const { return (present_ >> static_cast<unsigned>(option) & 1U) != 0; }

  // Error::invalid_argument when the value is not one that the protocol has.
  Error set(NumberOption option, std::uint32_t value);
  Error set(BytesOption option, Bytes value);
  void clear(BytesOption option);

 private:
  std::uint32_t place_of(BytesOption option) const;
  bool put(BytesOption option, Bytes value);

  Numbers numbers_;
  std::uint32_t present_ = 0;
  Buffer<std::uint8_t> bytes_;  // of all options, one behind the other: most sessions set few
  std::uint16_t sizes_[static_cast<std::size_t>(BytesOption::count)] = {};
};

}  // namespace tarta
