#pragma once
// Optimizer configs, and gradients to feed them.

#include <cmath>
#include <string>
#include <vector>

#include "training/optimizer.h"
#include "training/small_run.h"

namespace bnlab::training {

struct NamedOptimizer {
  std::string name;
  config::OptimizerConfig config;
};

/// One of each rule, with everything on that it has.
inline std::vector<NamedOptimizer> every_rule() {
  using config::OptimizerType;
  config::OptimizerConfig plain, momentum, nesterov, adam, adamw, rmsprop, rmsprop_momentum;
  momentum.momentum = 0.9;
  nesterov.momentum = 0.9;
  nesterov.nesterov = true;
  adam.type = OptimizerType::adam;
  adamw.type = OptimizerType::adamw;
  rmsprop.type = OptimizerType::rmsprop;
  rmsprop.smoothing = 0.9;
  for (config::OptimizerConfig* config : {&adam, &adamw, &rmsprop}) {
    config->beta1 = 0.8;
    config->beta2 = 0.95;
    config->epsilon = 1e-2;  // large enough to show where it is added
  }
  rmsprop_momentum = rmsprop;
  rmsprop_momentum.momentum = 0.5;
  std::vector<NamedOptimizer> rules{{"sgd", plain},
                                    {"momentum", momentum},
                                    {"nesterov", nesterov},
                                    {"adam", adam},
                                    {"adamw", adamw},
                                    {"rmsprop", rmsprop},
                                    {"rmsprop_momentum", rmsprop_momentum}};
  for (NamedOptimizer& rule : rules) rule.config.weight_decay = 0.1;
  return rules;
}

inline std::string name_of(const NamedOptimizer& optimizer) { return optimizer.name; }

/// Gradients of every parameter in [-1, 1), others in each step.
inline void set_gradients(layers::Parameters& parameters, int step) {
  for (const auto& parameter : parameters.all()) {
    const auto seed = static_cast<std::uint32_t>(parameter->name.size() * 131 + parameter->name[0] * 7) +
                      static_cast<std::uint32_t>(step) * 1009;
    test::set_gradient(*parameter, test::numbers(static_cast<std::size_t>(parameter->count()), seed));
  }
}

}  // namespace bnlab::training
