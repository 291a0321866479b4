#pragma once
// The network with its programs, its training batches, and its optimizer.

#include <cstdint>
#include <memory>

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

  /// Fills the program's input with the batch of `step`, which counts from 1.
  void load(std::int64_t step);
  /// Loss and gradients of the batch.
  void run();
  /// Of all parameters and of the running statistics.
  StepNorms update(double learning_rate);

 private:
  const config::RunConfig& config_;
  data::Scaler scaler_;
  network::Network network_;
  std::unique_ptr<Optimizer> optimizer_;
  data::TrainingBatches batches_;
};

}  // namespace bnlab::training
