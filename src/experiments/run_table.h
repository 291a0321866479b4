#pragma once
// runs.csv: one row for each arm, point and seed. Verdicts are computed from it and experiment.json alone.

#include <filesystem>
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
  std::uint64_t seed = 0;
  std::string run;                          // its directory's name
  std::string status;                       // name_of(RunState)
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
};

/// Completed or diverged.
bool is_finished(const RunRow& row);

struct RunTable {
  std::vector<std::string> axes;        // columns
  std::vector<std::string> quantities;  // columns
  std::vector<RunRow> rows;
};

/// Measures all runs of a plan in DIRECTORY/runs. A run whose folder is gone keeps the result that DIRECTORY/runs.csv
/// has of it; throws DataError where that file is damaged then. An arm that is the best of another's points gets its
/// rows once every run of those points is finished. What can't be measured is in the row's error.
RunTable collect(const Plan& plan, const std::filesystem::path& directory);

/// The table as CSV. Columns: arm, the axes, seed, run, status, each quantity (for those that count steps also
/// QUANTITY_bound, "at_least" where a level was never reached, and QUANTITY_from, above which the number lies where it
/// is not exact), last_step, error, seconds, steps_per_second, instruction_set, onednn, git_revision, threads,
/// dataset_sha256, machine, build.
std::string to_csv(const RunTable& table, const config::ExperimentConfig& experiment);

/// Reads it back; the choices of best_of are made anew. Of a file without QUANTITY_from, a number of steps lies above
/// that number less the steps between two rows, as the config of the run has them. Throws DataError where the file is
/// damaged or does not hold one row for each run of the plan.
RunTable read_run_table(const std::filesystem::path& file, const Plan& plan);

/// What of the runs that ended differs beside the arms, a line each.
std::vector<std::string> warnings_of(const RunTable& table, const Plan& plan);

/// What a criterion looks at.
Evidence evidence_for(const config::CriterionConfig& criterion, const RunTable& table, const Plan& plan);

/// The choice of each arm that is the best of another's points: "none_best: learning_rate=0.1 (train loss 0.31)".
struct Choice {
  std::string arm;
  std::string of;
  std::string point;  // "[learning_rate=0.1]"; empty where none could be made
  std::string quantity;
  double mean = 0;
  std::vector<std::pair<std::string, double>> candidates;  // each point and its mean over the seeds
};
std::vector<Choice> choices(const RunTable& table, const Plan& plan);

}  // namespace bnlab::experiments
