#include "notation.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <sstream>
#include <stdexcept>

#include "encode.hpp"
#include "inspect.hpp"

namespace notation {
namespace {

using namespace tarta;

constexpr std::array<const char*, 16> type_names{
    "reserved",  "connect", "connack",     "publish",  "puback",  "pubrec",   "pubrel",     "pubcomp",
    "subscribe", "suback",  "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"};

enum class Form : std::uint8_t { number, flag, text, data, properties, codes, filter };
struct FieldInfo {
  const char* name;
  Form form;
};
constexpr std::array field_infos{
#define TARTA_FIELD(name, camel, form) FieldInfo{#camel, Form::form},
#include "field.def"
#undef TARTA_FIELD
};

// A user name or a password may be there without a character (5.0 §3.1.3.5, §3.1.3.6). The other fields are there
// whenever their packet is, or never empty: left out when they are empty.
bool shown_empty(std::uint32_t number) {
  const auto field = static_cast<Field>(number);
  return field == Field::username || field == Field::password;
}

constexpr std::array property_names{
#define TARTA_PROPERTY(identifier, name, camel, type, rule, packets) #camel,
#include "property.def"
#undef TARTA_PROPERTY
};

// name=value pairs of a line, flags with an empty value; user properties and filters may stand more than once.
using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs_of(const std::vector<std::string>& line) {
  Pairs pairs;
  for (std::size_t i = 1; i < line.size(); ++i) {
    const std::size_t equals = line[i].find('=');
    if (equals == std::string::npos) {
      pairs.emplace_back(line[i], "1");
    } else {
      pairs.emplace_back(line[i].substr(0, equals), line[i].substr(equals + 1));
    }
  }
  return pairs;
}

class Arguments {
 public:
  explicit Arguments(Pairs pairs) : pairs_(std::move(pairs)) {}

  std::string text(const std::string& name, const std::string& otherwise = "") {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (pairs_[i].first != name) continue;
      std::string value = pairs_[i].second;
      pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
      return value;
    }
    return otherwise;
  }
  std::uint32_t number(const std::string& name, std::uint32_t otherwise = 0) {
    const std::string value = text(name);
    return value.empty() ? otherwise : static_cast<std::uint32_t>(std::stoul(value, nullptr, 0));
  }
  const Pairs& rest() const { return pairs_; }

 private:
  Pairs pairs_;
};

std::vector<std::uint8_t> bytes_of(const std::string& value) {
  if (!value.starts_with("0x")) return {value.begin(), value.end()};
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 2; i + 1 < value.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(value.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

void append_property(std::vector<std::uint8_t>& to, const std::string& name, const std::string& value) {
  const auto at = std::find(property_names.begin(), property_names.end(), name);
  if (at == property_names.end()) throw std::runtime_error("no field or property is called " + name);
  const auto property = static_cast<Property>(at - property_names.begin());
  std::vector<std::uint8_t> room(value.size() + 16);
  Writer writer{room.data()};
  switch (info(property).type) {
    case PropertyType::text:
    case PropertyType::data:
      write_property(writer, property, bytes_of(value));
      break;
    case PropertyType::pair: {
      const std::size_t colon = value.find(':');
      write_property(writer, property, bytes_of(value.substr(0, colon)));
      writer.data(bytes_of(value.substr(colon + 1)));
      break;
    }
    default:
      write_property(writer, property, static_cast<std::uint32_t>(std::stoul(value, nullptr, 0)));
  }
  to.insert(to.end(), room.data(), writer.position());
}

template <class Packet, class... More>
std::vector<std::uint8_t> encoded(const Packet& packet, More... more) {
  std::vector<std::uint8_t> bytes(encoded_size(packet, more...));
  Writer writer{bytes.data()};
  tarta::encode(writer, packet, more...);
  return bytes;
}

}  // namespace

std::vector<std::string> words(const std::string& line) {
  std::vector<std::string> result;
  std::string word;
  bool quoted = false, any = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any) result.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (any) result.push_back(word);
  return result;
}

std::string hex(unsigned byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", byte);
  return text;
}

std::string quote(Bytes bytes) {
  const bool printable = std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t c) { return c >= 0x20 && c < 0x7F; });
  if (!printable) {
    std::string text = "0x";
    for (const std::uint8_t c : bytes) text += hex(c).substr(2);
    return text;
  }
  const std::string text{as_text(bytes)};
  return text.empty() || text.find(' ') != std::string::npos ? '"' + text + '"' : text;
}

