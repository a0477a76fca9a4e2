// The wire vectors of tests/vectors, and described packets (core/field.def) in the same form, so that the two can be
// compared as text. tests/vectors/README.md says how a vector is written.
#pragma once

#include <string>
#include <vector>

#include "types.hpp"

namespace tarta {

struct Vector {
  std::string file;
  std::string name;
  std::vector<Version> versions;  // under which it is decoded
  Sender from = Sender::server;
  std::vector<std::uint8_t> bytes;
  std::string packet;  // as JSON, fields in alphabetical order, properties in that of the wire; empty: a fault
  Fault fault = Fault::none;
  bool canonical = true;
  std::uint32_t maximum_packet_size = 16'777'216;
};

// All of them, read once. Throws if a file is not as the README says.
const std::vector<Vector>& vectors();

// What inspect() wrote about the packet in `input`, as `Vector::packet` is written. Throws if a place lies outside of
// it.
std::string described(std::span<const std::uint32_t> words, Bytes input);

}  // namespace tarta
