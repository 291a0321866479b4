#pragma once
// runs.csv: the table of runs as a file. Verdicts are computed from this file and experiment.json, and nothing else.

#include <filesystem>
#include <string>

#include "experiments/plan.h"
#include "experiments/run_table.h"

namespace bnlab::experiments {

/// The table as CSV. Columns: arm, the axes, seed, run, status, each quantity (for those that count steps also
/// QUANTITY_bound, "at_least" where a level was never reached, and QUANTITY_from, above which the number lies where it
/// is not exact), last_step, error, seconds, steps_per_second, instruction_set, onednn, git_revision, threads,
/// dataset_sha256, machine, build, initial_weights_sha256, train_sha256, doubt, plan.
std::string to_csv(const RunTable& table);

/// Reads it back; the choices of best_of are made anew. Of a file without QUANTITY_from, a number of steps lies above
/// that number less the steps between two rows, as the config of the run has them. Throws DataError where the file is
/// damaged, is of another plan, or does not hold one row for each run of the plan, identified by the hash in its name.
RunTable read_run_table(const std::filesystem::path& file, const Plan& plan);

}  // namespace bnlab::experiments
