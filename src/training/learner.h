#pragma once
// The network with its programs, its training batches, and its optimizer.

#include <cstdint>
#include <memory>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "data/scaler.h"
#include "data/training_batches.h"
#include "network/network.h"
#include "training/optimizer.h"

namespace bnlab::training {

class Learner {
 public:
  /// `config`: with its batches resolved. `dataset` and `config` must outlive this.
  Learner(const config::RunConfig& config, const data::Dataset& dataset, std::unique_ptr<network::Assembly> assembly,
          int threads);

  network::Network& network() { return network_; }
  const network::Network& network() const { return network_; }
  network::Executable& program() { return network_.train(); }
  const data::Scaler& scaler() const { return scaler_; }
  Optimizer& optimizer() { return *optimizer_; }
  data::TrainingBatches& batches() { return batches_; }
  const data::TrainingBatches& batches() const { return batches_; }

  /// Loss and gradients of the batch of `step`, which counts from 1. With training.accumulate they are means over the
  /// batches of the step (sums with loss.reduction sum), and each batch but the last enters the running statistics.
  void run(std::int64_t step);
  /// Of all parameters and of the running statistics.
  StepNorms update(double learning_rate);

  /// Of the last run().
  double loss() const { return loss_; }
  std::int64_t correct() const { return correct_; }
  /// The images of a step.
  std::int64_t images() const { return parts_ * config_.training.batch_size; }

  // What run() is made of, for those who look at each call.
  /// Batches of a step.
  std::int64_t parts() const { return parts_; }
  /// Fills the program's input with batch `part`, from 0, of `step`.
  void load(std::int64_t step, std::int64_t part);
  /// Takes over the results of the program for batch `part`. Call for each, in order.
  void take(std::int64_t part);

 private:
  const config::RunConfig& config_;
  data::Scaler scaler_;
  network::Network network_;
  std::unique_ptr<Optimizer> optimizer_;
  data::TrainingBatches batches_;
  std::int64_t parts_;
  std::vector<float> sums_;  // of gradients, as Parameters::diffs() lie; empty: a step has one batch
  double loss_ = 0;
  std::int64_t correct_ = 0;
};

}  // namespace bnlab::training
