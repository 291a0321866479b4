#include "experiments/contrast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace bnlab::experiments {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double error_rate = 0.05;

/// The interval that the bound allows, without `between`.
Interval shown(const Value& value) {
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
  const std::string of = fmt::format("\"{}\", seed {}: ", point.label, seed);
  if (value.bound == Bound::at_least) return of + fmt::format(fmt::runtime(contrast.why_at_least), value.value);
  if (value.bound == Bound::at_most) return of + fmt::format("at most {:.4g}", value.value);
  if (std::isinf(value.value)) return of + fmt::format("{}", value.value);
  if (contrast.scale == Scale::logarithmic && value.between && value.between->low <= 0)
    return of + fmt::format("between {:.4g} and {:.4g}", value.between->low, value.between->high);
  return "";
}

/// One contrast: what each seed says, as it is shown and as widely as it is known.
struct Effects {
  std::vector<double> shown_low, shown_high;
  std::vector<double> low, high;
};

/// Adds the seed's effect; sets the estimate's note, and its problem where there is no effect.
void add_effect(const Contrast& contrast, std::uint64_t seed, Effects& effects, Estimate& estimate) {
  Interval sum, shown_sum;
  const auto add = [&](Interval& to, const Interval& value, const Term& term) {
    const Interval part = weighted(value, term.weight, contrast.scale);
    to = {to.low + part.low, to.high + part.high};
  };
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
    add(sum, known(value), term);
    add(shown_sum, shown(value), term);
  }
  if (std::isnan(sum.low) || std::isnan(sum.high)) {
    estimate.problem = fmt::format("{} is not a number for seed {} ({})", contrast.name, seed, estimate.note);
    return;
  }
  effects.low.push_back(sum.low);
  effects.high.push_back(sum.high);
  effects.shown_low.push_back(shown_sum.low);
  effects.shown_high.push_back(shown_sum.high);
}

bool are_finite(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

/// The mean of one end over seeds. `open` is what an unknown end is: -infinity for the lower one.
double mean_of_ends(const std::vector<double>& ends, double open) {
  if (std::ranges::find(ends, open) != ends.end()) return open;
  double sum = 0, count = 0;
  double first = nan;  // subtracted, so that equal values have exactly their mean
  for (const double end : ends) {
    if (!std::isfinite(end)) continue;
    if (count == 0) first = end;
    sum += end - first;
    ++count;
  }
  if (count == 0) return -open;
  const double mean = first + sum / count;
  return std::isfinite(mean) ? mean : open;  // numbers were too large
}

/// One limit of the interval: `ends` are the seeds' on its side, `others` those of the other side.
double limit_of(const std::vector<double>& ends, const std::vector<double>& others, double open, double confidence) {
  if (std::ranges::find(ends, open) != ends.end()) return open;
  std::vector<double> near, far;  // of the seeds that are not beyond every number
  for (std::size_t seed = 0; seed < ends.size(); ++seed) {
    if (!std::isfinite(ends[seed])) continue;
    near.push_back(ends[seed]);
    far.push_back(others[seed]);
  }
  if (near.empty()) return ends.size() < 2 ? open : -open;
  if (near.size() < 2) return open;
  const auto limit = [&](const std::vector<double>& values) {
    const Interval interval = mean_interval(values, confidence).interval;
    const double end = open < 0 ? interval.low : interval.high;
    return std::isfinite(end) ? end : open;  // numbers were too large
  };
  if (far == near || !are_finite(far)) return limit(near);
  return open < 0 ? std::min(limit(near), limit(far)) : std::max(limit(near), limit(far));
}

/// An end of the mean over seeds, and of its interval.
struct End {
  double mean;
  double limit;
};

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
    const End own_low = {mean_of_ends(effects.shown_low, -infinity),
                         limit_of(effects.low, effects.high, -infinity, largest ? corrected : 1 - error_rate)};
    const End own_high = {mean_of_ends(effects.shown_high, infinity),
                          limit_of(effects.high, effects.low, infinity, largest ? 1 - error_rate : corrected)};
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
