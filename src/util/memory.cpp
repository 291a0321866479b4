#include "util/memory.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>

#include "util/errors.h"

namespace bnlab {
namespace {

/// Bytes that can be used without swapping; where the system does not say, more than anybody asks for.
std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  std::uint64_t kibibytes = 0;
  while (file >> key >> kibibytes && std::getline(file, unit))
    if (key == "MemAvailable:") return kibibytes << 10;
  return std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

void require_memory(std::uint64_t bytes, std::string_view what) {
  const std::uint64_t available = available_memory();
  if (bytes <= available) return;
  const auto gibibytes = [](std::uint64_t count) { return static_cast<double>(count) / 0x1p30; };
  throw RunError(fmt::format(
      "out of memory: {} need {:.1f} GiB, and {:.1f} GiB are left; a smaller training.batch_size or network needs less",
      what, gibibytes(bytes), gibibytes(available)));
}

ZeroedMemory zeroed_memory(std::size_t bytes, Backing backing) {
  constexpr std::size_t page = 4096;
  std::size_t space = bytes + page;
  void* block = std::calloc(space, 1);
  if (!block) throw std::bad_alloc();
  void* begin = block;
  std::align(page, bytes, begin, space);
  if (backing == Backing::at_once) std::memset(begin, 0, bytes);
  return ZeroedMemory(begin, FreeBlock{block});
}

}  // namespace bnlab
