// The properties of MQTT 5.0 (§2.2.2), from the table property.def.
//
// Decoding checks all properties of a packet in one pass (known, allowed there, not repeated, value allowed) and keeps
// where each one stands; numbers are kept by value. Of a property that may repeat, the last one is kept; all are found
// by walking `raw`. Views point into the packet.
#pragma once

#include "wire.hpp"

namespace tarta {

// The properties in the order of the table.
enum class Property : std::uint8_t {
#define TARTA_PROPERTY(identifier, name, camel, type, rule, packets) name,
#include "property.def"
#undef TARTA_PROPERTY
  count,
};

enum class PropertyType : std::uint8_t { byte, two_byte, four_byte, variable, text, data, pair };
enum class PropertyRule : std::uint8_t { any, boolean, nonzero, alias, repeat, nonzero_repeat };

struct PropertyInfo {
  std::uint8_t identifier;  // 5.0 §2.2.2.2
  PropertyType type;
  PropertyRule rule;
  std::uint32_t packets;  // packet_set
};

const PropertyInfo& info(Property property);

class Properties {
 public:
  // Reads the length and the properties of a packet (`where` is one of packet_set).
  void read(Reader& reader, std::uint32_t where);

  // Checks properties that come without their length.
  Fault check(Bytes raw, std::uint32_t where);

  bool empty() const { return raw_.empty(); }
  Bytes raw() const { return raw_; }  // without the length prefix

  bool has(Property property) const { return (present_ >> static_cast<unsigned>(property) & 1U) != 0; }

  std::uint32_t number(Property property, std::uint32_t otherwise) const {
    return has(property) ? values_[static_cast<std::size_t>(property)].number : otherwise;
  }

  // Of a text or data property: its bytes, without their length. Empty if it is not there.
  Bytes bytes(Property property) const {
    if (!has(property)) return {};
    const Value& value = values_[static_cast<std::size_t>(property)];
    return raw_.subspan(value.offset, value.number);
  }
  std::string_view text(Property property) const { return as_text(bytes(property)); }

 private:
  struct Value {
    std::uint32_t number;  // the number, or the size of the bytes
    std::uint32_t offset;  // of the bytes, in raw_
  };
  void decode(Reader& reader, std::uint32_t where);

  Bytes raw_{};
  std::uint32_t present_ = 0;  // a bit for each
  static_assert(static_cast<std::size_t>(Property::count) <= 32);
  Value values_[static_cast<std::size_t>(Property::count)];  // read only where present_ says so
};

// One property after the other, of bytes that have been checked.
struct PropertyItem {
  Property property;
  std::uint32_t number;  // of the integer types
  Bytes bytes;           // of text and data, and the name of a pair
  Bytes second;          // the value of a pair
};
PropertyItem next_property(Reader& reader);

// Size and writing of one property, identifier included.
std::uint32_t property_size(Property property, std::uint32_t number);
std::uint32_t property_size(Property property, Bytes bytes);
void write_property(Writer& writer, Property property, std::uint32_t number);
void write_property(Writer& writer, Property property, Bytes bytes);

}  // namespace tarta
