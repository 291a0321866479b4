#pragma once
// Effects as people read them: in points, percent, times or steps.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/criteria.h"

namespace bnlab::experiments {

/// An effect and its thresholds in the units of the claim. A difference of accuracies is in points, an accuracy in
/// percent, and the logarithm of a factor is that factor, never a logarithm.
struct ShownEffect {
  std::string unit;  // behind the numbers; "" without one
  double effect = 0;
  std::optional<Interval> interval;
  Bound bound = Bound::exact;
  std::optional<double> at_least, more_than, at_most, less_than;
  std::optional<double> within;  // of 0
  int decimals = -1;             // of effect and interval; -1: as many as the interval needs
};

ShownEffect shown_effect(const config::ExperimentConfig& experiment, const config::CriterionConfig& criterion,
                         const Judgement& judgement);

/// How explanations show the thresholds of this effect; its interval is beside them.
ShownNumbers shown_numbers(const config::ExperimentConfig& experiment, const config::CriterionConfig& criterion);

/// "1.81 [1.73, 1.91] times".
std::string text_of(const ShownEffect& shown);

/// "at least 3"; "" where nothing is claimed.
std::string claim_text(const config::CriterionConfig& criterion, const ShownEffect& shown);

}  // namespace bnlab::experiments
