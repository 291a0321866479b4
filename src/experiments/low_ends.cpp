#include "experiments/low_ends.h"

#include <algorithm>
#include <limits>
#include <string>

#include "config/csv_columns.h"
#include "config/experiment_kinds.h"
#include "config/probe_files.h"
#include "experiments/run_cells.h"

namespace bnlab::experiments {
namespace {

using config::QuantityConfig;

/// The most steps between two rows of a quantity's file in the runs of a point.
double steps_between_rows(const QuantityConfig& quantity, const ArmPoint& point) {
  const config::TrainingConfig& training = point.config.training;
  std::int64_t every =
      config::run_file_of(quantity.file) == config::RunFile::train ? training.log_every : training.eval_every;
  for (const config::ProbeConfig& probe : point.config.probes)
    if (config::writes(probe, quantity.file)) every = probe.every;
  // 0: at the end alone.
  return every > 0 ? static_cast<double>(every) : std::numeric_limits<double>::infinity();
}

}  // namespace

void add_low_ends(RunRow& row, const CsvTable& csv, const Plan& plan) {
  for (auto& [name, value] : row.quantities) {
    const QuantityConfig& quantity = quantity_of(plan.experiment, name);
    if (!row_of(quantity.series.over_time).counts_steps || csv.find(from_column(name))) continue;
    if (value.bound != Bound::exact || !(value.value > 0)) continue;
    const double apart =
        row.point ? steps_between_rows(quantity, plan.points[*row.point]) : std::numeric_limits<double>::infinity();
    value.between = Interval{std::max(value.value - apart, 0.0), value.value};
  }
}

}  // namespace bnlab::experiments
