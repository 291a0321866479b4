#include "training/learner.h"

namespace bnlab::training {

Learner::Learner(const config::RunConfig& config, const data::Dataset& dataset,
                 std::unique_ptr<network::Assembly> assembly, int threads)
    : config_(config),
      scaler_(dataset, config.dataset.scaling),
      network_(config, dataset.info, std::move(assembly), config.training.batch_size, false,
               state_arrays(config.optimizer)),
      optimizer_(make_optimizer(config.optimizer, network_.parameters(), threads, config.training.seed)),
      batches_(dataset, scaler_, config) {}

void Learner::load(std::int64_t step) {
  network::Executable& input = program();
  batches_.load(step - 1, input.images(), input.labels(), input.targets());
  input.set_step(step, config_.training.steps);
}

void Learner::run() {
  program().forward();
  program().backward();
}

StepNorms Learner::update(double learning_rate) {
  const StepNorms norms = optimizer_->step(learning_rate);
  network_.update_running_statistics();
  return norms;
}

}  // namespace bnlab::training
