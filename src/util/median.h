#pragma once

#include <vector>

namespace bnlab {

/// The middle value, or the mean of the middle two; not a number where there is none or one of them is not a number.
double median(std::vector<double> values);

}  // namespace bnlab
