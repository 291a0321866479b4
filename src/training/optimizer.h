#pragma once
// Optimizers: one pass over the contiguous block of parameters.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "config/run_config.h"
#include "layers/parameter.h"
#include "util/npz.h"

namespace bnlab::training {

/// Norms before the update.
struct StepNorms {
  double gradient = 0;  // L2 norm of the loss's gradient over all parameters, trainable or not, before clipping and
                        // weight decay; not finite where the gradient isn't
  double weights = 0;   // L2 norm over weights alone (no bias, gamma or beta)
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Changes the parameters by their gradients. Allocates nothing.
  virtual StepNorms step(double learning_rate) = 0;
  /// What a checkpoint keeps, by name: "step", the steps done, and "dense1.weights.velocity" in row-major order.
  virtual NpzArrays state() const = 0;
  /// Throws DataError where an array is missing or of another shape.
  virtual void set_state(const NpzArrays& arrays) = 0;
};

/// How many arrays as large as the parameters the optimizer keeps.
std::size_t state_arrays(const config::OptimizerConfig& config);

/// The factory. `parameters` outlive the optimizer; `threads` is how many threads share an update (the result does not
/// depend on it); `seed` chooses the values that `trainable` draws. All optimizers do, in this order:
///   clipping as torch.nn.utils.clip_grad_norm_: g *= min(1, clip_norm / (norm + 1e-6)), the norm over trainable
///   values; decay, for weights alone unless the config says otherwise: coupled g += weight_decay * w, or decoupled w
///   -= learning_rate * weight_decay * w (Loshchilov & Hutter 2019); their own rule. Values that are not trainable
///   never change.
/// Throws ConfigError where no value is trainable.
std::unique_ptr<Optimizer> make_optimizer(const config::OptimizerConfig& config, layers::Parameters& parameters,
                                          int threads, std::uint64_t seed = 1);

}  // namespace bnlab::training
