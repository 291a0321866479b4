#include "experiments/criteria.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "config/arm_labels.h"
#include "experiments/effects.h"
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

/// Sets the verdict, and its reason where it isn't reproduced.
void decide(const Estimate& estimate, const Claim& claim, const ShownNumbers& numbers, Judgement& judgement) {
  const Interval& interval = *estimate.interval;
  const std::string of = estimate.subject.empty() ? "" : fmt::format(" of {}", estimate.subject);
  const auto text = [&](double threshold) {
    return numbers.text ? numbers.text(threshold) : fmt::format("{:.4g}", threshold);
  };
  const bool low_clear = clears_low(interval.low, claim);
  const bool high_clear = clears_high(interval.high, claim);
  if (low_clear && high_clear) {
    judgement.verdict = Verdict::reproduced;
  } else if (!clears_low(interval.high, claim) || !clears_high(interval.low, claim)) {
    const bool misses_low = !clears_low(interval.high, claim);
    const bool is_below = misses_low != numbers.is_reversed;
    const bool touches = misses_low ? reaches(interval.high, claim.low) : reaches(-interval.low, -claim.high);
    const char* place =
        is_below ? (touches ? "is not above" : "lies below") : (touches ? "is not below" : "lies above");
    judgement.verdict = Verdict::not_reproduced;
    judgement.explanation =
        fmt::format("the interval{} {} the threshold {}", of, place, text(misses_low ? claim.low : claim.high));
  } else {
    judgement.verdict = Verdict::inconclusive;
    std::vector<std::string> inside;
    if (!low_clear) inside.push_back(text(claim.low));
    if (!high_clear) inside.push_back(text(claim.high));
    if (numbers.is_reversed) std::ranges::reverse(inside);
    judgement.explanation = fmt::format(
        "the threshold{} inside the interval{}",
        inside.size() == 1 ? " " + inside[0] + " lies" : fmt::format("s {} lie", fmt::join(inside, " and ")), of);
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

std::string quoted(const Point& point) { return fmt::format("\"{}\"", point.label); }

Interval known(const Value& value) {
  if (value.between) return *value.between;
  return {value.bound == Bound::at_most ? -infinity : value.value,
          value.bound == Bound::at_least ? infinity : value.value};
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
