#pragma once
// Which values an optimizer may change.

#include <cstdint>
#include <vector>

#include "config/run_config.h"
#include "layers/parameter.h"

namespace bnlab::network {

/// 1 for each value of the parameters' block that may change, 0 for the others and for padding. `random` draws single
/// weights and biases without replacement, exactly as many as asked for, or with per_channel so many weights of each
/// output channel (the first dimension) of every layer but the last; the choice depends on the seed and the
/// parameters' names and shapes, never on their layout. Throws ConfigError where nothing would be left to train.
std::vector<float> trainable_mask(const config::TrainableConfig& config, const layers::Parameters& parameters,
                                  std::uint64_t seed);

}  // namespace bnlab::network
