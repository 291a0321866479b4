#include "experiments/criteria.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "config/arm_labels.h"
#include "experiments/contrast.h"
#include "experiments/widths.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::CriterionType;
using Points = std::vector<Point>;
using Seeds = std::vector<std::uint64_t>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// ---- the claims: which effects a criterion asks for

/// The effects of the claim; an end belongs to them unless it is open.
struct Claim {
  double low = -infinity;
  double high = infinity;
  bool low_open = false;
  bool high_open = false;
};

std::optional<Claim> claim_of_thresholds(const CriterionConfig& criterion) {
  const auto low = criterion.more_than ? criterion.more_than : criterion.at_least;
  const auto high = criterion.less_than ? criterion.less_than : criterion.at_most;
  if (!low && !high) return std::nullopt;
  return Claim{.low = low.value_or(-infinity),
               .high = high.value_or(infinity),
               .low_open = criterion.more_than.has_value(),
               .high_open = criterion.less_than.has_value()};
}

/// Nothing where the criterion claims nothing.
std::optional<Claim> claim_of(const CriterionConfig& criterion) {
  switch (row_of(criterion.type).claim) {
    case config::ClaimType::thresholds:
      return claim_of_thresholds(criterion);
    case config::ClaimType::tolerance:
      if (!criterion.within) return std::nullopt;
      return Claim{.low = -*criterion.within, .high = *criterion.within};
    case config::ClaimType::above_zero:
      return Claim{.low = 0, .low_open = true};
  }
  return std::nullopt;
}

// ---- the effects

