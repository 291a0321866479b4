#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// statistics_gap.csv: for each normalization with population statistics, how far its running statistics and those of
/// the last training batch lie from precise ones (over normalization.precise_batches batches, as evaluation takes them,
/// so without dropout): running_mean_gap and batch_mean_gap, the means over channels of abs(mean - precise mean) /
/// precise standard deviation; running_variance_ratio and batch_variance_ratio, geometric means over channels of
/// precise variance / variance. A ratio other than 1 is a variance shift (Li et al. 2018, equation 8). Variances are
/// biased or unbiased as normalization.running_variance says. No row for step 0.
std::unique_ptr<Probe> make_statistics_gap(const ProbeContext& context);

}  // namespace bnlab::probes
