#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// scale_invariance.csv: for each array of weights w and each factor a, on one batch, with a w in place of w:
/// normalized ("yes" where a normalization comes right behind the layer), output_error, the L2 norm of the change of
/// the network's output relative to that of the output, gradient_error, ||a dL/d(aw) - dL/dw|| / ||dL/dw||, and
/// loss_change, the relative change of the loss. Behind batch normalization without epsilon BN((aW)u) = BN(Wu) and
/// dL/d(aW) = (1/a) dL/dW (Ioffe & Szegedy 2015, 3.3), so all three are 0 but for rounding. The weights are put back.
std::unique_ptr<Probe> make_scale_invariance(const config::ProbeConfig& config, const ProbeContext& context);

}  // namespace bnlab::probes
