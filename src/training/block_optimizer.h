#pragma once
#include <cstdint>
#include <memory>

#include "training/optimizer.h"
#include "training/update_rule.h"

namespace bnlab::training {

/// An optimizer that applies `rule`: does what all have in common, which is norms, clipping, weight decay, the choice
/// of trainable values, threads and checkpoints.
std::unique_ptr<Optimizer> make_block_optimizer(std::unique_ptr<UpdateRule> rule, const config::OptimizerConfig& config,
                                                layers::Parameters& parameters, int threads, std::uint64_t seed);

}  // namespace bnlab::training