std::string describe_properties(Bytes raw) {
  std::string text;
  for (Reader reader{raw}; !reader.at_end();) {
    const PropertyItem item = next_property(reader);
    text += std::string{" "} + property_names[static_cast<std::size_t>(item.property)] + "=";
    const PropertyType type = info(item.property).type;
    if (type < PropertyType::text) {
      text += std::to_string(item.number);
    } else {
      text += quote(item.bytes);
      if (type == PropertyType::pair) text += ":" + quote(item.second);
    }
  }
  return text;
}

std::string describe(Bytes packet, Version version, Sender sender) {
  Buffer<std::uint32_t> fields;
  const Inspection inspection = inspect(packet, version, sender, 5 + variable_maximum, fields);
  if (inspection.size == 0) return "(no packet)";
  std::string text = type_names[fields[0]];
  for (std::uint32_t i = 1; i < fields.size(); i += 3) {
    const FieldInfo& field = field_infos[fields[i]];
    const std::uint32_t value = fields[i + 1];
    const std::string name = std::string{" "} + field.name;
    const bool bytes = field.form != Form::number && field.form != Form::flag;
    const Bytes view = bytes ? packet.subspan(value, fields[i + 2]) : Bytes{};
    switch (field.form) {
      case Form::number:
        if (value != 0) text += name + "=" + (name == " reasonCode" ? hex(value) : std::to_string(value));
        break;
      case Form::flag:
        if (value != 0) text += name;
        break;
      case Form::properties:
        text += describe_properties(view);
        break;
      case Form::codes:
        for (const std::uint8_t code : view) text += " " + hex(code);
        break;
      default:
        if (!view.empty() || shown_empty(fields[i])) text += name + "=" + quote(view);
    }
  }
  return text;
}

std::vector<std::uint8_t> encode(const std::string& line, Version version) {
  const std::vector<std::string> all = words(line);
  const auto at = std::find(type_names.begin(), type_names.end(), all.at(0));
  if (at == type_names.end()) throw std::runtime_error("no packet is called " + all[0]);
  const auto type = static_cast<PacketType>(at - type_names.begin());
  if (type == PacketType::pingresp || type == PacketType::pingreq) {
    return {static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4), 0};
  }

  Arguments arguments{pairs_of(all)};
  const auto id = static_cast<std::uint16_t>(arguments.number("packetIdentifier"));
  const auto reason = static_cast<std::uint8_t>(arguments.number("reasonCode"));
  const auto qos = static_cast<std::uint8_t>(arguments.number("qos"));
  const bool retain = arguments.number("retain") != 0, dup = arguments.number("dup") != 0;
  const bool session_present = arguments.number("sessionPresent") != 0;
  const std::vector<std::uint8_t> topic = bytes_of(arguments.text("topic")),
                                  payload = bytes_of(arguments.text("payload"));
  std::vector<std::uint8_t> raw, codes;
  for (const auto& [name, value] : arguments.rest()) {
    if (name.starts_with("0x")) {
      codes.push_back(static_cast<std::uint8_t>(std::stoul(name, nullptr, 0)));
    } else {
      append_property(raw, name, value);
    }
  }
  // Properties that a packet may not bear are written all the same: that is what some scripts are about.
  Properties properties;
  properties.check(raw, ~0U);

  switch (type) {
    case PacketType::connack:
      return encoded(Connack{session_present, reason, properties}, version);
    case PacketType::publish:
      return encoded(Publish{dup, qos, retain, topic, id, properties, payload}, version);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return encoded(Acknowledgement{type, id, reason, properties}, version);
    case PacketType::suback:
    case PacketType::unsuback:
      return encoded(CodeList{type, id, properties, codes}, version);
    case PacketType::disconnect:
    case PacketType::auth:
      return encoded(Notice{type, reason, properties}, version);
    default:
      throw std::runtime_error("a server does not send " + all[0]);
  }
}

}  // namespace notation
