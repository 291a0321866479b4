#pragma once
#include <span>

namespace bnlab::experiments {

struct Interval {
  double low = 0;
  double high = 0;
};

/// The mean of independent values and its two-sided Student's t interval (Student 1908), n - 1 degrees of freedom.
/// Requires at least 2 values, all finite, and 0 < confidence < 1.
struct MeanInterval {
  double mean = 0;
  Interval interval;
};
MeanInterval mean_interval(std::span<const double> values, double confidence = 0.95);

}  // namespace bnlab::experiments
