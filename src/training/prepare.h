#pragma once
// The first step of a run: all that can be refused before its directory is touched.

#include <memory>

#include "config/run_config.h"
#include "data/dataset.h"
#include "network/assemble.h"

namespace bnlab::training {

/// What a run is made of.
struct PreparedRun {
  config::RunConfig config;  // resolved: a batch of all is a number, epochs are steps
  data::Dataset dataset;
  std::unique_ptr<network::Assembly> layers;
};

/// Sets the number of threads of the process, checks the config against its network, its probes and its data, and reads
/// the data. Throws ConfigError and DataError.
PreparedRun prepare(config::RunConfig config, int threads);

}  // namespace bnlab::training
