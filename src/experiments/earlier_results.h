#pragma once
// Results of runs whose directories are gone: the tables of runs that a sweep's directory has kept.

#include <filesystem>
#include <map>
#include <string>

#include "experiments/plan.h"
#include "experiments/run_table.h"

namespace bnlab::experiments {

/// The finished runs of a directory's runs.csv, and of plans that were set aside in it, by the hash of the run, with
/// the quantities that are defined as in the plan. Arms and axes are those of the file. Throws DataError where runs.csv
/// is damaged: it will be written again, and results that only it has would be lost.
std::map<std::string, RunRow> earlier_results(const std::filesystem::path& directory, const Plan& plan);

}  // namespace bnlab::experiments
