#pragma once
#include <cstdint>
#include <filesystem>

#include "config/experiment_config.h"
#include "experiments/criteria.h"
#include "experiments/executor.h"

namespace bnlab::experiments {

/// The quantity's number for one run that has ended, from the CSV files in its directory. `steps` that the run was to
/// make: a level that was never reached needs at least so many. NaN where nothing is defined: no row lies at the steps
/// that count, or the run diverged before a row that the reduction needs. Only train.csv has a row of the step at which
/// a run diverged, so what needs the last row of another file is not defined then. Throws DataError for a file that is
/// missing or damaged, and for one of a run that completed without any row that `where` asks for; ConfigError for a
/// column that is not there and for rows of eval.csv that `where` leaves open.
Value measure(const config::QuantityConfig& quantity, const std::filesystem::path& directory, RunState state,
              std::int64_t steps);

}  // namespace bnlab::experiments
