#pragma once
// libFuzzer's own mutation, for targets whose files have check sums: they change what is inside and pack it anew.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace bnlab::fuzz {

inline std::string mutated(std::string bytes, std::size_t max_size) {
  const std::size_t size = bytes.size();
  bytes.resize(std::max(size, max_size));
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), size, bytes.size()));
  return bytes;
}

/// `packed` in place of the input, or a plain mutation where it does not fit.
inline std::size_t replace_input(const std::string& packed, std::uint8_t* data, std::size_t size,
                                 std::size_t max_size) {
  if (packed.empty() || packed.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(packed.begin(), packed.end(), data);
  return packed.size();
}

}  // namespace bnlab::fuzz
