#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// residual_branches.csv: for each residual layer, on one batch: branch_magnitude, the largest absolute value that its
/// body adds to the shortcut; branch_share, the sum of squares of what the body adds over that of the output (nan where
/// the output is 0); and identity_error, the largest abs(output - input) over the largest abs(input), nan where the
/// shapes differ. All are 0 where gamma is 0 at the end of each body (Goyal et al. 2017, 5.1).
std::unique_ptr<Probe> make_residual_branches(const ProbeContext& context);

}  // namespace bnlab::probes
