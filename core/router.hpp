// Topic filters -> which of them a topic name matches (5.0 §4.7). A trie of levels whose edges lie in one hash table,
// so that a hundred thousand filters are as quick as ten. Nothing recurses: a filter may have 32,768 levels.
#pragma once

#include <string_view>

#include "index_table.hpp"

namespace tarta {

class Router {
 public:
  explicit Router(std::uint64_t salt) : salt_(salt) {}
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router();

  // `filter` is valid and without `$share/…/`; `number` is not in use. False without memory.
  bool add(std::uint32_t number, std::string_view filter);
  void remove(std::uint32_t number);

  // The numbers of all filters that match, ascending.
  void match(std::string_view topic, Buffer<std::uint32_t>& numbers);

  // Was a match cut short for want of memory?
  bool failed() const { return front_.failed() || next_front_.failed(); }

  // Memory that matching has needed goes back.
  void rest() {
    front_.release();
    next_front_.release();
  }

  // Changes with every add and remove; never 0.
  std::uint32_t generation() const { return generation_; }
  void changed() { ++generation_; }  // what a match means has changed

 private:
  static constexpr std::uint32_t none = IndexTable::none;

  struct Node {
    std::uint32_t parent;
    std::uint32_t plus;      // child of the level `+`
    std::uint32_t here;      // first filter that ends here
    std::uint32_t below;     // first filter that ends here with `#`
    std::uint32_t children;  // `plus` included
    std::uint32_t size;      // of the level, which few names have longer than fits in here
    union {
      std::uint8_t near[8];
      std::uint8_t* far;
    };

    const std::uint8_t* level() const { return size <= sizeof near ? near : far; }
    void free_level() {
      if (size > sizeof near) std::free(far);
      size = 0;
    }
  };
  struct Filter {
    std::uint32_t node;  // none: not in use
    std::uint32_t next;
    bool below;
  };

  std::uint32_t edge_hash(std::uint32_t parent, std::string_view level) const;
  std::uint32_t child(std::uint32_t parent, std::string_view level) const;
  std::uint32_t make_child(std::uint32_t parent, std::string_view level);
  std::uint32_t make_node(std::uint32_t parent);
  void prune(std::uint32_t node);
  void collect(std::uint32_t first, Buffer<std::uint32_t>& numbers) const;
  bool prepare(std::uint32_t number);

  Buffer<Node> nodes_;  // the first is the root
  Buffer<Filter> filters_;
  Buffer<std::uint32_t> vacant_;
  Buffer<std::uint32_t> front_, next_front_;  // nodes that the levels so far lead to
  IndexTable edges_;
  std::uint64_t salt_;
  std::uint32_t generation_ = 1;
};

}  // namespace tarta
