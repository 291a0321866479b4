#pragma once
// From an experiment file to a checked ExperimentConfig, and from its arms to the configs of runs.

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "config/run_config.h"

namespace bnlab::config {

/// How much of an experiment is run.
enum class Profile { quick, full };

/// Columns of a sweep's runs.csv beside its axes and quantities; axes stand behind the first, quantities behind the
/// fourth. No quantity may have such a name.
inline constexpr std::array run_columns{"arm",
                                        "seed",
                                        "run",
                                        "status",
                                        "last_step",
                                        "error",
                                        "seconds",
                                        "steps_per_second",
                                        "instruction_set",
                                        "onednn",
                                        "git_revision",
                                        "threads",
                                        "dataset_sha256",
                                        "machine",
                                        "build"};
/// Those of them that a file of an earlier version may lack.
inline constexpr std::array newer_run_columns{"machine", "build"};
/// Columns of the two files that each run writes.
inline constexpr std::array train_columns{"step",     "epoch",         "examples",    "learning_rate", "loss",
                                          "accuracy", "gradient_norm", "weight_norm", "seconds"};
inline constexpr std::array eval_columns{"step", "epoch", "split", "statistics", "loss", "accuracy"};
/// Ends the name of the column that says whether a number of steps is a bound.
inline constexpr const char* bound_suffix = "_bound";
/// Ends the name of the column that has the low end of a number of steps, where rows leave it open. Files of an earlier
/// version may lack it.
inline constexpr const char* from_suffix = "_from";

/// Reads an experiment file and checks it, apart from what its settings make of configs (resolve() does that). Throws
/// ConfigError whose text has one line for each problem.
ExperimentConfig load_experiment(const std::filesystem::path& file);

/// The same from JSON text; `source` names it in errors.
ExperimentConfig parse_experiment(std::string_view text, const std::string& source);

/// Whether a JSON file is an experiment (an object with `claim` or `arms`), for `bnlab validate`.
bool is_experiment_file(const std::filesystem::path& file);

/// The whole experiment as JSON, every default in it; parse_experiment() of it gives an equal one.
std::string to_json(const ExperimentConfig& experiment);

/// JSON Schema (draft 2020-12) of an experiment file.
std::string experiment_schema();

/// Markdown table of all fields of an experiment.
std::string experiment_reference();

/// A base with its file read in: what experiment.json keeps, so that nothing outside changes it. `folder`: of the
/// experiment, where the file is looked for first. Throws ConfigError.
BaseConfig read_base(const BaseConfig& base, const std::filesystem::path& folder);

/// The experiment as it is run with a profile: settings of the profile, then `settings`, in the base and in the configs
/// that arms have of their own, which are resolved and written out; seeds, levels and axes of the profile in place; no
/// profiles left. `seeds`: how many, in place of those. Where this is not the full profile as the file has it, "(full
/// profile)" is put before the finding and the explanations. Throws ConfigError.
ExperimentConfig effective(const ExperimentConfig& experiment, Profile profile,
                           const std::vector<std::string>& settings, std::optional<std::int64_t> seeds,
                           const std::filesystem::path& folder);

/// The config of one run: a base that has been read, with settings ("optimizer.learning_rate=0.5") on top in their
/// order. Throws ConfigError whose lines name `label`.
RunConfig resolve(const BaseConfig& base, const std::vector<std::string>& settings, const std::filesystem::path& folder,
                  const std::string& label);

/// "path=value" for each.
std::vector<std::string> texts_of(const Settings& settings);

/// Where two configs differ: a dotted path and both values, "(unset)" where one has none.
struct Difference {
  std::string path;
  std::string first;
  std::string second;
  std::vector<std::string> decided_by;  // paths of the fields whose values say whether this one applies
};
std::vector<Difference> differences(const RunConfig& first, const RunConfig& second);

/// Names of the experiments in `folder`, sorted.
std::vector<std::string> experiment_names(const std::filesystem::path& folder);

}  // namespace bnlab::config
