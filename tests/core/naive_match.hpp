// 5.0 §4.7, word by word, for one filter and one topic: what routing is compared with.
#pragma once

#include <string_view>
#include <vector>

namespace tarta {

inline std::vector<std::string_view> split_levels(std::string_view text) {
  std::vector<std::string_view> levels;
  for (;;) {
    const std::size_t slash = text.find('/');
    levels.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return levels;
    text.remove_prefix(slash + 1);
  }
}

inline bool matches_naively(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  const std::vector<std::string_view> wanted = split_levels(filter), given = split_levels(topic);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") return true;  // the parent too: all levels before it have matched
    if (i == given.size()) return false;
    if (wanted[i] != "+" && wanted[i] != given[i]) return false;
  }
  return wanted.size() == given.size();
}

}  // namespace tarta
