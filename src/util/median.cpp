#include "util/median.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bnlab {

double median(std::vector<double> values) {
  const bool has_nan = std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  if (values.empty() || has_nan) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace bnlab
