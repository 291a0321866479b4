#pragma once
// Optimizers: one pass over the contiguous block of parameters.

#include <memory>

#include "config/run_config.h"
#include "layers/parameter.h"
#include "util/npz.h"

namespace bnlab::training {

/// Norms before the update.
struct StepNorms {
  double gradient = 0;  // L2 norm of the loss's gradient over all parameters, before weight decay; not finite where the
                        // gradient isn't
  double weights = 0;   // L2 norm over weights alone (no bias, gamma or beta)
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Changes the parameters by their gradients. Allocates nothing.
  virtual StepNorms step(double learning_rate) = 0;
  /// What a checkpoint keeps, by name ("dense1.weights.velocity"), in plain order.
  virtual NpzArrays state() const = 0;
  /// Throws DataError where an array is missing or of another shape.
  virtual void set_state(const NpzArrays& arrays) = 0;
};

/// The factory. `parameters` outlive the optimizer; `threads` is how many threads share an update (the result does not
/// depend on it).
std::unique_ptr<Optimizer> make_optimizer(const config::OptimizerConfig& config, layers::Parameters& parameters,
                                          int threads);

}  // namespace bnlab::training
