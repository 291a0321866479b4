#pragma once

#include <cstddef>

namespace bnlab {

/// The size of a huge page on x86-64.
inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Asks for huge pages under a block of memory that nothing was written to yet, so that access at random looks up fewer
/// addresses of pages. Only a wish: without support nothing changes.
void use_huge_pages(void* begin, std::size_t bytes);

}  // namespace bnlab
