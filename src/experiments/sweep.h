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
/// `only`: patterns of arms or points ("batch*"), whose parents are among the runs too; empty: all. Throws ConfigError
/// for a pattern that fits none.
std::vector<SweepRun> sweep_runs(const Plan& plan, const std::filesystem::path& directory,
                                 const std::vector<std::string>& only);

/// Throws ConfigError where the directory holds another experiment's sweep, files that are no sweep's and have the
/// names of a sweep's, or, without `replace`, a sweep with another profile or --set, or with seeds that this one lacks.
void refuse_another_sweep(const Plan& plan, const std::filesystem::path& directory, bool replace);

/// Writes the configs of these runs and, last, experiment.json. What belongs to another plan is set aside before
/// (set_aside.h); returns the folder where it is, empty without. Throws as refuse_another_sweep() does, ConfigError
/// where there can be no such directory, and RunError where it can't be written.
std::filesystem::path prepare(const Plan& plan, const std::vector<SweepRun>& runs,
                              const std::filesystem::path& directory, bool replace = false);

/// Lets the next call run the failed ones of these runs again: clear_failure(); of a damaged run all files are removed.
/// Throws RunError.
void clear_failures(const std::vector<SweepRun>& runs);

/// The tasks that are left: missing and unfinished ones; failed ones with `retry_failed`.
std::vector<Task> remaining(const std::vector<SweepRun>& runs, bool retry_failed);

/// Whether a sweep in `directory` writes `file`, or it lies among its configs, runs or earlier plans; neither has to
/// exist.
bool is_file_of_a_sweep(const std::filesystem::path& directory, const std::filesystem::path& file);

}  // namespace bnlab::experiments
