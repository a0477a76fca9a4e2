// The host's filters: their text, their options, and which of them the server is asked to hold.
#pragma once

#include "router.hpp"

namespace tarta {

enum class Subscribed : std::uint8_t {
  no,       // not defined, or only matched
  asked,    // SUBSCRIBE is under way or waits
  granted,  // the server holds it; a server without our session is asked again
};

class Subscriptions {
 public:
  explicit Subscriptions(std::uint64_t salt) : router_(salt) {}
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;
  ~Subscriptions();

  // `filter` is valid. A number that is in use gets new options; its filter must be the same. False without memory.
  bool define(std::uint32_t number, std::string_view filter, std::uint8_t options);
  void forget(std::uint32_t number);

  bool defined(std::uint32_t number) const { return number < entries_.size() && entries_[number].filter != nullptr; }
  std::string_view filter(std::uint32_t number) const { return {entries_[number].filter, entries_[number].size}; }
  std::uint8_t options(std::uint32_t number) const { return entries_[number].options; }
  Subscribed state(std::uint32_t number) const { return entries_[number].state; }
  void set_state(std::uint32_t number, Subscribed state) {
    if (defined(number)) entries_[number].state = state;
  }

  std::uint32_t size() const { return entries_.size(); }  // numbers are below
  Router& router() { return router_; }

 private:
  struct Entry {
    char* filter;  // nullptr: not in use
    std::uint32_t size;
    std::uint8_t options;
    Subscribed state;
  };

  Buffer<Entry> entries_;
  Router router_;
};

}  // namespace tarta
