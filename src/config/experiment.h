#pragma once
// From an experiment file to a checked ExperimentConfig and back.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/experiment_config.h"
#include "util/file.h"

namespace bnlab::config {

/// Reads an experiment file and checks it, apart from what its settings make of configs (resolve() does that). Throws
/// ConfigError whose text has one line for each problem.
ExperimentConfig load_experiment(const std::filesystem::path& file, Place place = Place::anywhere);

/// The same from JSON text; `source` names it in errors.
ExperimentConfig parse_experiment(std::string_view text, const std::string& source);

/// Whether a JSON file is an experiment (an object with `claim`, `arms` or `base`) and no config of a run.
bool is_experiment_file(const std::filesystem::path& file);

/// The whole experiment as JSON, every default in it; parse_experiment() of it gives an equal one.
std::string to_json(const ExperimentConfig& experiment);

/// What decides how the runs of an experiment are judged, as JSON: its name and profile, each best_of, quantities and
/// criteria. Words, figures and values that are defaults are left out, so that a new field with a default changes
/// nothing.
std::string judgement_text(const ExperimentConfig& experiment);

/// The start of a claim, to be edited: arms, seeds and quantities of an ablation, with its settings, and empty fields
/// for the claim; no defaults. `base`: the name of the config that it starts from.
std::string draft_json(const ExperimentConfig& ablation, const std::string& base);

/// JSON Schema (draft 2020-12) of an experiment file.
std::string experiment_schema();

/// Markdown table of all fields of an experiment.
std::string experiment_reference();

/// Names of the experiments in `folder`, sorted.
std::vector<std::string> experiment_names(const std::filesystem::path& folder);

}  // namespace bnlab::config
