#pragma once
#include <cstdint>

#include "config/run_config.h"

namespace bnlab::training {

/// The learning rate of `step` (from 1) in a run of `steps`. With t = step - 1, the updates done before:
///   t < warmup_steps (all but one_cycle): r * (s + (1 - s) * t / warmup_steps), s = warmup_start, as PyTorch's
///   LinearLR; afterwards, with t counted from there:
///   constant     r
///   step         r * factor^floor(t / every)
///   exponential  r * factor^(t / every)
///   cosine       f + (r - f) * (1 + cos(pi t / T)) / 2, f = final_fraction * r, T = steps - warmup_steps, as PyTorch's
///                CosineAnnealingLR: the last step is the one before f
///   doubling     r * 2^(t / every)
///   one_cycle    as PyTorch's OneCycleLR (cos, two phases): from initial_fraction * r up to r at t = peak * steps - 1,
///                down to final_fraction * r at t = steps - 1, each along half a cosine.
/// Never more than the largest f32, so that a rate that grows without end makes the run diverge, nothing else.
double learning_rate(const config::OptimizerConfig& config, std::int64_t step, std::int64_t steps);

}  // namespace bnlab::training
