#pragma once
#include <filesystem>

#include "experiments/plan.h"
#include "experiments/run_table.h"

namespace bnlab::experiments {

/// Measures all runs of a plan in DIRECTORY/runs. A run whose folder is gone keeps the result that DIRECTORY/runs.csv,
/// or that of a plan that was set aside, has of it; throws DataError where the first is damaged then. An arm that is
/// the best of another's points gets its rows once every run of those points is finished. `check`: which files of the
/// runs are hashed again. What can't be measured is in
/// the row's error.
RunTable collect(const Plan& plan, const std::filesystem::path& directory,
                 training::Check check = training::Check::changed);

}  // namespace bnlab::experiments
