#include "training/optimizer.h"

#include "training/adam.h"
#include "training/block_optimizer.h"
#include "training/rmsprop.h"
#include "training/sgd.h"

namespace bnlab::training {
namespace {

std::unique_ptr<UpdateRule> make_rule(const config::OptimizerConfig& config) {
  switch (config.type) {
    case config::OptimizerType::sgd:
      return make_sgd(config);
    case config::OptimizerType::adam:
    case config::OptimizerType::adamw:  // another default of `decay` is all
      return make_adam(config);
    case config::OptimizerType::rmsprop:
      break;
  }
  return make_rmsprop(config);
}

}  // namespace

std::size_t state_arrays(const config::OptimizerConfig& config) { return make_rule(config)->arrays().size(); }

std::unique_ptr<Optimizer> make_optimizer(const config::OptimizerConfig& config, layers::Parameters& parameters,
                                          int threads, std::uint64_t seed) {
  return make_block_optimizer(make_rule(config), config, parameters, threads, seed);
}

}  // namespace bnlab::training
