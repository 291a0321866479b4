#pragma once
// The loss of training and its gradient at other parameters than those of the run.

#include <cstdint>
#include <span>
#include <vector>

#include "probes/observer.h"

namespace bnlab::probes {

/// Puts parameters, gradients, and running and batch statistics back when it goes out of scope.
class NetworkGuard {
 public:
  explicit NetworkGuard(network::Network& network);
  ~NetworkGuard();
  NetworkGuard(const NetworkGuard&) = delete;
  NetworkGuard& operator=(const NetworkGuard&) = delete;

 private:
  network::Network& network_;
  ParametersGuard parameters_;
  std::vector<float> diffs_;
  std::vector<std::vector<float>> statistics_;
};

/// Which values a gradient has; the others are set to 0.
enum class GradientOf { all_parameters, trainable_parameters };

/// The loss that training minimizes as a function of the parameters, on one batch, by a program of its own with the
/// calls of the training program. Statistics of the batch are taken anew for each point, running statistics are not
/// changed, dropout and noise draw what they draw in the step that was set, and weight decay is no part of the loss.
class TrainingLoss {
 public:
  /// Everything in `context` outlives it.
  TrainingLoss(const ProbeContext& context, std::int64_t batch_size, GradientOf gradient);

  /// Takes over the batch of the training program and the draws of its `step`. Requires the same batch size.
  void take_batch(std::int64_t step);
  /// Training images with these indices, batch_size of them, and the draws of `step`; 0 counts as 1.
  void load(std::int64_t step, std::span<const std::uint32_t> indices);

  /// Remembers the parameters and running statistics that the network has now.
  void keep_parameters();
  const std::vector<float>& kept() const { return kept_; }

  /// The loss at `parameters`, which lie as Parameters::values() do, with the running statistics that were kept; its
  /// gradient is then in Parameters::diffs(). Requires a NetworkGuard.
  double evaluate(std::span<const float> parameters);

 private:
  ProbeContext context_;
  std::unique_ptr<network::Executable> executable_;
  std::vector<float> trainable_;  // empty: all
  std::vector<float> kept_;
  std::vector<std::vector<float>> kept_statistics_;
};

/// L2 norm of a - b, of as many values, in double precision.
double distance(std::span<const float> a, std::span<const float> b);

}  // namespace bnlab::probes
