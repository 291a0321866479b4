#pragma once
#include "config/experiment_config.h"
#include "config/json.h"
#include "config/problems.h"

namespace bnlab::config {

/// The path of a config that only an experiment's `seeds` set, and the rule that says so.
inline constexpr const char* seed_path = "training.seed";
inline constexpr const char* leave_seed = "must leave training.seed to seeds";

/// Adds what is wrong between the parts of an experiment: names that nothing has, arms that a criterion cannot compare,
/// axes that a figure cannot draw. `root`: the JSON that the experiment was read from.
void check_experiment(const Json& root, const ExperimentConfig& experiment, Problems& problems);

}  // namespace bnlab::config
