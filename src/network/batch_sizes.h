#pragma once
#include "config/run_config.h"
#include "normalization/normalization.h"

namespace bnlab::network {

/// Throws ConfigError where evaluation with statistics of the batch cannot have evaluation.batch_sizes: statistics
/// would be over one value, or training has batches by class and a size is no multiple of their classes.
void check_batch_sizes(const config::RunConfig& config, const normalization::NormalizationStates& states);

}  // namespace bnlab::network
