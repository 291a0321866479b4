#pragma once
// Stochastic gradient descent.

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

}  // namespace bnlab::reference
