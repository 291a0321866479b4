#include "experiments/contrast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

namespace bnlab::experiments {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double error_rate = 0.05;

/// All that the true value can be.
Interval known(const Value& value) {
  return {value.bound == Bound::at_most ? -infinity : value.value,
          value.bound == Bound::at_least ? infinity : value.value};
}

/// weight * value, or weight * ln(value).
Interval weighted(Interval value, double weight, Scale scale) {
  if (scale == Scale::logarithmic) value = {std::log(std::max(value.low, 0.0)), std::log(value.high)};
  value = {weight * value.low, weight * value.high};
  if (weight < 0) std::swap(value.low, value.high);
  return value;
}

bool can_enter(double value, Scale scale) {
  return scale == Scale::linear ? !std::isnan(value) : value > 0 && std::isfinite(value);
}

std::string note_of(const Contrast& contrast, const Point& point, std::uint64_t seed) {
  const Value& value = point.values.at(seed);
  const bool at_least = value.bound == Bound::at_least;
  if (value.bound == Bound::exact)
    return std::isinf(value.value) ? fmt::format("\"{}\" is {} for seed {}", point.label, value.value, seed) : "";
  const std::string& why = at_least ? contrast.why_at_least : contrast.why_at_most;
  return fmt::format("\"{}\" is at {} {:.4g} for seed {}{}{}", point.label, at_least ? "least" : "most", value.value,
                     seed, why.empty() ? "" : ": ", why);
}

/// One contrast: what each seed says, from the lowest to the highest that it can be.
struct Effects {
  std::vector<double> low;
  std::vector<double> high;
};

/// Adds the seed's effect; sets the estimate's note, and its problem where there is no effect.
void add_effect(const Contrast& contrast, std::uint64_t seed, Effects& effects, Estimate& estimate) {
  Interval sum;
  for (const Term& term : contrast.terms) {
    const Value& value = term.point->values.at(seed);
    if (!can_enter(value.value, contrast.scale)) {
      estimate.problem =
          fmt::format("\"{}\" is {:.4g} for seed {}{}", term.point->label, value.value, seed,
                      contrast.scale == Scale::linear ? "" : ": logarithms need positive finite numbers");
      return;
    }
    if (estimate.note.empty()) estimate.note = note_of(contrast, *term.point, seed);
    if (term.weight == 0) continue;
    const Interval part = weighted(known(value), term.weight, contrast.scale);
    sum = {sum.low + part.low, sum.high + part.high};
  }
  if (std::isnan(sum.low) || std::isnan(sum.high)) {
    estimate.problem = fmt::format("{} is not a number for seed {}: {}", contrast.name, seed, estimate.note);
    return;
  }
  effects.low.push_back(sum.low);
  effects.high.push_back(sum.high);
}

/// One end of the mean over seeds, and of its interval. `open` is what an unknown end is: -infinity for the lower one.
struct End {
  double mean;
  double limit;
};

End end_of(const std::vector<double>& ends, double open, double confidence) {
  if (std::ranges::find(ends, open) != ends.end()) return {open, open};
  std::vector<double> finite;
  std::ranges::copy_if(ends, std::back_inserter(finite), [](double end) { return std::isfinite(end); });
  if (finite.empty()) return {-open, ends.size() < 2 ? open : -open};
  if (finite.size() < 2) return {finite.front(), open};
  const MeanInterval result = mean_interval(finite, confidence);
  const double limit = open < 0 ? result.interval.low : result.interval.high;
  const auto or_open = [open](double end) { return std::isfinite(end) ? end : open; };  // where numbers were too large
  return {or_open(result.mean), or_open(limit)};
}

}  // namespace

Estimate extreme_of(const std::vector<Contrast>& contrasts, Extreme extreme, const std::vector<std::uint64_t>& seeds) {
  Estimate estimate;
  estimate.effect = nan;
  if (seeds.empty()) return estimate;
  const bool largest = extreme == Extreme::largest;
  const auto further = [largest](double a, double b) { return largest ? std::max(a, b) : std::min(a, b); };
  const double corrected = 1 - error_rate / static_cast<double>(contrasts.size());
  const double unset = largest ? -infinity : infinity;
  End low = {unset, unset};
  End high = {unset, unset};
  for (const Contrast& contrast : contrasts) {
    Effects effects;
    for (const std::uint64_t seed : seeds) {
      add_effect(contrast, seed, effects, estimate);
      if (!estimate.problem.empty()) return estimate;
    }
    const End own_low = end_of(effects.low, -infinity, largest ? corrected : 1 - error_rate);
    const End own_high = end_of(effects.high, infinity, largest ? 1 - error_rate : corrected);
    const double mean = largest ? own_low.mean : own_high.mean;
    const double best = largest ? low.mean : high.mean;
    if (contrasts.size() > 1 && (estimate.subject.empty() || (mean != best && further(mean, best) == mean)))
      estimate.subject = fmt::format("the {} difference ({})", largest ? "largest" : "smallest", contrast.name);
    low = {further(low.mean, own_low.mean), further(low.limit, own_low.limit)};
    high = {further(high.mean, own_high.mean), further(high.limit, own_high.limit)};
  }
  if (low.limit > -infinity || high.limit < infinity) estimate.interval = Interval{low.limit, high.limit};
  if (low.mean == high.mean) {
    estimate.effect = low.mean;
  } else if (low.mean > -infinity) {
    estimate.effect = low.mean;
    estimate.bound = Bound::at_least;
  } else if (high.mean < infinity) {
    estimate.effect = high.mean;
    estimate.bound = Bound::at_most;
  }
  return estimate;
}

}  // namespace bnlab::experiments
