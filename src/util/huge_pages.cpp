#include "util/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace bnlab {

void use_huge_pages(void* begin, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t skipped = (huge_page - address % huge_page) % huge_page;
  if (bytes < skipped + huge_page) return;
  madvise(static_cast<char*>(begin) + skipped, (bytes - skipped) / huge_page * huge_page, MADV_HUGEPAGE);
#else
  static_cast<void>(begin);
  static_cast<void>(bytes);
#endif
}

}  // namespace bnlab
