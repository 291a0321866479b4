#pragma once
// Optimizers, one parameter at a time.

#include <cmath>
#include <vector>

#include "reference/array.h"

namespace bnlab::reference {

struct Sgd {
  double learning_rate = 0.1;
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool decay_normalization_and_biases = false;
};

/// g = gradient + weight_decay * value; velocity = momentum * velocity + g; value -= learning_rate * velocity. Equal
/// shapes; velocity starts at 0. `decay`: whether this parameter decays at all.
inline void sgd_step(Array& value, Array& velocity, const Array& gradient, const Sgd& sgd, bool decay = true) {
  require_shape(velocity, value.shape, "velocity");
  require_shape(gradient, value.shape, "gradient");
  for (std::size_t i = 0; i < value.values.size(); ++i) {
    const double g = gradient.values[i] + (decay ? sgd.weight_decay * value.values[i] : 0.0);
    velocity.values[i] = sgd.momentum * velocity.values[i] + g;
    value.values[i] -= sgd.learning_rate * velocity.values[i];
  }
}

/// A rule with its constants. sgd: heavy-ball or Nesterov's momentum; adam: Kingma & Ba 2015, algorithm 1, and with
/// decoupled decay Loshchilov & Hutter 2019, algorithm 2; rmsprop: Tieleman & Hinton 2012.
struct OptimizerRule {
  enum class Kind { sgd, adam, rmsprop } kind = Kind::sgd;
  double momentum = 0.0;
  bool nesterov = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double smoothing = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  bool decoupled = false;
};

/// What a rule remembers of one parameter; zeros before the first step.
struct OptimizerMemory {
  explicit OptimizerMemory(const Shape& shape) : mean(zeros(shape)), square(zeros(shape)) {}
  Array mean;    // of gradients: velocity or first moment
  Array square;  // second moment
  int steps = 0;
};

/// One step of one parameter. Values where `mask` is false stay; an empty mask is true everywhere.
inline void optimizer_step(Array& value, OptimizerMemory& memory, const Array& gradient, const OptimizerRule& rule,
                           double learning_rate, bool decays = true, const std::vector<bool>& mask = {}) {
  require_shape(gradient, value.shape, "gradient");
  require_shape(memory.mean, value.shape, "memory");
  const double decay = decays ? rule.weight_decay : 0.0;
  ++memory.steps;
  for (std::size_t i = 0; i < value.values.size(); ++i) {
    if (!mask.empty() && !mask[i]) continue;
    double& w = value.values[i];
    double& m = memory.mean.values[i];
    double& v = memory.square.values[i];
    double g = gradient.values[i];
    if (rule.decoupled)
      w -= learning_rate * decay * w;
    else
      g += decay * w;
    switch (rule.kind) {
      case OptimizerRule::Kind::sgd:
        m = rule.momentum * m + g;
        w -= learning_rate * (rule.nesterov ? g + rule.momentum * m : m);
        break;
      case OptimizerRule::Kind::adam: {
        m = rule.beta1 * m + (1.0 - rule.beta1) * g;
        v = rule.beta2 * v + (1.0 - rule.beta2) * g * g;
        const double unbiased_m = m / (1.0 - std::pow(rule.beta1, memory.steps));
        const double unbiased_v = v / (1.0 - std::pow(rule.beta2, memory.steps));
        w -= learning_rate * unbiased_m / (std::sqrt(unbiased_v) + rule.epsilon);
        break;
      }
      case OptimizerRule::Kind::rmsprop:
        v = rule.smoothing * v + (1.0 - rule.smoothing) * g * g;
        m = rule.momentum * m + g / (std::sqrt(v) + rule.epsilon);
        w -= learning_rate * m;
        break;
    }
  }
}

/// The factor of a gradient of this norm (Pascanu et al. 2013), as torch.nn.utils.clip_grad_norm_; `largest` 0: 1.
inline double clipping_factor(double norm, double largest) {
  return largest == 0.0 || norm + 1e-6 <= largest ? 1.0 : largest / (norm + 1e-6);
}

}  // namespace bnlab::reference
