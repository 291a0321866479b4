#pragma once
#include <cstdint>
#include <filesystem>

#include "config/experiment_config.h"
#include "experiments/criteria.h"
#include "experiments/executor.h"

namespace bnlab::experiments {

/// The quantity's number for one run that has ended, as `report` says, from the CSV files in its directory. A level
/// that was never reached needs at least the steps that were asked for; what was finite in all rows of a run that
/// diverged was not at its last step. A number of steps lies between the row before and the one that has it; where the
/// first row has it, between from_step and that row. NaN where nothing is defined: no row lies at the steps that count,
/// or the run diverged before a row that the reduction needs. Only train.csv has a row of the step at which a run
/// diverged, so what needs the last row of another file is not defined then. Throws DataError for a file that is
/// missing, cut off or damaged, and for one of a run that completed without a row at the step or of a value that is
/// asked for; ConfigError for a column that is not there and for rows of eval.csv that `where` leaves open.
Value measure(const config::QuantityConfig& quantity, const std::filesystem::path& directory, const RunReport& report);

/// Which of two values of the quantity is the better one. For a number of steps `better` is about the column.
config::Better better_value(const config::QuantityConfig& quantity);

}  // namespace bnlab::experiments
