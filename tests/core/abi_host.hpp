// A host of the C ABI, for its tests: it holds one session, and calls nothing but what wasm/tarta.h has.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "names.hpp"
#include "tarta.h"

namespace tarta {

// A record (core/event.def) without its first word.
struct Record {
  unsigned kind;
  unsigned flags;
  std::vector<std::uint32_t> words;
};

class AbiHost {
 public:
  explicit AbiHost(std::uint32_t seed = 1) : session_(tarta_create(seed, 2)) {}
  AbiHost(const AbiHost&) = delete;
  AbiHost& operator=(const AbiHost&) = delete;
  ~AbiHost() { tarta_destroy(session_); }

  operator tarta_session*() { return session_; }
  const tarta_status& status() { return *tarta_status_of(session_); }
  Error error() { return static_cast<Error>(status().error); }

  // Puts arguments into the scratch area; their length.
  std::uint32_t put(Bytes bytes);
  std::uint32_t put(std::string_view text) { return put(as_bytes(text)); }
  std::uint32_t put_numbers(std::initializer_list<std::uint32_t> numbers);  // how many

  // What is to be sent, as it is to be written on the wire; then it counts as sent.
  std::string sent();

  // A whole message of the server, without the payloads that are the host's.
  std::uint32_t receive(Bytes message);
  std::uint32_t receive(std::string_view hexadecimal) { return receive(from_hex(hexadecimal)); }

  // Where the message of the last receive() was put.
  const std::uint8_t* area() const { return area_; }

  // The records of the last call that writes them. Throws where they are not what event.def says.
  std::vector<Record> records();

  // Opens the transport, keeps the client where that is asked for, and lets the server accept; what was sent and
  // recorded is gone.
  void connect(unsigned version, double now = 0);

 private:
  tarta_session* session_;
  const std::uint8_t* area_ = nullptr;
};

}  // namespace tarta
