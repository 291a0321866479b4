#include "experiments/effects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/widths.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::CriterionType;
using Points = std::vector<Point>;
using Seeds = std::vector<std::uint64_t>;

Estimate failed(std::string problem) {
  Estimate estimate;
  estimate.effect = std::numeric_limits<double>::quiet_NaN();
  estimate.problem = std::move(problem);
  return estimate;
}

/// Back from logarithms.
Estimate exponential(Estimate estimate) {
  estimate.effect = std::exp(estimate.effect);
  if (estimate.interval)
    estimate.interval = Interval{std::exp(estimate.interval->low), std::exp(estimate.interval->high)};
  return estimate;
}

Contrast mean_of(const Point& point) { return {.name = quoted(point), .terms = {{&point, 1}}}; }

Contrast minus(const Point& a, const Point& b) {
  return {.name = fmt::format("{} - {}", quoted(a), quoted(b)), .terms = {{&a, 1}, {&b, -1}}};
}

Estimate value(const Evidence& evidence, const Seeds& seeds) {
  return extreme_of({mean_of(evidence.arms[0][0])}, Extreme::largest, seeds);
}

Estimate difference(const Evidence& evidence, const Seeds& seeds) {
  return extreme_of({minus(evidence.arms[0][0], evidence.arms[1][0])}, Extreme::largest, seeds);
}

Estimate ratio(const Evidence& evidence, const Seeds& seeds) {
  Contrast logarithms = minus(evidence.arms[0][0], evidence.arms[1][0]);
  logarithms.scale = Scale::logarithmic;
  return exponential(extreme_of({logarithms}, Extreme::largest, seeds));
}

/// Requires a weight for each arm.
Estimate contrast(const CriterionConfig& criterion, const Evidence& evidence, const Seeds& seeds) {
  Contrast sum;
  for (std::size_t arm = 0; arm < evidence.arms.size(); ++arm) {
    const double weight = criterion.weights[arm];
    const Point& point = evidence.arms[arm][0];
    sum.terms.push_back({&point, weight});
    const char* sign = weight < 0 ? (arm == 0 ? "-" : " - ") : (arm == 0 ? "" : " + ");
    const double size = std::abs(weight);
    sum.name += fmt::format("{}{}{}", sign, size == 1 ? "" : fmt::format("{:.4g} ", size), quoted(point));
  }
  return extreme_of({sum}, Extreme::largest, seeds);
}

Estimate order(const Evidence& evidence, const Seeds& seeds) {
  std::vector<Contrast> steps;
  for (std::size_t i = 1; i < evidence.arms.size(); ++i)
    steps.push_back(minus(evidence.arms[i][0], evidence.arms[i - 1][0]));
  return extreme_of(steps, Extreme::smallest, seeds);
}

Estimate range(const Evidence& evidence, const Seeds& seeds) {
  std::vector<Contrast> pairs;
  for (const Point& a : evidence.arms[0])
    for (const Point& b : evidence.arms[0])
      if (&a != &b) pairs.push_back(minus(a, b));
  Estimate estimate = extreme_of(pairs, Extreme::largest, seeds);
  // Of a and b, one of a - b and b - a is at least 0.
  estimate.effect = std::max(estimate.effect, 0.0);
  if (estimate.interval) estimate.interval->low = std::max(estimate.interval->low, 0.0);
  return estimate;
}

/// sum (x - mean(x)) y / sum (x - mean(x))², the slope of y = ln(value), times `sign`. False where the axis has no
/// slope.
bool add_slope(const Points& points, double sign, std::vector<Term>& terms) {
  double sum = 0;
  for (const Point& point : points) sum += point.axis;
  const double mean = sum / static_cast<double>(points.size());
  double squares = 0;
  for (const Point& point : points) squares += (point.axis - mean) * (point.axis - mean);
  if (!(squares > 0 && std::isfinite(squares))) return false;
  for (const Point& point : points) terms.push_back({&point, sign * (point.axis - mean) / squares});
  return true;
}

Estimate log_slope(const Evidence& evidence, const Seeds& seeds) {
  Contrast slope;
  slope.name = "the slope";
  slope.scale = Scale::logarithmic;
  for (std::size_t arm = 0; arm < evidence.arms.size(); ++arm)
    if (!add_slope(evidence.arms[arm], arm == 0 ? 1 : -1, slope.terms))
      return failed(fmt::format("the axis of {} has fewer than two different values", quoted(evidence.arms[arm][0])));
  return extreme_of({slope}, Extreme::largest, seeds);
}

Estimate widest_interval(const CriterionConfig& criterion, const Evidence& evidence, const Seeds& seeds) {
  if (!criterion.usable) return failed("usable is not set");
  Points widths;
  for (Points points : evidence.arms) {
    std::ranges::stable_sort(points, {}, &Point::axis);
    if (std::string problem = problem_of_axis(points); !problem.empty()) return failed(problem);
    Point& arm = widths.emplace_back();
    arm.label = fmt::format("width of {}", points.front().label);
    for (const std::uint64_t seed : seeds)
      arm.values[seed] = usable_width(points, seed, *criterion.usable, evidence.better);
  }
  Contrast logarithms = widths.size() == 1 ? mean_of(widths[0]) : minus(widths[0], widths[1]);
  logarithms.scale = Scale::logarithmic;
  logarithms.why_at_least = "at least {0:.4g}: still usable at the edge of the grid, so a lower bound";
  return exponential(extreme_of({logarithms}, Extreme::largest, seeds));
}

}  // namespace

Estimate estimate_of(const CriterionConfig& criterion, const Evidence& evidence, const Seeds& seeds) {
  switch (criterion.type) {
    case CriterionType::value:
      return value(evidence, seeds);
    case CriterionType::difference:
    case CriterionType::equality:
      return difference(evidence, seeds);
    case CriterionType::ratio:
      return ratio(evidence, seeds);
    case CriterionType::log_slope:
      return log_slope(evidence, seeds);
    case CriterionType::range:
      return range(evidence, seeds);
    case CriterionType::widest_interval:
      return widest_interval(criterion, evidence, seeds);
    case CriterionType::order:
      return order(evidence, seeds);
    case CriterionType::contrast:
      return contrast(criterion, evidence, seeds);
  }
  return failed("the criterion has no effect");
}

}  // namespace bnlab::experiments
