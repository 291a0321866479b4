#pragma once
// Whether a criterion holds: effects over seeds, their interval, and what it says about the threshold.

#include <cstdint>
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
  double value = 0;
  Bound bound = Bound::exact;
};

/// By seed, of one arm or of one point of an arm's axis. A run that is missing or failed has no value.
using BySeed = std::map<std::uint64_t, Value>;

struct Point {
  std::string label;  // "batch", "batch[learning_rate=0.1]"
  double axis = 0;    // the axis's value; 0 where the criterion has no axis
  BySeed values;
};

/// What a criterion looks at: for each of its arms, in its order, the points along its axis; one where there is none.
struct Evidence {
  std::vector<std::vector<Point>> arms;
  std::vector<std::uint64_t> seeds;  // those that were asked for
};

enum class Verdict { reproduced, not_reproduced, inconclusive, reported };

/// "reproduced", "not reproduced", "inconclusive", "reported".
std::string name_of(Verdict verdict);

struct Judgement {
  Verdict verdict = Verdict::inconclusive;
  double effect = 0;                 // NaN where there is none
  std::optional<Interval> interval;  // 95 %; of the effect, on its own scale (a ratio's is not symmetric)
  Bound bound = Bound::exact;        // what of the effect is known, where values are bounds
  std::int64_t seeds = 0;            // pairs that entered
  std::string explanation;           // one line: why it isn't reproduced or reported; "" else
};

/// Applies the criterion's row of the table of criteria. Never throws for evidence that is thin, missing or not finite:
/// that is inconclusive, and named.
Judgement judge(const config::CriterionConfig& criterion, const Evidence& evidence);

/// The verdict of an experiment: reproduced where all criteria with thresholds are, not reproduced where one is not,
/// else inconclusive; reported where none has a threshold.
Verdict combine(const std::vector<Judgement>& judgements);

}  // namespace bnlab::experiments
