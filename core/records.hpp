// The records that a session hands to its host (event.def), as one row of 32-bit words.
#pragma once

#include "buffer.hpp"
#include "types.hpp"

namespace tarta {

enum class Event : std::uint8_t {
#define TARTA_EVENT(number, name, words, meaning) name = number,
#include "event.def"
#undef TARTA_EVENT
};

// Where bytes lie, counted from the first byte of the last receive(); nothing has length 0.
struct Place {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

class Records {
 public:
  static constexpr std::uint32_t full_at = 16'000;  // words, after which the host walks before more are made

  // Room for the record that tells that there is no memory for others. False: there is not even that.
  bool prepare() { return words_.reserve(few); }

  const Buffer<std::uint32_t>& words() const { return words_; }
  bool full() const { return words_.size() >= full_at; }
  bool failed() const { return words_.failed(); }
  void clear() { words_.clear(); }

  // Gives back what many records have needed; called while there are none.
  void rest() {
    Buffer<std::uint32_t> small;
    if (words_.capacity() > few && !words_.failed() && small.reserve(few)) words_.swap(small);
  }

  // A record of up to seven words, the first included.
  template <class... Words>
  void add(Event event, unsigned flags, Words... words) {
    put(head(event, flags, 1 + sizeof...(words)), static_cast<std::uint32_t>(words)...);
  }

  // The same for the one that comes with each message: in place.
  template <class... Words>
  void add_message(unsigned flags, Words... words) {
    constexpr std::uint32_t count = 1 + sizeof...(words);
    if (std::uint32_t* at = words_.extend(count)) {
      *at++ = head(Event::message, flags, count);
      ((*at++ = static_cast<std::uint32_t>(words)), ...);
    }
  }

  // A record of any length: begin(), push() the words, end().
  void begin(Event event) {
    start_ = words_.size();
    whole_ = words_.push(head(event, 0, 0));
    push(0);  // the long form's count; taken out again by end() if the short form does
  }
  void push(std::uint32_t word) { whole_ = whole_ && words_.push(word); }
  void push(Place place) {
    push(place.offset);
    push(place.length);
  }
  void end() {
    if (!whole_) return words_.truncate(start_);
    const std::uint32_t count = words_.size() - start_;
    if (count > 0xFFFF) {
      words_[start_ + 1] = count;
      return;
    }
    std::memmove(&words_[start_ + 1], &words_[start_ + 2], (count - 2) * sizeof(std::uint32_t));
    words_.truncate(words_.size() - 1);
    words_[start_] |= (count - 1) << 16;
  }

 private:
  TARTA_COLD void put(std::uint32_t head, std::uint32_t a = 0, std::uint32_t b = 0, std::uint32_t c = 0,
                      std::uint32_t d = 0, std::uint32_t e = 0, std::uint32_t f = 0) {
    const std::uint32_t words[] = {head, a, b, c, d, e, f};
    words_.append({words, head >> 16});
  }

  static std::uint32_t head(Event event, unsigned flags, std::uint32_t count) {
    return static_cast<std::uint32_t>(event) | flags << 8 | count << 16;
  }

  static constexpr std::uint32_t few = 6;  // words of CLOSED

  Buffer<std::uint32_t> words_;
  std::uint32_t start_ = 0;
  bool whole_ = true;  // the record that was begun
};

}  // namespace tarta
