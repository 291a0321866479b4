#pragma once
// Memory that can't be had is an error before it is used. Linux grants more than there is, and kills the program later.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace bnlab {

/// Bytes that this process can still take: the smaller of what the machine and what its control groups (cgroups 1 and
/// 2) leave, where memory that only caches files counts as left. The largest number where the system does not say.
/// `root`: where its files are, such as proc/meminfo.
std::uint64_t memory_left(const std::filesystem::path& root = "/");

struct MemoryUse {
  std::string_view what;  // "the optimizer's state"
  std::uint64_t bytes;
};

/// Throws RunError where all of these together are more than memory_left(); the text names each.
void require_memory(const std::vector<MemoryUse>& uses);

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
