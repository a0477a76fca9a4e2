// Topic names and topic filters (5.0 §4.7, §4.8).
#pragma once

#include "types.hpp"

namespace tarta {

// Is it a topic name: well-formed UTF-8, no wildcard? (5.0 §3.3.2.1) The empty name passes: a topic alias may stand for
// it.
Fault check_topic_name(Bytes name);

// A name that a client may publish to: not empty, no longer than 65,535 bytes, and as above.
bool valid_topic_name(std::string_view name);

// A topic filter with its wildcards in whole levels, or `$share/name/filter` (5.0 §4.7.1, §4.8.2).
// Before 5.0 `$share` had no meaning: `shared` false takes it as any other level.
bool valid_filter(std::string_view filter, bool shared = true);

bool is_shared(std::string_view filter);
bool has_wildcard(std::string_view filter);

// The part that topics are matched with: a shared subscription's without `$share/name/`.
std::string_view matched_part(std::string_view filter);

// Takes the first level off `rest`; `more` says whether a separator followed it.
std::string_view next_level(std::string_view& rest, bool& more);

}  // namespace tarta
