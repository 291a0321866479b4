#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// landscape.csv (Santurkar et al. 2018, figure 4): for each step that is measured, on its batch, with its parameters
/// theta before the update, their loss L and gradient g over all trainable parameters, before decay, momentum and
/// clipping, and theta(m) = theta - m eta g for each multiplier m, eta the rate of the step or 1 (`unit`):
///   loss            L(theta)
///   gradient_norm   ||g||
///   loss_minimum, loss_maximum, loss_range   of L(theta(m)) over the multipliers, without m = 0
///   gradient_change   max_m ||g(theta(m)) - g||
///   relative_change   gradient_change / ||g||
///   smoothness        max_m ||g(theta(m)) - g|| / (m eta ||g||)
///   critical_rate     the smallest m eta with L(theta(m)) >= ratio L(theta): between two multipliers where log L is
///                     linear in log m; the multiplier itself where it is the first, or where a log is not finite
///   rise_rate         the same with ratio 1
///   best_ratio        min_m L(theta(m)) / L(theta)
/// Statistics of the batch are taken anew at each point, running ones stay. A loss or gradient that is not finite
/// counts as inf. critical_rate and rise_rate are inf where no multiplier reaches them; what is divided by a gradient
/// or a loss of 0 is nan. Has no row for step 0. With `points`, landscape_points.csv has a row for each multiplier.
std::unique_ptr<Probe> make_landscape(const config::ProbeConfig& config, const ProbeContext& context);

}  // namespace bnlab::probes
