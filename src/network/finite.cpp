#include "network/finite.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace bnlab::network {
namespace {

std::string index_text(const onednn::Dims& shape, std::size_t place) {
  std::vector<std::int64_t> index(shape.size());
  auto rest = static_cast<std::int64_t>(place);
  for (std::size_t d = shape.size(); d-- > 0; rest /= shape[d]) index[d] = rest % shape[d];
  return index.size() == 1 ? fmt::format("{}", index[0]) : fmt::format("({})", fmt::join(index, ", "));
}

}  // namespace

std::string problem_of(const std::string& name, const onednn::Dims& shape, std::span<const float> values,
                       Allowed allowed) {
  const auto found = std::find_if(values.begin(), values.end(), [&](float value) {
    return !std::isfinite(value) || (allowed == Allowed::finite_and_not_negative && value < 0.0f);
  });
  if (found == values.end()) return "";
  const std::string value = std::isnan(*found) ? "nan" : fmt::format("{}", *found);
  return fmt::format("{}: {} at index {}", name, value,
                     index_text(shape, static_cast<std::size_t>(found - values.begin())));
}

}  // namespace bnlab::network
