#pragma once
// Student's t intervals.

#include <span>

namespace bnlab::experiments {

struct Interval {
  double low = 0;
  double high = 0;
};

/// The mean of independent values and its two-sided Student's t interval (Student 1908), n - 1 degrees of freedom:
/// mean ± t sqrt(s² / n), with the unbiased variance s². Equal values have exactly their mean, and no width.
struct MeanInterval {
  double mean = 0;
  Interval interval;
  double deviation = 0;  // s
};

/// Requires at least 2 values, all finite, and 0 < confidence < 1; throws std::logic_error else. Values near the
/// largest double may give a result that is not finite.
MeanInterval mean_interval(std::span<const double> values, double confidence = 0.95);

}  // namespace bnlab::experiments
