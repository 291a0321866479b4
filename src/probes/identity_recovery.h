#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// identity_recovery.csv: for each layer of batch normalization, on one batch, with gamma = sqrt(var + epsilon) and
/// beta = mean of its input: error, the largest abs(output - input) over the largest abs(input). 0 but for rounding:
/// the layer can undo its normalization (Ioffe & Szegedy 2015, section 3). Gamma and beta are put back.
std::unique_ptr<Probe> make_identity_recovery(const ProbeContext& context);

}  // namespace bnlab::probes
