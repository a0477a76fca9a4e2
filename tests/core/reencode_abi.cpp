// reencode() as a WebAssembly export, for the module of the tests (codec-test.wasm): the vectors are encoded there too.
#include "reencode.hpp"

using tarta::Sender;
using tarta::Version;

namespace {

// What the last call gave; valid until the next.
tarta::Reencoded last;

struct Result {
  std::uint32_t fault;  // the order of core/fault.def
  const std::uint8_t* bytes;
  std::uint32_t size;
} result;

}  // namespace

// `packet` is in memory that scratch() gave. Says where the Result is.
extern "C" __attribute__((export_name("reencode"))) const Result* tarta_reencode(const std::uint8_t* packet,
                                                                                 std::uint32_t length,
                                                                                 std::uint32_t version,
                                                                                 std::uint32_t from_client,
                                                                                 std::uint32_t maximum_packet_size) {
  const Sender from = from_client != 0 ? Sender::client : Sender::server;
  last = tarta::reencode({packet, length}, static_cast<Version>(version), from, maximum_packet_size);
  result = {static_cast<std::uint32_t>(last.fault), last.bytes.data(), static_cast<std::uint32_t>(last.bytes.size())};
  return &result;
}
