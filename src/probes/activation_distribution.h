#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// activation_distribution.csv: for each activation layer, of its input and of its output, over all units ("all") and
/// over each unit in `units`: percentiles 5, 15, 50, 85, 95 (linear between order statistics), mean, (biased) standard
/// deviation, fraction_saturated (values where |f'| < 5 % of its maximum; for ReLU where the output is 0) and
/// fraction_dead (units that are saturated for every value seen). A unit of an image is a channel, its values are those
/// of all positions. Looks at `examples` training images drawn once from a stream of their own, in batches of
/// training.batch_size (rounded up to whole batches), normalized as in training, with the parameters after the step.
std::unique_ptr<Probe> make_activation_distribution(const config::ProbeConfig& config, const ProbeContext& context);

/// Throws ConfigError where a unit is beyond the widest activation layer. `path` is the probe's place in the config
/// ("probes.0").
void check_activation_distribution(const config::ProbeConfig& config, const std::string& path,
                                   const std::vector<network::LayerShape>& layers);

}  // namespace bnlab::probes
