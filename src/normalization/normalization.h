#pragma once
// What every normalization has in common: its place in the network, its state, and the factory.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::normalization {

/// Statistics of one normalization layer, all (C), variances as the name says. Owned by the network, so that programs,
/// checkpoints and probes share them.
struct NormalizationState {
  std::string name;                          // of the layer: "normalization2"
  const layers::Parameter* gamma = nullptr;  // null without affine
  const layers::Parameter* beta = nullptr;

  // Kept over steps, written to files. The variance is biased or unbiased as `running_variance` says.
  std::vector<float> running_mean;
  std::vector<float> running_variance;
  // What programs with Pass::evaluate_population read: a copy of the running or of the precise statistics.
  std::vector<float> population_mean;
  std::vector<float> population_variance;
  // Written by each forward run of the training program; the variance is biased.
  std::vector<float> batch_mean;
  std::vector<float> batch_variance;
  // Written by each run of a program with Pass::evaluate_batch; the variance is biased.
  std::vector<float> evaluated_mean;
  std::vector<float> evaluated_variance;

  std::int64_t values_per_image = 1;  // H * W
  bool frozen = false;                // statistics stay as they are
  // A state that stands before this one and has the same running statistics, the average of both; its alone go to
  // files.
  const NormalizationState* shared_with = nullptr;

  std::int64_t channels() const { return static_cast<std::int64_t>(running_mean.size()); }
};

using NormalizationStates = std::vector<std::unique_ptr<NormalizationState>>;

/// m / (m - 1), which turns a biased variance over m values into the unbiased one; 1 for m = 1, where there is none.
double unbiased_factor(std::int64_t m);

struct NormalizationContext {
  layers::LayerContext layer;
  const config::NormalizationConfig& config;
  NormalizationStates& states;
  bool relu_follows;  // a ReLU comes next and may be merged into the normalization
};

/// Whether a bias before a normalization of this type is left out (Ioffe & Szegedy 2015, 3.2): the mean of the batch
/// takes it away again. With frozen statistics beta does a bias's work, and a network trained with batch statistics has
/// none.
bool absorbs_bias(config::NormalizationType type);
/// Whether it can apply the ReLU that follows in the same call.
bool can_fuse_relu(config::NormalizationType type);
/// The factory. Requires a type other than `none`.
std::unique_ptr<layers::Layer> make_normalization(const NormalizationContext& context);

}  // namespace bnlab::normalization
