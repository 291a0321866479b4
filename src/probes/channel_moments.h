#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// channel_moments.csv: for the output of each layer, in network order, over one batch and all positions:
/// mean_magnitude (mean over channels of the absolute value of the channel's mean), variance (mean over channels of the
/// biased variance within the channel) and second_moment (mean of the squares of all values). Bjorck et al. 2018,
/// section 3; De & Smith 2020, section 2.
std::unique_ptr<Probe> make_channel_moments(const ProbeContext& context);

}  // namespace bnlab::probes
