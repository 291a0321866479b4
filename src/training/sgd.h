#pragma once
#include <memory>

#include "config/run_config.h"
#include "training/update_rule.h"

namespace bnlab::training {

/// Stochastic gradient descent with heavy-ball momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013), as PyTorch
/// writes it:  v = momentum * v + g;  w -= learning_rate * v, or learning_rate * (g + momentum * v) with Nesterov's.
std::unique_ptr<UpdateRule> make_sgd(const config::OptimizerConfig& config);

}  // namespace bnlab::training
