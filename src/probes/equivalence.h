#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// equivalence.csv: the network beside the same network with the probe's normalization, on the same parameters and one
/// batch: for the network's output ("output"), the gradient of its input ("input") and of each parameter, the L2 norm
/// of the difference over that of the network's own (error), and that norm (size). Errors are rounding where the two
/// normalizations are the same function, as group normalization with one group and layer normalization (Wu & He 2018,
/// 3.1). Throws ConfigError where the two don't have the same parameters.
std::unique_ptr<Probe> make_equivalence(const config::ProbeConfig& config, const ProbeContext& context);

/// Throws ConfigError where the network can't have the other normalization. `path` is the probe's place in the config
/// ("probes.0").
void check_equivalence(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run);

}  // namespace bnlab::probes
