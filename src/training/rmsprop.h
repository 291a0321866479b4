#pragma once
#include <memory>

#include "config/run_config.h"
#include "training/update_rule.h"

namespace bnlab::training {

/// RMSprop (Tieleman & Hinton 2012), as PyTorch writes it, not centred:
///   s = smoothing * s + (1 - smoothing) * g^2;  v = momentum * v + g / (sqrt(s) + epsilon);  w -= learning_rate * v.
std::unique_ptr<UpdateRule> make_rmsprop(const config::OptimizerConfig& config);

}  // namespace bnlab::training