Estimate failed(std::string problem) {
  Estimate estimate;
  estimate.effect = nan;
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

std::string quoted(const Point& point) { return fmt::format("\"{}\"", point.label); }

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

/// Requires as many arms and points as the criterion's kind takes, and a value of each point for each of the seeds.
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

// ---- judging

std::string text(config::Count count) {
  if (count.least == count.most) return fmt::format("{}", count.least);
  return count.most == config::any_number ? fmt::format("{} or more", count.least)
                                          : fmt::format("{} to {}", count.least, count.most);
}

/// "" where the evidence has as many arms and points as the criterion's kind takes.
std::string problem_of_shape(const CriterionConfig& criterion, const Evidence& evidence) {
  const config::CriterionKind& kind = row_of(criterion.type);
  const std::size_t arms = evidence.arms.size();
  if (kind.needs_weights && criterion.weights.size() != arms)
    return fmt::format("weights: {}, but there are {} arms", criterion.weights.size(), arms);
  if (!kind.arms.holds(arms)) return fmt::format("arms: {}, but the criterion takes {}", arms, text(kind.arms));
  for (const Points& points : evidence.arms)
    if (!kind.points.holds(points.size()))
      return fmt::format("points of {}: {}, but the criterion takes {}",
                         points.empty() ? "an arm" : quoted(points.front()), points.size(), text(kind.points));
  return "";
}

/// The seeds that all points have, and what the others lack.
struct Pairing {
  Seeds seeds;
  std::string missing;  // "" where nothing is
};

Pairing pair_seeds(const Evidence& evidence) {
  Pairing pairing;
  std::string first;
  int more = 0;
  for (const std::uint64_t seed : std::set(evidence.seeds.begin(), evidence.seeds.end())) {
    bool complete = true;
    for (const Points& points : evidence.arms)
      for (const Point& point : points) {
        if (point.values.contains(seed)) continue;
        if (first.empty())
          first = fmt::format("{} has no value for seed {}", quoted(point), seed);
        else
          ++more;
        complete = false;
      }
    if (complete) pairing.seeds.push_back(seed);
  }
  pairing.missing = more == 0 ? first : fmt::format("{}; {} more {} missing", first, more, more == 1 ? "is" : "are");
  return pairing;
}

/// Whether x is threshold or more, where 9 digits tell them apart.
bool reaches(double x, double threshold) { return x >= threshold - 1e-9 * std::abs(threshold); }

bool clears_low(double x, const Claim& claim) {
  return claim.low == -infinity || (claim.low_open ? !reaches(-x, -claim.low) : reaches(x, claim.low));
}

bool clears_high(double x, const Claim& claim) {
  return claim.high == infinity || (claim.high_open ? !reaches(x, claim.high) : reaches(-x, -claim.high));
}

/// What shows an interval and the thresholds of a claim with digits that tell them apart.
class Texts {
 public:
  Texts(const ShownNumbers& numbers, const Interval& interval, const Claim& claim)
      : text_(numbers.text ? numbers.text
                           : [](double value, int digits) { return fmt::format("{:.{}g}", value, digits); }),
        is_reversed_(numbers.is_reversed) {
    std::vector<double> thresholds;
    for (const double threshold : {claim.low, claim.high})
      if (std::isfinite(threshold)) thresholds.push_back(threshold);
    digits_ = telling_digits({interval.low, interval.high}, thresholds, text_);
  }

  std::string operator()(double value) const { return text_(value, digits_); }
  std::string operator()(const Interval& interval) const {
    const std::string low = (*this)(interval.low), high = (*this)(interval.high);
    return is_reversed_ ? fmt::format("[{}, {}]", high, low) : fmt::format("[{}, {}]", low, high);
  }

 private:
  NumberText text_;
  bool is_reversed_;
  int digits_;
};

/// Sets the verdict, and its reason where it isn't reproduced.
void decide(const Estimate& estimate, const Claim& claim, const ShownNumbers& numbers, Judgement& judgement) {
  const Interval& interval = *estimate.interval;
  const std::string of = estimate.subject.empty() ? "" : fmt::format(" of {}", estimate.subject);
  const Texts text(numbers, interval, claim);
  const std::string shown = text(interval) + of;
  const bool low_clear = clears_low(interval.low, claim);
  const bool high_clear = clears_high(interval.high, claim);
  if (low_clear && high_clear) {
    judgement.verdict = Verdict::reproduced;
  } else if (!clears_low(interval.high, claim) || !clears_high(interval.low, claim)) {
    const bool misses_low = !clears_low(interval.high, claim);
    const bool is_below = misses_low != numbers.is_reversed, is_open = misses_low ? claim.low_open : claim.high_open;
    const char* place =
        is_below ? (is_open ? "is not above" : "lies below") : (is_open ? "is not below" : "lies above");
    judgement.verdict = Verdict::not_reproduced;
    judgement.explanation =
        fmt::format("the interval {} {} the threshold {}", shown, place, text(misses_low ? claim.low : claim.high));
  } else {
    judgement.verdict = Verdict::inconclusive;
    std::vector<std::string> inside;
    if (!low_clear) inside.push_back(text(claim.low));
    if (!high_clear) inside.push_back(text(claim.high));
    if (numbers.is_reversed) std::ranges::reverse(inside);
    judgement.explanation = fmt::format(
        "the threshold{} inside the interval {}",
        inside.size() == 1 ? " " + inside[0] + " lies" : fmt::format("s {} lie", fmt::join(inside, " and ")), shown);
    if (estimate.bound != Bound::exact) judgement.explanation += fmt::format("; {}", estimate.note);
  }
}

/// Why the estimate decides nothing; "" where it can.
std::string problem_of(const Estimate& estimate, const Pairing& pairing) {
  if (!pairing.missing.empty()) return pairing.missing;
  if (!estimate.problem.empty()) return estimate.problem;
  if (pairing.seeds.empty()) return "there are no seeds";
  if (pairing.seeds.size() == 1) return "one seed has no interval";
  if (estimate.interval) return "";
  return fmt::format("the effect has no interval: {}", estimate.note.empty() ? "numbers are too large" : estimate.note);
}

/// judge() without the criterion's own explanation.
Judgement judge_numbers(const CriterionConfig& criterion, const Evidence& evidence, const ShownNumbers& numbers) {
  const std::optional<Claim> claim = claim_of(criterion);
  Judgement judgement;
  judgement.effect = nan;
  judgement.verdict = claim ? Verdict::inconclusive : Verdict::reported;
  judgement.explanation = problem_of_shape(criterion, evidence);
  if (!judgement.explanation.empty()) return judgement;

  const Pairing pairing = pair_seeds(evidence);
  const Estimate estimate = estimate_of(criterion, evidence, pairing.seeds);
  judgement.effect = estimate.effect;
  judgement.interval = estimate.interval;
  judgement.bound = estimate.bound;
  judgement.seeds = static_cast<std::int64_t>(pairing.seeds.size());
  judgement.explanation = problem_of(estimate, pairing);
  if (judgement.explanation.empty() && claim) decide(estimate, *claim, numbers, judgement);
  return judgement;
}

/// Which runs diverged and so count as never having reached a level; "" where none.
std::string diverged_runs(const Evidence& evidence) {
  constexpr std::size_t most = 3;
  std::vector<std::string> runs;
  for (const Points& points : evidence.arms)
    for (const Point& point : points)
      for (const auto& [seed, value] : point.values)
        if (value.diverged_at && value.bound == Bound::at_least)
          runs.push_back(
              fmt::format("{} at step {} of {:.10g} (seed {})", quoted(point), *value.diverged_at, value.value, seed));
  if (runs.empty()) return "";
  const std::size_t more = runs.size() - std::min(runs.size(), most);
  runs.resize(runs.size() - more);
  return fmt::format("diverged, counted as at least all steps: {}{}", fmt::join(runs, ", "),
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

/// Which arms are usable at no point, so that nothing is known of a usable range outside the axis; "" where none.
std::string unusable_arms(const CriterionConfig& criterion, const Evidence& evidence) {
  if (criterion.type != CriterionType::widest_interval || !criterion.usable) return "";
  std::vector<std::string> arms;
  for (const Points& points : evidence.arms)
    if (!points.empty() && is_usable_nowhere(points, *criterion.usable, evidence.better))
      arms.push_back(config::arm_of(points.front().label));
  if (arms.empty()) return "";
  return fmt::format("no usable point on the axis of {}; ranges beyond the axis are not counted",
                     fmt::join(arms, ", "));
}

void append(std::string& text, const std::string& more) {
  if (!text.empty() && !more.empty()) text += "; ";
  text += more;
}

}  // namespace

Interval known(const Value& value) {
  if (value.between) return *value.between;
  return {value.bound == Bound::at_most ? -infinity : value.value,
          value.bound == Bound::at_least ? infinity : value.value};
}

int telling_digits(const std::vector<double>& numbers, const std::vector<double>& thresholds, const NumberText& text) {
  constexpr int fewest = 4, most = 9;
  const auto looks_alike = [&](double number, double threshold, int digits) {
    const bool differ = std::abs(number - threshold) > 1e-9 * std::abs(threshold);
    return differ && text(number, digits) == text(threshold, digits);
  };
  for (int digits = fewest; digits < most; ++digits) {
    bool tells = true;
    for (const double threshold : thresholds) {
      for (const double number : numbers) tells = tells && !looks_alike(number, threshold, digits);
      for (const double other : thresholds) tells = tells && !looks_alike(other, threshold, digits);
    }
    if (tells) return digits;
  }
  return most;
}

std::string name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::reproduced:
      return "reproduced";
    case Verdict::not_reproduced:
      return "not reproduced";
    case Verdict::inconclusive:
      return "inconclusive";
    case Verdict::reported:
      return "reported";
  }
  return "?";
}

Judgement judge(const CriterionConfig& criterion, const Evidence& evidence, const ShownNumbers& numbers) {
  Judgement judgement = judge_numbers(criterion, evidence, numbers);
  append(judgement.explanation, diverged_runs(evidence));
  append(judgement.explanation, unusable_arms(criterion, evidence));
  if (judgement.verdict != Verdict::reproduced) append(judgement.explanation, criterion.explanation);
  return judgement;
}

Verdict combine(const std::vector<Judgement>& judgements) {
  for (const Verdict verdict : {Verdict::not_reproduced, Verdict::inconclusive, Verdict::reproduced})
    if (std::ranges::find(judgements, verdict, &Judgement::verdict) != judgements.end()) return verdict;
  return Verdict::reported;
}

}  // namespace bnlab::experiments
