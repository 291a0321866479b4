#pragma once
#include <memory>

#include "training/optimizer.h"

namespace bnlab::training {

/// Stochastic gradient descent with (heavy-ball) momentum and coupled L2 decay, as PyTorch writes it:
///   g += weight_decay * w;  v = momentum * v + g;  w -= learning_rate * v.
/// Gamma, beta and biases decay only with `decay_normalization_and_biases`.
std::unique_ptr<Optimizer> make_sgd(const config::OptimizerConfig& config, layers::Parameters& parameters, int threads);

}  // namespace bnlab::training
