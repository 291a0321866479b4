#include "training/learner.h"

#include <span>

namespace bnlab::training {

Learner::Learner(const config::RunConfig& config, const data::Dataset& dataset,
                 std::unique_ptr<network::Assembly> assembly, int threads)
    : config_(config),
      scaler_(dataset, config.dataset.scaling),
      network_(config, dataset.info, std::move(assembly), config.training.batch_size, false,
               state_arrays(config.optimizer) + (config::micro_batches(config.training) > 1 ? 1 : 0)),
      optimizer_(make_optimizer(config.optimizer, network_.parameters(), threads, config.training.seed)),
      batches_(dataset, scaler_, config),
      parts_(config::micro_batches(config.training)) {
  if (parts_ > 1) sums_.resize(network_.parameters().diffs().size());
}

void Learner::run(std::int64_t step) {
  for (std::int64_t part = 0; part < parts_; ++part) {
    load(step, part);
    program().forward();
    program().backward();
    take(part);
  }
}

void Learner::load(std::int64_t step, std::int64_t part) {
  network::Executable& input = program();
  const std::int64_t batch = (step - 1) * parts_ + part;
  batches_.load(batch, input.images(), input.labels(), input.targets());
  input.set_step(step, config_.training.steps, batch + 1);
}

void Learner::take(std::int64_t part) {
  loss_ = (part == 0 ? 0 : loss_) + program().loss();
  correct_ = (part == 0 ? 0 : correct_) + program().correct();
  if (parts_ == 1) return;
  const std::span<float> diffs = network_.parameters().diffs();
  for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] = (part == 0 ? 0.0f : sums_[i]) + diffs[i];
  if (part + 1 < parts_) return network_.update_running_statistics();
  const bool is_mean = config_.loss.reduction == config::Reduction::mean;
  const double share = is_mean ? 1.0 / static_cast<double>(parts_) : 1.0;
  loss_ *= share;
  for (std::size_t i = 0; i < sums_.size(); ++i) diffs[i] = static_cast<float>(share) * sums_[i];
}

StepNorms Learner::update(double learning_rate) {
  const StepNorms norms = optimizer_->step(learning_rate);
  network_.update_running_statistics();
  return norms;
}

}  // namespace bnlab::training
