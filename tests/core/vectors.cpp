#include "vectors.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bytes.hpp"
#include "names.hpp"

namespace tarta {
namespace {

using Json = nlohmann::ordered_json;
using Fields = std::map<std::string, Json>;

std::string text_of(const Fields& fields) {
  Json object = Json::object();
  for (const auto& [name, value] : fields) object[name] = value;
  return object.dump();
}

// --- the tables ------------------------------------------------------------------------------------------------------

constexpr std::string_view types[] = {"",        "connect",  "connack",    "publish", "puback",      "pubrec",
                                      "pubrel",  "pubcomp",  "subscribe",  "suback",  "unsubscribe", "unsuback",
                                      "pingreq", "pingresp", "disconnect", "auth"};

enum class Form { number, flag, text, data, properties, codes, filter };

struct FieldRow {
  const char* name;
  Form form;
};
constexpr FieldRow fields[] = {
#define TARTA_FIELD(name, camel, form) {#camel, Form::form},
#include "field.def"
#undef TARTA_FIELD
};

enum class ValueForm { byte, two_byte, four_byte, variable, text, data, pair };

struct PropertyRow {
  unsigned identifier;
  const char* name;
  ValueForm form;
  std::string_view rule;

  bool repeats() const { return rule.find("repeat") != std::string_view::npos; }
};
constexpr PropertyRow properties[] = {
#define TARTA_PROPERTY(identifier, name, camel, type, rule, packets) {identifier, #camel, ValueForm::type, #rule},
#include "property.def"
#undef TARTA_PROPERTY
};

// --- a described packet as JSON --------------------------------------------------------------------------------------

std::string digits(Bytes bytes) {
  std::string text = hex(bytes);
  std::erase(text, ' ');
  return text;
}

std::string string_of(Bytes bytes) { return std::string{as_text(bytes)}; }

// Reads properties without the core's reader, so that a mistake there shows here.
class PropertyBytes {
 public:
  explicit PropertyBytes(Bytes bytes) : left_(bytes) {}

  bool any() const { return !left_.empty(); }

  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : take(size)) value = value << 8 | byte;
    return value;
  }
  std::uint32_t variable() {
    std::uint32_t value = 0, weight = 1;
    for (;; weight *= 128) {
      const std::uint8_t byte = take(1)[0];
      value += (byte & 127U) * weight;
      if (byte < 128) return value;
    }
  }
  Bytes data() { return take(number(2)); }

 private:
  Bytes take(std::size_t size) {
    if (size > left_.size()) throw std::out_of_range("a property reaches past the end");
    const Bytes taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

  Bytes left_;
};

Json value_of(PropertyBytes& bytes, ValueForm form) {
  switch (form) {
    case ValueForm::byte:
      return bytes.number(1);
    case ValueForm::two_byte:
      return bytes.number(2);
    case ValueForm::four_byte:
      return bytes.number(4);
    case ValueForm::variable:
      return bytes.variable();
    case ValueForm::text:
      return string_of(bytes.data());
    case ValueForm::data:
      return digits(bytes.data());
    case ValueForm::pair:
      break;
  }
  const std::string name = string_of(bytes.data());
  return Json::array({name, string_of(bytes.data())});
}

Json properties_of(Bytes raw) {
  Json object = Json::object();
  for (PropertyBytes bytes{raw}; bytes.any();) {
    const std::uint32_t identifier = bytes.variable();
    const auto row = std::find_if(std::begin(properties), std::end(properties),
                                  [&](const PropertyRow& one) { return one.identifier == identifier; });
    if (row == std::end(properties)) throw std::out_of_range("an unknown property");
    const std::string name = row->name;
    if (!row->repeats() && object.contains(name)) throw std::out_of_range(name + " twice");
    Json value = value_of(bytes, row->form);
    if (row->repeats()) {
      object[name].push_back(std::move(value));
    } else {
      object[name] = std::move(value);
    }
  }
  return object;
}

Json value_of(Form form, std::uint32_t number, Bytes bytes) {
  switch (form) {
    case Form::number:
      return number;
    case Form::flag:
      return number != 0;
    case Form::data:
      return digits(bytes);
    case Form::properties:
      return properties_of(bytes);
    case Form::codes:
      return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
    case Form::text:
    case Form::filter:
      break;
  }
  return string_of(bytes);
}

// --- reading vectors -------------------------------------------------------------------------------------------------

// With each { "repeat": [what, times] } written out.
Json expanded(const Json& value) {
  if (!value.is_structured()) return value;
  if (value.is_object() && value.contains("repeat")) {
    const auto what = value["repeat"][0].get<std::string>();
    std::string text;
    for (auto times = value["repeat"][1].get<std::size_t>(); times > 0; --times) text += what;
    return text;
  }
  Json copy = value;
  for (auto& inner : copy) inner = expanded(inner);
  return copy;
}

Vector vector_of(const Json& row, const std::string& file) {
  Vector vector;
  vector.file = file;
  vector.name = row.at("name");
  vector.from = row.at("from") == "client" ? Sender::client : Sender::server;
  vector.bytes = from_hex(row.at("bytes").get<std::string>());
  vector.canonical = row.value("canonical", true);
  vector.maximum_packet_size = row.value("maximumPacketSize", vector.maximum_packet_size);
  for (const unsigned version : row.at("versions")) vector.versions.push_back(static_cast<Version>(version));
  if (row.contains("fault")) {
    vector.fault = fault_named(row["fault"].get<std::string>());
    return vector;
  }
  const Json packet = expanded(row.at("packet"));
  vector.packet = text_of(packet.get<Fields>());
  // A CONNECT that is accepted says its version itself.
  if (packet.at("type") == "connect") vector.versions = {Version::v3_1, Version::v3_1_1, Version::v5};
  return vector;
}

std::vector<Vector> read_vectors() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{TARTA_VECTORS}) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Vector> all;
  for (const auto& file : files) {
    std::ifstream stream{file};
    const Json content = Json::parse(stream);
    for (const Json& row : content.at("vectors")) all.push_back(vector_of(row, file.stem().string()));
  }
  return all;
}

}  // namespace

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = read_vectors();
  return all;
}

std::string described(std::span<const std::uint32_t> words, Bytes input) {
  if (words.size() % 3 != 1 || words[0] >= std::size(types)) throw std::out_of_range("not a described packet");
  Fields packet{{"type", types[words[0]]}};
  for (std::size_t i = 1; i < words.size(); i += 3) {
    if (words[i] >= std::size(fields)) throw std::out_of_range("an unknown field");
    const FieldRow& field = fields[words[i]];
    const bool counted = field.form == Form::number || field.form == Form::flag;
    if (!counted && std::uint64_t{words[i + 1]} + words[i + 2] > input.size()) throw std::out_of_range(field.name);
    Json value = value_of(field.form, words[i + 1], counted ? Bytes{} : input.subspan(words[i + 1], words[i + 2]));
    const std::string name = field.name;
    if (field.form == Form::filter && packet["type"] == "subscribe") {
      packet["subscriptions"].push_back({{"filter", std::move(value)}});
    } else if (field.form == Form::filter) {
      packet["filters"].push_back(std::move(value));
    } else if (name == "options") {
      packet["subscriptions"].back()["options"] = std::move(value);
    } else if (!packet.emplace(name, std::move(value)).second) {
      throw std::out_of_range(name + " twice");
    }
  }
  return text_of(packet);
}

}  // namespace tarta
