#include "router.hpp"

#include <algorithm>

#include "topic.hpp"

namespace tarta {

Router::~Router() {
  for (Node& node : nodes_) node.free_level();
}

std::uint32_t Router::edge_hash(std::uint32_t parent, std::string_view level) const {
  return hash_bytes(as_bytes(level), salt_ + parent);
}

std::uint32_t Router::child(std::uint32_t parent, std::string_view level) const {
  return edges_.find(edge_hash(parent, level), [&](std::uint32_t at) {
    const Node& node = nodes_[at];
    return node.parent == parent && node.size == level.size() &&
           std::memcmp(node.level(), level.data(), level.size()) == 0;
  });
}

std::uint32_t Router::make_node(std::uint32_t parent) {
  const Node fresh{parent, none, none, none, 0, 0, {}};
  if (vacant_.empty()) return nodes_.push(fresh) ? nodes_.size() - 1 : none;
  const std::uint32_t at = vacant_.back();
  vacant_.truncate(vacant_.size() - 1);
  nodes_[at] = fresh;
  return at;
}

std::uint32_t Router::make_child(std::uint32_t parent, std::string_view level) {
  const bool plus = level == "+";
  const std::uint32_t known = plus ? nodes_[parent].plus : child(parent, level);
  if (known != none) return known;
  const std::uint32_t at = make_node(parent);
  if (at == none) return none;
  Node& node = nodes_[at];
  if (plus) {
    nodes_[parent].plus = at;
  } else {
    std::uint8_t* to = node.near;
    if (level.size() > sizeof node.near) to = node.far = static_cast<std::uint8_t*>(std::malloc(level.size()));
    if (to != nullptr) {
      node.size = static_cast<std::uint32_t>(level.size());
      std::memcpy(to, level.data(), level.size());
    }
    if (to == nullptr || !edges_.insert(edge_hash(parent, level), at)) {
      node.free_level();
      vacant_.push(at);
      return none;
    }
  }
  ++nodes_[parent].children;
  return at;
}

// Takes away a node that leads nowhere, and then those above it.
void Router::prune(std::uint32_t at) {
  while (at != 0) {
    Node& node = nodes_[at];
    if (node.children > 0 || node.here != none || node.below != none) return;
    const std::uint32_t parent = node.parent;
    if (nodes_[parent].plus == at) {
      nodes_[parent].plus = none;
    } else {
      edges_.erase(edge_hash(parent, as_text({node.level(), node.size})), at);
      node.free_level();
    }
    --nodes_[parent].children;
    vacant_.push(at);
    at = parent;
  }
}

bool Router::prepare(std::uint32_t number) {
  if (nodes_.empty() && make_node(none) == none) return false;
  while (filters_.size() <= number) {
    if (!filters_.push({none, none, false})) return false;
  }
  return true;
}

bool Router::add(std::uint32_t number, std::string_view filter) {
  if (!prepare(number)) return false;
  // All at once: of a table that doubles, a client with few filters would have little in use.
  const auto levels = static_cast<std::uint32_t>(1 + std::count(filter.begin(), filter.end(), '/'));
  if (!nodes_.reserve(nodes_.size() + levels)) return false;
  std::uint32_t node = 0;
  bool below = false;
  for (bool more = true; more;) {
    const std::string_view level = next_level(filter, more);
    if (level == "#") {
      below = true;
      break;
    }
    const std::uint32_t next = make_child(node, level);
    if (next == none) {
      prune(node);
      return false;
    }
    node = next;
  }
  std::uint32_t& first = below ? nodes_[node].below : nodes_[node].here;
  filters_[number] = {node, first, below};
  first = number;
  ++generation_;
  return true;
}

void Router::remove(std::uint32_t number) {
  if (number >= filters_.size() || filters_[number].node == none) return;
  Filter& filter = filters_[number];
  std::uint32_t* link = filter.below ? &nodes_[filter.node].below : &nodes_[filter.node].here;
  while (*link != number) link = &filters_[*link].next;
  *link = filter.next;
  const std::uint32_t node = filter.node;
  filter.node = none;
  prune(node);
  ++generation_;
}

void Router::collect(std::uint32_t first, Buffer<std::uint32_t>& numbers) const {
  for (std::uint32_t at = first; at != none; at = filters_[at].next) numbers.push(at);
}

void Router::match(std::string_view topic, Buffer<std::uint32_t>& numbers) {
  numbers.clear();
  if (nodes_.empty()) return;
  // A wildcard in the first level does not match a name that begins with `$` (5.0 §4.7.2).
  const bool hidden = topic.starts_with('$');
  front_.clear();
  front_.push(0);
  bool first = true;
  for (bool more = true; more && !front_.empty(); first = false) {
    const std::string_view level = next_level(topic, more);
    const bool wildcards = !(first && hidden);
    next_front_.clear();
    for (const std::uint32_t at : front_) {
      if (wildcards) collect(nodes_[at].below, numbers);
      if (wildcards && nodes_[at].plus != none) next_front_.push(nodes_[at].plus);
      if (const std::uint32_t next = child(at, level); next != none) next_front_.push(next);
    }
    front_.swap(next_front_);
  }
  for (const std::uint32_t at : front_) {
    collect(nodes_[at].here, numbers);
    collect(nodes_[at].below, numbers);  // `sport/#` matches `sport` too (5.0 §4.7.1.2)
  }
  // Not std::sort, which is six times the code.
  std::make_heap(numbers.begin(), numbers.end());
  std::sort_heap(numbers.begin(), numbers.end());
}

}  // namespace tarta
