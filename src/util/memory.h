#pragma once
// Memory that can't be had is an error before it is used. Linux grants more than there is, and kills the program later.

#include <cstdint>
#include <string_view>

namespace bnlab {

/// Throws RunError where `bytes` are more than the machine has left; the text names `what` needs them.
void require_memory(std::uint64_t bytes, std::string_view what);

}  // namespace bnlab
