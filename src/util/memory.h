#pragma once
// Memory that can't be had is an error before it is used. Linux grants more than there is, and kills the program later.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace bnlab {

/// Throws RunError where `bytes` are more than the machine has left; the text names `what` needs them.
void require_memory(std::uint64_t bytes, std::string_view what);

struct FreeBlock {
  void* block = nullptr;  // the pointer lies within
  void operator()(void*) const { std::free(block); }
};
using ZeroedMemory = std::unique_ptr<void, FreeBlock>;

enum class Backing { at_once, when_touched };

/// `bytes` bytes of zeros that begin on a page. Large blocks take memory of the machine at once, or each page when it
/// is first touched. Throws std::bad_alloc.
ZeroedMemory zeroed_memory(std::size_t bytes, Backing backing);

}  // namespace bnlab
