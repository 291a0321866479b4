#pragma once
// The means of a sweep: one row for each arm and point.

#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "experiments/plan.h"
#include "experiments/run_table.h"
#include "experiments/units.h"

namespace bnlab::experiments {

/// A quantity over the runs of a point. Only finite values count: a run that diverged before its quantity was measured
/// has none, and `count` says so.
struct SummaryCell {
  std::size_t count = 0;
  double mean = std::numeric_limits<double>::quiet_NaN();           // NaN without values
  double deviation = std::numeric_limits<double>::quiet_NaN();      // unbiased variance; NaN with less than 2 values
  double half_interval = std::numeric_limits<double>::quiet_NaN();  // of Student's t, 95 %; NaN as the deviation
  // Of a number of steps: at_least where one run never reached the level, at_most where each had reached it in its
  // first row.
  Bound bound = Bound::exact;
};

/// The summary of the finite values.
SummaryCell summarize(const std::vector<Value>& values);

/// The mean in the unit, with as many digits as half its interval deserves, and how many of the runs count where not
/// all do: "87.12 +- 0.31 (2 of 3)"; of a factor "1.189 [1.168, 1.210]"; "-" without values.
std::string mean_text(const SummaryCell& cell, std::size_t runs, const Unit& unit);

struct SummaryRow {
  std::string arm;
  std::map<std::string, std::string> axes;  // path and value as JSON
  std::size_t runs = 0;                     // one for each seed
  std::size_t completed = 0, diverged = 0, failed = 0;
  std::vector<SummaryCell> cells;  // of each quantity

  std::size_t missing() const { return runs - completed - diverged - failed; }  // or unfinished
};

struct Summary {
  std::string plan;  // Plan::hash
  std::vector<std::string> axes;
  std::vector<QuantityColumn> quantities;
  std::vector<SummaryRow> rows;
};

/// Rows in the order of the plan, then those of arms that are the best of another.
Summary summarize(const Plan& plan, const RunTable& table);

/// summary.csv. Columns: arm, the axes (texts without quotes), runs, completed, diverged, failed; of each quantity
/// NAME_n (the values that count), NAME_mean, NAME_sd, NAME_half_interval and, of one that counts steps, NAME_bound
/// ("at_least" where a level was not reached by each run, so that the mean is at least this; "at_most" where each run
/// had reached it in its first row); plan, Plan::hash. Empty: no such number.
std::string to_csv(const Summary& summary);

/// The same to look at, mean +- half_interval in the units of the experiment's quantities, at most `width` columns wide
/// (and at least 60): quantities that do not fit are in further tables below. The arm is left out where there is only
/// one, and what no run did.
std::string text_table(const Summary& summary, const config::ExperimentConfig& experiment, std::size_t width);

}  // namespace bnlab::experiments
