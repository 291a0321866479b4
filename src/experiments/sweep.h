#pragma once
// A sweep's directory: experiment.json, configs/NAME.json and runs/NAME of each run, runs.csv, summary.csv,
// verdict.json.

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/executor.h"
#include "experiments/plan.h"

namespace bnlab::experiments {

/// A run of a plan and the report of its directory.
struct SweepRun {
  const PlannedRun* run;
  Task task;
  RunReport report;
};

/// Each run of the plan once (equal arms share one), in the plan's order, with the report of its directory.
/// `only`: patterns of arms or points ("batch*"); empty: all. Throws ConfigError for a pattern that fits none.
std::vector<SweepRun> sweep_runs(const Plan& plan, const std::filesystem::path& directory,
                                 const std::vector<std::string>& only);

/// Writes experiment.json and the configs of these runs. A runs.csv of other quantities becomes runs.csv.old: its
/// numbers are not those of this experiment. Throws ConfigError where there can be no such directory, it is another
/// experiment's, or files that are no sweep's have the names of a sweep's; RunError where it can't be written.
void prepare(const Plan& plan, const std::vector<SweepRun>& runs, const std::filesystem::path& directory);

/// Lets the next call run the failed ones of these runs again: clear_failure(); of a damaged run all files are removed.
/// Throws RunError.
void clear_failures(const std::vector<SweepRun>& runs);

/// The tasks that are left: missing and unfinished ones; failed ones with `retry_failed`.
std::vector<Task> remaining(const std::vector<SweepRun>& runs, bool retry_failed);

/// Whether a sweep in `directory` writes `file`, or it lies among its configs or runs; neither has to exist.
bool is_file_of_a_sweep(const std::filesystem::path& directory, const std::filesystem::path& file);

/// Whether a name fits a pattern with * and ?.
bool fits(const std::string& pattern, const std::string& name);

}  // namespace bnlab::experiments
