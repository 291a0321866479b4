#pragma once
// The runs of a plan as a table: one row for each arm, point and seed. It is collected from run directories or read
// from runs.csv; choices, evidence, warnings and verdicts are functions of it and the plan.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "experiments/criteria.h"
#include "experiments/executor.h"
#include "experiments/plan.h"

namespace bnlab::experiments {

struct RunRow {
  std::string arm;
  std::map<std::string, std::string> axes;  // path and value as JSON, of the arm's axes
  std::optional<std::size_t> point;         // of Plan::points; unset in a row that repeats the best of another arm
  std::uint64_t seed = 0;
  std::string run;  // its directory's name
  RunState status = RunState::missing;
  std::map<std::string, Value> quantities;  // those that could be measured, with the 9 digits of the file
  std::int64_t last_step = 0;
  double seconds = 0;
  double steps_per_second = 0;
  std::string error;            // of a failed run, or of what could not be measured
  std::string instruction_set;  // these seven of runs that have ended
  std::string onednn;
  std::string git_revision;
  int threads = 0;
  std::string dataset_sha256;
  std::string machine;  // as training::RunEnd has them; "" in files of an earlier version
  std::string build;
  std::string initial_weights_sha256;  // these four are "" in files of an earlier version
  std::string train_sha256;            // of its train.csv at its end
  std::string doubt;                   // why the files of a finished run are in doubt
  std::string plan;                    // Plan::hash of the sweep
};

/// Completed or diverged.
bool is_finished(const RunRow& row);

struct QuantityColumn {
  std::string name;
  bool counts_steps = false;  // values may be bounds, or lie between two rows
  bool operator==(const QuantityColumn&) const = default;
};

struct RunTable {
  std::vector<std::string> axes;
  std::vector<QuantityColumn> quantities;
  std::vector<RunRow> rows;
};

/// A table with the columns of the plan and no rows.
RunTable empty_table(const Plan& plan);

/// The quantity of that name, which the experiment has.
const config::QuantityConfig& quantity_of(const config::ExperimentConfig& experiment, const std::string& name);

}  // namespace bnlab::experiments
