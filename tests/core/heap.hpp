// How much of the heap is in use, for tests that nothing is left behind while a thing lives on; what is left after its
// end, LeakSanitizer reports. Always 0 without AddressSanitizer.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
// As in <sanitizer/allocator_interface.h>, which not every package of GCC has.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace tarta {

inline std::size_t heap_in_use() {
#ifdef __SANITIZE_ADDRESS__
  return __sanitizer_get_current_allocated_bytes();
#else
  return 0;
#endif
}

}  // namespace tarta
