// Makes an allocation of the core fail, for tests that it can bear that. The link redirects malloc to here
// (tests/CMakeLists.txt); what the tests themselves allocate comes from operator new and never fails.
#pragma once

#include <cstdint>

namespace tarta {

class FailingHeap {
 public:
  enum class Then { recovers, stays_empty };

  // The allocation with this number fails, counting from 1 and from now on; then others succeed again, or none.
  explicit FailingHeap(std::uint32_t number, Then then = Then::recovers);
  FailingHeap(const FailingHeap&) = delete;
  FailingHeap& operator=(const FailingHeap&) = delete;
  ~FailingHeap() { succeed(); }

  // From here on all succeed.
  void succeed();

  bool failed() const;  // has one failed?
};

}  // namespace tarta
