#pragma once
// From JSON text to a checked RunConfig and back. The program reads JSON configs here only.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_config.h"

namespace bnlab::config {

/// Reads a config file and those that it extends, applies `overrides` ("optimizer.learning_rate=0.5", the value is
/// JSON, a bare word is a string; a number in the path is an index into a list), fills in a network that is given by
/// name, and checks everything. Throws ConfigError whose text has one line for each problem: "training.batch_size: must
/// be at least 1, got -3", "optimizer.learning_rat: unknown key; did you mean \"learning_rate\"?". DataError where the
/// file can't be read is a ConfigError here: a config that is missing is a usage error.
///
/// What is valid but most likely an oversight, which only the text shows, is added to `warnings` where they are asked
/// for (config::warnings() has what the values show).
RunConfig load(const std::filesystem::path& file, const std::vector<std::string>& overrides,
               std::vector<std::string>* warnings = nullptr);

/// The same from JSON text; `folder` is where `networks/NAME.json` is looked for first; `source` names the text in
/// errors, `option` the overrides. `file`: where the text is from, which `extends` is relative to; empty: to `folder`.
RunConfig parse(std::string_view text, const std::vector<std::string>& overrides, const std::filesystem::path& folder,
                const std::string& source, const std::filesystem::path& file = {}, std::string_view option = "--set",
                std::vector<std::string>* warnings = nullptr);

/// A network file alone (configs/networks/*.json), checked.
NetworkConfig load_network(const std::filesystem::path& file);

/// Whether a JSON file is a network file (has `layers` at the top and no `dataset`), for `bnlab validate`.
bool is_network_file(const std::filesystem::path& file);

/// Throws ConfigError for a run.json or verdict.json, of which a reader of configs would only name every key.
void refuse_result_file(const std::filesystem::path& file);

/// Whether a JSON file is a JSON Schema (its `$schema` names a draft of json-schema.org), as those beside the configs
/// are.
bool is_schema_file(const std::filesystem::path& file);

/// The resolved config as JSON, every default in it, the network inline; parse() of it gives an equal config.
std::string to_json(const RunConfig& config);

/// JSON Schema (draft 2020-12) of a config file; what configs/schema.json holds.
std::string json_schema();

/// Markdown table of all fields: name, type and range, default, meaning. configs/README.md and experiments/README.md
/// hold it between two marks.
std::string markdown_reference();

/// Folders in which networks/NAME.json, then configs are looked for: `folder`, BNLAB_CONFIGS, beside the program
/// (../../configs from build/<preset>/, ../share/bnlab/configs from bin/), ./configs.
std::vector<std::filesystem::path> config_folders(const std::filesystem::path& folder);

/// Names of the JSON files in a folder, without their ending, sorted; none where there is no such folder.
std::vector<std::string> json_names(const std::filesystem::path& folder);

/// Names of all network files found in config_folders("."), sorted.
std::vector<std::string> network_names();

}  // namespace bnlab::config
