#pragma once
// Memory that can't be had is an error before it is used. Linux grants more than there is, and kills the program later.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace bnlab {

/// Throws RunError where `bytes` are more than the machine has left; the text names `what` needs them.
void require_memory(std::uint64_t bytes, std::string_view what);

struct Unmap {
  std::size_t bytes = 0;
  void operator()(void* pages) const;
};
using Pages = std::unique_ptr<void, Unmap>;

enum class Backing { at_once, when_touched };

/// Zeroed memory of at least `bytes` bytes on pages of its own, which take memory of the machine at once or each when
/// it is first touched. Throws std::bad_alloc.
Pages zeroed_pages(std::uint64_t bytes, Backing backing);

}  // namespace bnlab
