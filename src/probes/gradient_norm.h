#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// gradient_norm.csv: for each parameter the L2 norm of the mean loss's gradient (before weight decay) and of its
/// value, both before the update of that step, and gradient / value (nan where the value is zero).
std::unique_ptr<Probe> make_gradient_norm(const ProbeContext& context);

}  // namespace bnlab::probes
