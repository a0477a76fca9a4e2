// The host's filters: their text, their options, and which of them the server holds.
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

  // The server holds it, with or without a Subscription Identifier (5.0 §3.8.2.1.2), or does not any more.
  void granted(std::uint32_t number, bool identified);
  void given_up(std::uint32_t number);

  // The server has lost it, and it is left to a SUBSCRIBE that waits to restore it.
  void set_lost(std::uint32_t number) { entries_[number].lost = true; }
  bool lost(std::uint32_t number) const { return defined(number) && entries_[number].lost; }
  bool held(std::uint32_t number) const { return defined(number) && entries_[number].held; }
  bool nameless(std::uint32_t number) const { return entries_[number].nameless; }

  // The host keeps it, as it is now, or does not any more. Says whether that is new.
  bool set_kept(std::uint32_t number, bool kept);

  std::uint32_t size() const { return entries_.size(); }  // numbers are below
  Router& router() { return router_; }

 private:
  struct Entry {
    char* filter;  // nullptr: not in use
    std::uint32_t size;
    std::uint8_t options;
    bool held;
    bool nameless;  // … without an identifier
    bool lost;
    bool kept;
    bool changed;  // … with other options
  };

  Buffer<Entry> entries_;
  Router router_;
};

}  // namespace tarta
