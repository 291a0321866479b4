#pragma once
// An experiment's arms, points and seeds as runs.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/experiment_config.h"
#include "config/run_config.h"

namespace bnlab::experiments {

/// One combination of an arm's axes; an arm without axes has one point without settings.
struct ArmPoint {
  std::string arm;
  std::string label;                                          // "grid[learning_rate=0.1,std=0.01]", "batch"
  std::vector<std::pair<std::string, std::string>> settings;  // paths of the axes, and values as JSON
  config::RunConfig config;                                   // with the first seed
};

struct PlannedRun {
  std::size_t point = 0;  // of Plan::points
  std::uint64_t seed = 0;
  config::RunConfig config;
  std::string name;  // of its directory, which begins with a hash of the config; equal configs share one
  std::optional<std::size_t> parent = std::nullopt;  // of Plan::runs: the run whose weights it starts from
};

struct Plan {
  config::ExperimentConfig experiment;  // effective, with quantities
  std::vector<std::string> axes;        // every path that some arm has as an axis, in their order
  std::vector<ArmPoint> points;
  std::vector<PlannedRun> runs;  // of each seed all points, so that a sweep that is stopped has whole pairs
  std::string hash;  // 16 hexadecimal digits of what decides the runs and their judgement; words are not part of it
};

/// What `initialization.from` says where the weights are those of another arm's run of the same seed: "arm:LABEL". In
/// the config of a run it is "run:HASH", so that the run's own hash follows its parent's.
inline constexpr const char* arm_prefix = "arm:";

/// All runs of an experiment as config::effective() or config::to_experiment() made it. Without quantities it gets
/// default_quantities(). Throws ConfigError for settings that make no config, for
/// an arm with undeclared differences from the base, for a criterion about an unknown point, for quantities and axes
/// that no run provides (plan_checks.h), for a start from an arm that is unknown, comes later or keeps no weights, for
/// a claim that could not fail (certain_claims.h), and for more than 100,000 runs.
Plan make_plan(const config::ExperimentConfig& experiment);

/// What an arm's point declares and changes against the base: "optimizer.learning_rate: 0.1 -> 0.5", one a line.
std::vector<std::string> changes_of(const Plan& plan, const ArmPoint& point);

/// How labels and tables call axes: the last parts of the paths, or the whole paths where two are alike.
std::vector<std::string> names_of_axes(const std::vector<std::string>& paths);

/// The value of an axis as labels and tables show it: a text without its quotes, else the JSON.
std::string shown_value(const std::string& json);

/// 64 hexadecimal digits of the config's content; its description is not part of it.
std::string hash_of(const config::RunConfig& config);

/// The value of an axis as a number: the value where it is a number, otherwise its place in the list, from 0.
double axis_value(const Plan& plan, const std::string& arm, const std::string& path, const std::string& value);

}  // namespace bnlab::experiments
