#include "failing_heap.hpp"

#include <cstdlib>

namespace {

std::uint32_t left = 0;  // allocations until one fails; 0: none does
bool stays_empty = false;
bool has_failed = false;

bool fails() {
  if (left == 0) return false;
  if (left > 1) return --left, false;
  if (!stays_empty) left = 0;
  return has_failed = true;
}

}  // namespace

extern "C" {
void* __real_malloc(std::size_t size);
void* __wrap_malloc(std::size_t size);
void* __wrap_malloc(std::size_t size) { return fails() ? nullptr : __real_malloc(size); }
}

namespace tarta {

FailingHeap::FailingHeap(std::uint32_t number, Then then) {
  left = number;
  stays_empty = then == Then::stays_empty;
  has_failed = false;
}

void FailingHeap::succeed() { left = 0; }

bool FailingHeap::failed() const { return has_failed; }

}  // namespace tarta
