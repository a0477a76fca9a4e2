// Walks the records of a session and checks that each is what core/event.def says, and points to what is there.
#pragma once

#include <functional>

#include "records.hpp"
#include "types.hpp"

namespace tarta::fuzz {

// What offsets may point to: `tail` bytes before `area`, `available` bytes in it, `total` bytes of the message, of
// which those beyond `available` are the host's. Nothing, for calls that report nothing of a message.
struct Window {
  const std::uint8_t* area = nullptr;
  std::uint32_t tail = 0;
  std::uint32_t available = 0;
  std::uint32_t total = 0;
};

struct Record {
  Event event;
  unsigned flags;
  std::span<const std::uint32_t> words;  // without its first, or first two
};

void walk(std::span<const std::uint32_t> words, const Window& window, Bytes blobs,
          const std::function<void(const Record&)>& handle);

}  // namespace tarta::fuzz
