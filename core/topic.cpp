#include "topic.hpp"

#include "utf8.hpp"

namespace tarta {
namespace {

constexpr std::string_view share = "$share/";  // 5.0 §4.8.2
constexpr std::size_t longest = 65'535;        // bytes of a string, 5.0 §1.5.4

bool contains_wildcard(std::string_view text) { return text.find_first_of("+#") != std::string_view::npos; }

// `+` and `#` fill a level of their own, `#` the last one (5.0 §4.7.1).
bool wildcards_in_place(std::string_view filter) {
  bool more = true;
  while (more) {
    const std::string_view level = next_level(filter, more);
    if (level.size() > 1 && contains_wildcard(level)) return false;
    if (level == "#" && more) return false;
  }
  return true;
}

}  // namespace

std::string_view next_level(std::string_view& rest, bool& more) {
  const std::size_t slash = rest.find('/');
  more = slash != std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest.remove_prefix(more ? slash + 1 : rest.size());
  return level;
}

Fault check_topic_name(Bytes name) {
  switch (check_utf8(name)) {
    case Utf8::null_character:
      return Fault::text_null;
    case Utf8::ill_formed:
      return Fault::text_ill_formed;
    case Utf8::valid:
      break;
  }
  return contains_wildcard(as_text(name)) ? Fault::topic_name_wildcard : Fault::none;
}

bool valid_topic_name(std::string_view name) {
  return !name.empty() && name.size() <= longest && check_topic_name(as_bytes(name)) == Fault::none;
}

bool is_shared(std::string_view filter) { return filter.starts_with(share); }

bool has_wildcard(std::string_view filter) { return contains_wildcard(matched_part(filter)); }

std::string_view matched_part(std::string_view filter) {
  if (!is_shared(filter)) return filter;
  filter.remove_prefix(share.size());
  const std::size_t slash = filter.find('/');
  return slash == std::string_view::npos ? std::string_view{} : filter.substr(slash + 1);
}

bool valid_filter(std::string_view filter, bool shared) {
  if (filter.empty() || filter.size() > longest || check_utf8(as_bytes(filter)) != Utf8::valid) return false;
  if (!shared || !is_shared(filter)) return wildcards_in_place(filter);
  // The share name has at least one character and no wildcard, and a filter follows it (5.0 §4.8.2).
  const std::string_view part = matched_part(filter);
  if (part.empty()) return false;
  const std::string_view name = filter.substr(share.size(), filter.size() - share.size() - part.size() - 1);
  return !name.empty() && !contains_wildcard(name) && wildcards_in_place(part);
}

}  // namespace tarta
