// The host's filters: their text, their options, and which of them the server is asked to hold.
#pragma once

#include "router.hpp"

namespace tarta {

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

  // Is the server to hold it? Then one that has lost our session is asked again.
  bool wanted(std::uint32_t number) const { return defined(number) && entries_[number].wanted; }
  void set_wanted(std::uint32_t number, bool wanted) {
    if (defined(number)) entries_[number].wanted = wanted;
  }

  std::uint32_t size() const { return entries_.size(); }  // numbers are below
  Router& router() { return router_; }

 private:
  struct Entry {
    char* filter;  // nullptr: not in use
    std::uint32_t size;
    std::uint8_t options;
    bool wanted;
  };

  Buffer<Entry> entries_;
  Router router_;
};

}  // namespace tarta
