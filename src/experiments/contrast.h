#pragma once
// Weighted sums of points, paired over seeds, with what is known of them where values are bounds or infinite.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/criteria.h"

namespace bnlab::experiments {

enum class Scale { linear, logarithmic };  // of values, before they are weighted

struct Term {
  const Point* point = nullptr;  // of the caller, who keeps it
  double weight = 1;
};

/// One number of each seed: sum of weight * value, or of weight * ln(value).
struct Contrast {
  std::string name;  // "\"batch\" - \"none\""
  std::vector<Term> terms;
  Scale scale = Scale::linear;
  /// What a lower bound says; {0} is the bound.
  std::string why_at_least = "not reached in {0:.4g} steps (counted as at least {0:.4g})";
};

/// What is known of an effect, on the contrasts' scale.
struct Estimate {
  double effect = 0;                 // NaN where nothing is
  std::optional<Interval> interval;  // an end is infinite where nothing is known of it; none where both are
  Bound bound = Bound::exact;
  std::string subject;  // "the largest difference (NAME)": of which of several contrasts; "" where there is one
  std::string note;     // the first value that is a bound or infinite, named; "" where there is none
  std::string problem;  // why there is no effect; "" where there is one
};

enum class Extreme { smallest, largest };

/// The extreme of the contrasts' means and its 95 % interval; of one contrast, its mean and Student's t interval. All
/// points have a value of each of the seeds. Corrections and the rule for bounds and infinities: see judge().
Estimate extreme_of(const std::vector<Contrast>& contrasts, Extreme extreme, const std::vector<std::uint64_t>& seeds);

}  // namespace bnlab::experiments
