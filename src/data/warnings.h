#pragma once
#include <string>
#include <vector>

#include "config/run_config.h"

namespace bnlab::data {

/// Keys of a dataset that have no effect, one line each: config::warnings() does not know which datasets are made.
/// Throws ConfigError as locate() does.
std::vector<std::string> warnings(const config::DatasetConfig& config);

}  // namespace bnlab::data
