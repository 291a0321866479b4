#pragma once
#include <cstdint>
#include <vector>

#include "config/run_config.h"
#include "layers/parameter.h"

namespace bnlab::network {

/// The first value of a parameter, in C order of its shape. Weights by `config.scheme`, each multiplied by
/// `config.gain`:
///   gaussian N(0, std^2); uniform U(-bound, bound);
///   xavier (Glorot & Bengio 2010, eq. 16): variance 2 / (fan_in + fan_out);
///   he (He et al. 2015, eq. 10): variance 2 / fan_in; both normal or uniform.
/// Biases, gamma and beta are constant. Depends on (seed, parameter's name) alone.
std::vector<float> initial_value(const layers::Parameter& parameter, const config::InitializationConfig& config,
                                 std::uint64_t seed);

}  // namespace bnlab::network
