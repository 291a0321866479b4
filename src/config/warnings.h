#pragma once
#include <string>
#include <vector>

#include "config/run_config.h"

namespace bnlab::config {

/// Settings that are valid but cancel each other, or never have an effect in this run, each as "path: what happens".
/// Requires steps and batch sizes that are numbers: epochs and full batches must have been resolved.
std::vector<std::string> warnings(const RunConfig& config);

}  // namespace bnlab::config
