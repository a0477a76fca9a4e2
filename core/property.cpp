#include "property.hpp"

#include <algorithm>
#include <array>

namespace tarta {
namespace {

using namespace packet_set;

constexpr std::array<PropertyInfo, static_cast<std::size_t>(Property::count)> table{{
#define TARTA_PROPERTY(identifier, name, camel, type, rule, packets) \
  {identifier, PropertyType::type, PropertyRule::rule, packets},
#include "property.def"
#undef TARTA_PROPERTY
}};

// All identifiers are below.
constexpr std::uint32_t identifiers = [] {
  std::uint32_t largest = 0;
  for (const PropertyInfo& row : table) largest = std::max<std::uint32_t>(largest, row.identifier);
  return largest + 1;
}();

// Identifier -> property; `count` where there is none.
constexpr auto by_identifier = [] {
  std::array<Property, identifiers> map{};
  map.fill(Property::count);
  for (std::size_t i = 0; i < table.size(); ++i) map[table[i].identifier] = static_cast<Property>(i);
  return map;
}();

bool repeats(PropertyRule rule) { return rule == PropertyRule::repeat || rule == PropertyRule::nonzero_repeat; }

std::uint32_t read_number(Reader& reader, PropertyType type) {
  switch (type) {
    case PropertyType::byte:
      return reader.byte();
    case PropertyType::two_byte:
      return reader.two_byte();
    case PropertyType::four_byte:
      return reader.four_byte();
    default:
      return reader.variable();
  }
}

Fault check_number(PropertyRule rule, std::uint32_t number) {
  switch (rule) {
    case PropertyRule::boolean:
      return number > 1 ? Fault::property_value : Fault::none;
    case PropertyRule::nonzero:
    case PropertyRule::nonzero_repeat:
      return number == 0 ? Fault::property_value : Fault::none;
    case PropertyRule::alias:
      return number == 0 ? Fault::topic_alias_zero : Fault::none;
    default:
      return Fault::none;
  }
}

}  // namespace

const PropertyInfo& info(Property property) { return table[static_cast<std::size_t>(property)]; }

PropertyItem next_property(Reader& reader) {
  PropertyItem item{Property::count, 0, {}, {}};
  const std::uint32_t identifier = reader.variable();
  if (reader.fault() != Fault::none) return item;
  if (identifier < identifiers) item.property = by_identifier[identifier];
  if (item.property == Property::count) {
    reader.fail(Fault::property_unknown);
    return item;
  }
  switch (info(item.property).type) {
    case PropertyType::text:
      item.bytes = as_bytes(reader.text());
      break;
    case PropertyType::data:
      item.bytes = reader.data();
      break;
    case PropertyType::pair:
      item.bytes = as_bytes(reader.text());
      item.second = as_bytes(reader.text());
      break;
    default:
      item.number = read_number(reader, info(item.property).type);
  }
  return item;
}

void Properties::read(Reader& reader, std::uint32_t where) {
  const std::uint32_t size = reader.variable();
  const Bytes raw = reader.bytes(size);
  if (const Fault fault = check(raw, where); fault != Fault::none) reader.fail(fault);
}

Fault Properties::check(Bytes raw, std::uint32_t where) {
  raw_ = raw;
  present_ = 0;
  Reader reader{raw};
  decode(reader, where);
  return reader.fault();
}

void Properties::decode(Reader& reader, std::uint32_t where) {
  while (!reader.at_end()) {
    const PropertyItem item = next_property(reader);
    if (reader.fault() != Fault::none) return;
    const PropertyInfo& rule = info(item.property);
    if ((rule.packets & where) == 0) return reader.fail(Fault::property_misplaced);
    // One Subscription Identifier in SUBSCRIBE, any number of them in PUBLISH (5.0 §3.8.2.1.2, §3.3.2.3.8).
    const bool once = !repeats(rule.rule) || (rule.rule == PropertyRule::nonzero_repeat && where == SUBSCRIBE);
    if (once && has(item.property)) return reader.fail(Fault::property_repeated);
    if (const Fault fault = check_number(rule.rule, item.number); fault != Fault::none) return reader.fail(fault);

    present_ |= 1U << static_cast<unsigned>(item.property);
    Value& value = values_[static_cast<std::size_t>(item.property)];
    const bool holds_bytes = rule.type >= PropertyType::text;
    value.number = holds_bytes ? static_cast<std::uint32_t>(item.bytes.size()) : item.number;
    value.offset = holds_bytes ? static_cast<std::uint32_t>(item.bytes.data() - raw_.data()) : 0;
  }
}

std::uint32_t property_size(Property property, std::uint32_t number) {
  switch (info(property).type) {
    case PropertyType::byte:
      return 2;
    case PropertyType::two_byte:
      return 3;
    case PropertyType::four_byte:
      return 5;
    default:
      return 1 + variable_size(number);
  }
}

std::uint32_t property_size(Property, Bytes bytes) { return 3 + static_cast<std::uint32_t>(bytes.size()); }

void write_property(Writer& writer, Property property, std::uint32_t number) {
  writer.byte(info(property).identifier);
  switch (info(property).type) {
    case PropertyType::byte:
      return writer.byte(static_cast<std::uint8_t>(number));
    case PropertyType::two_byte:
      return writer.two_byte(static_cast<std::uint16_t>(number));
    case PropertyType::four_byte:
      return writer.four_byte(number);
    default:
      return writer.variable(number);
  }
}

void write_property(Writer& writer, Property property, Bytes bytes) {
  writer.byte(info(property).identifier);
  writer.data(bytes);
}

}  // namespace tarta
