#pragma once
// A quantity as the command line names it: eval.csv:accuracy:final.

#include <string>

#include "config/experiment_config.h"
#include "config/json.h"
#include "config/problems.h"

namespace bnlab::config {

/// The quantity's JSON. `text` is [NAME=][FILE[COLUMN=VALUE,...]:]COLUMN[:REDUCTION[:NUMBER]] or a quantity as JSON.
/// Without FILE: eval.csv, whose rows are those of the test split unless the brackets name another. Without REDUCTION:
/// final. NUMBER: the last rows of mean and median, the step of `at`, the level of steps_to. Without NAME: made from
/// the others, such as test_accuracy. What can't be read is noted in `problems`.
Json metric_json(const std::string& text, const Origin& origin, Problems& problems);

/// The final value of a column of eval.csv, of the test split.
QuantityConfig final_of_test_split(const std::string& column);

}  // namespace bnlab::config
