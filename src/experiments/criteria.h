#pragma once
// Whether a criterion holds: effects over seeds, their interval, and what it says about the threshold.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "experiments/statistics.h"

namespace bnlab::experiments {

/// What a quantity's value says: a run that never reached a level within its 5000 steps needs "at least 5000".
enum class Bound { exact, at_least, at_most };

struct Value {
  double value = 0;  // as measured
  Bound bound = Bound::exact;
  std::optional<Interval> between = std::nullopt;          // ends of the true value, where rows or points leave it open
  std::optional<std::int64_t> diverged_at = std::nullopt;  // the step, where the run diverged
};

/// All that the true value can be: `between`, else what `bound` says, else the value alone. Of steps to a level that
/// was seen at step 300 and not at 200: [200, 300], without its low end.
Interval known(const Value& value);

/// By seed, of one arm or of one point of an arm's axis. A run that is missing or failed has no value.
using BySeed = std::map<std::uint64_t, Value>;

struct Point {
  std::string label;  // "batch", "batch[learning_rate=0.1]"
  double axis = 0;    // the axis's value; 0 where the criterion has no axis
  BySeed values;
};

/// Its label in quotes.
std::string quoted(const Point& point);

/// What a criterion looks at: for each of its arms, in its order, the points along its axis; one where there is none.
struct Evidence {
  std::vector<std::vector<Point>> arms;
  std::vector<std::uint64_t> seeds;                // those that were asked for
  config::Better better = config::Better::higher;  // of two values; only widest_interval asks
};

enum class Verdict { reproduced, not_reproduced, inconclusive, reported };

/// "reproduced", "not reproduced", "inconclusive", "reported".
std::string name_of(Verdict verdict);

struct Judgement {
  Verdict verdict = Verdict::inconclusive;
  double effect = 0;                 // NaN where there is none
  std::optional<Interval> interval;  // 95 %, on the effect's own scale (a ratio's is not symmetric); see below
  Bound bound = Bound::exact;        // what of the effect is known: at least 14, where a run never reached the level
  std::int64_t seeds = 0;            // those of which every arm and point has a value
  std::string explanation;           // one line, "" where there is nothing to say; see below
};

/// How explanations show the thresholds; the interval is shown beside them. `is_reversed`: a larger number is shown as
/// a smaller one.
struct ShownNumbers {
  std::function<std::string(double)> text;  // unset: as they are
  bool is_reversed = false;
};

/// Applies the criterion. Never throws for evidence that is thin, missing or not finite:
/// that is inconclusive, and named.
///
/// The effect, from values that are paired over seeds; intervals are Student's t, two-sided, 95 %:
///   value            the arm's mean
///   difference       mean of a - b
///   equality         the same; the claim is abs(a - b) <= within
///   ratio            a / b, geometric mean; the interval is that of ln a - ln b, transformed back
///   order            the smallest difference of neighbouring arms, later - earlier; the claim is that it is above 0
///   contrast         mean of the sum of weight * value over the arms
///   log_slope        mean over seeds of the least-squares slope of ln(value) against the axis's value as it is, not
///                    its logarithm; of two arms: the first's minus the second's
///   range            the largest difference of two points of the axis
///   widest_interval  the ratio last / first of the widest usable part of the axis (widths.h); geometric mean; of two
///                    arms: the ratio, first / second
///
/// order and range look for an extreme over k differences (range: over ordered pairs). The end of the interval where
/// all differences must agree needs no correction (an intersection-union test, Berger 1982); the end where one alone
/// decides has Bonferroni's: confidence 1 - 0.05 / k.
///
/// Each seed is an interval. Its low and high end differ where the value lies between two rows of a file or two points
/// of an axis, and an end is infinite where nothing is known on its side ("at least 5000"). The criterion's interval
/// reaches from the lower to the higher limit of two Student's t intervals: that of the seeds' low ends and that of
/// their high ends. So it holds the mean of all values that the seeds can have. Where the values are points, it is
/// Student's interval; where the seeds are alike, it is the seeds' own interval, and one seed that differs widens it.
/// It need not hold Student's interval of all values that the seeds can have: seeds that are alike on a grid may differ
/// by any part of a step between its points.
///
/// Infinities: an end of the interval is infinite where one seed's end is, so only the known side can decide; its limit
/// is then that of the seeds' ends on that side alone. A seed that is infinite on its own (a diverged run's loss) lies
/// beyond every finite one: the other seeds, if they are 2 or more, set the near end, and the far end is infinite.
/// Where all seeds are infinite on one side the effect is; infinity minus infinity, NaN, and what has no logarithm are
/// inconclusive.
///
/// The claim is a range of effects. The interval inside: reproduced; wholly outside: not reproduced; else inconclusive.
/// An interval's end is at a threshold that it misses by a relative 1e-9: CSV files have 9 digits. at_least and at_most
/// hold there, more_than and less_than don't. Without a threshold a criterion is reported, whatever its evidence lacks;
/// order always has one.
///
/// The explanation: why it isn't reproduced, or what a reported effect lacks; for any verdict, which runs diverged and
/// so count as "at least" the steps that they were to make; and, unless it is reproduced, the criterion's own.
Judgement judge(const config::CriterionConfig& criterion, const Evidence& evidence, const ShownNumbers& numbers = {});

/// The verdict of an experiment: not reproduced where one criterion with a threshold is not, else inconclusive where
/// one is, else reproduced; reported where none has a threshold. It holds only where all its criteria do, so they need
/// no correction for their number: a false claim among them is called reproduced in at most 2.5 % of experiments.
Verdict combine(const std::vector<Judgement>& judgements);

}  // namespace bnlab::experiments
