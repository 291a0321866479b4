#include "training/optimizer.h"

#include "training/sgd.h"

namespace bnlab::training {

std::unique_ptr<Optimizer> make_optimizer(const config::OptimizerConfig& config, layers::Parameters& parameters,
                                          int threads) {
  switch (config.type) {
    case config::OptimizerType::sgd:
      break;
  }
  return make_sgd(config, parameters, threads);
}

}  // namespace bnlab::training
