#pragma once
#include <memory>

#include "config/run_config.h"
#include "training/update_rule.h"

namespace bnlab::training {

/// Adam (Kingma & Ba 2015, algorithm 1), as PyTorch writes it; with decoupled decay it is AdamW (Loshchilov & Hutter
/// 2019, algorithm 2). In step t:
///   m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2;
///   w -= learning_rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
std::unique_ptr<UpdateRule> make_adam(const config::OptimizerConfig& config);

}  // namespace bnlab::training
