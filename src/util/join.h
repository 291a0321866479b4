#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace bnlab {

/// Numbers or strings with `separator` between them: join(names) is "a, b, c", join(shape, " x ") "60000 x 28 x 28".
/// Here instead of fmt::join, in which GCC 12 at -O3 warns of an overflow that is none.
template <class Range>
std::string join(const Range& values, std::string_view separator = ", ") {
  std::string text;
  bool first = true;
  for (const auto& value : values) {
    if (!first) text += separator;
    first = false;
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>)
      text += std::to_string(value);
    else
      text += value;
  }
  return text;
}

}  // namespace bnlab
