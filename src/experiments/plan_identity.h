#pragma once
// Which plan the files of a sweep's directory belong to. experiment.json, verdict.json, runs.csv, summary.csv and
// figure.csv bear its hash, Plan::hash: JSON as the key `plan`, CSV in the first row of the column `plan`. Files of an
// earlier version bear none. Whoever reads such a file beside an experiment.json of another plan refuses it.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/plan.h"
#include "util/csv_table.h"

namespace bnlab::experiments {

/// The names of what a sweep's directory holds of one plan, experiment.json first.
std::vector<std::string> files_of_a_plan();

/// The experiment of a directory's experiment.json; nothing where there is none. Throws ConfigError.
std::optional<config::ExperimentConfig> experiment_in(const std::filesystem::path& directory);

/// The plan of an experiment.json as a sweep wrote it; of an earlier version, the hash of what it holds, or "unknown"
/// where that can't be planned.
std::string plan_of(const config::ExperimentConfig& experiment);
/// The plan of a table; "" where it has no such column or no rows.
std::string plan_of(const CsvTable& table);
/// The same of a file; "" also where there is none. Throws DataError where it can't be read.
std::string plan_of_csv(const std::filesystem::path& file);

/// Throws ConfigError where an experiment.json was edited after the sweep wrote it, so that its plan is another.
void refuse_edited(const config::ExperimentConfig& experiment, const Plan& plan, const std::filesystem::path& file);

/// "1 to 5", or "1, 3, 7".
std::string seeds_text(std::vector<std::uint64_t> seeds);

/// Throws DataError where a table of runs is of another plan; says in what it differs, as far as its rows show it.
void refuse_other_plan(const CsvTable& runs, const Plan& plan, const std::filesystem::path& file);

/// Whether two experiments mean the same numbers by a quantity.
bool is_defined_alike(const std::string& quantity, const config::ExperimentConfig& a,
                      const config::ExperimentConfig& b);

/// Why a sweep of `plan` must not take the place of the one in the directory unasked: another profile or --set, or
/// seeds that would no longer count. One line each; none where the plan is the same, the experiment was edited, or
/// seeds were added.
std::vector<std::string> conflicts(const config::ExperimentConfig& earlier, const Plan& plan);

}  // namespace bnlab::experiments
