#pragma once
#include "experiments/plan.h"
#include "experiments/run_table.h"
#include "util/csv_table.h"

namespace bnlab::experiments {

/// Adds to a row of a runs.csv the low ends of numbers of steps (QUANTITY_from) where a file of an earlier version
/// lacks them: a number of steps less the steps between two rows in the runs of the row's point, as their config has
/// them. A row of an unknown point may have had all its steps between two rows.
void add_low_ends(RunRow& row, const CsvTable& csv, const Plan& plan);

}  // namespace bnlab::experiments
