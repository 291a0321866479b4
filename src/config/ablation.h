#pragma once
// An ablation as the command line describes it: `bnlab sweep CONFIG --grid PATH=V,V,... --zip PATH=V,V,...`.

#include <optional>
#include <string>
#include <vector>

#include "config/experiment_config.h"

namespace bnlab::config {

struct Ablation {
  std::string file;                   // a run's config
  std::vector<std::string> settings;  // PATH=VALUE, of all runs
  std::vector<std::string> grid;      // PATH=V,V,...: every combination
  std::vector<std::string> zip;       // the same: the first values together, then the second, ...
  std::vector<std::string> metrics;   // metric.h
  std::optional<Seeds> seeds;
};

/// An experiment of one arm, as effective() would make it: the config resolved, with the settings; no claim, no
/// criteria, no profile. It is named after the config and the axes. Throws ConfigError for a wrong config
/// and wrong axes; the values of the axes are checked when the plan makes configs of them.
ExperimentConfig to_experiment(const Ablation& ablation);

/// The seeds of "3" (1 to 3), "1,5,9" or "[7]". Throws ConfigError.
Seeds parse_seeds(const std::string& text);

}  // namespace bnlab::config
