#pragma once
// What every normalization has in common: its place in the network, its state, and the factory.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::normalization {

/// Statistics of one normalization layer, all (C), variances as the name says. All are empty where the statistics of
/// each image normalize it, in evaluation as in training. Owned by the network, so that programs, checkpoints and
/// probes share them.
struct NormalizationState {
  std::string name;                    // of the layer: "normalization2"
  layers::Parameter* gamma = nullptr;  // null without affine
  layers::Parameter* beta = nullptr;

  // Kept over steps, written to files. The variance is biased or unbiased as `running_variance` says.
  std::vector<float> running_mean;
  std::vector<float> running_variance;
  // What programs with population statistics read: a copy of the running or of the precise statistics.
  std::vector<float> population_mean;
  std::vector<float> population_variance;
  // Written by each forward run of the training program; the variance is biased.
  std::vector<float> batch_mean;
  std::vector<float> batch_variance;
  // Written by each run of a program with Mode::evaluate_batch; the variance is biased.
  std::vector<float> evaluated_mean;
  std::vector<float> evaluated_variance;
  // Beside the two variances above, where they are means over parts of the batch: the mean of the parts' unbiased
  // variances. Else empty, as the unbiased variance follows from the biased one.
  std::vector<float> batch_unbiased_variance;
  std::vector<float> evaluated_unbiased_variance;

  std::int64_t channels = 0;
  std::int64_t values_per_image = 1;  // H * W
  bool frozen = false;                // statistics stay as they are
  // An earlier state that has the same running statistics, the average of both; its alone go to
  // files.
  const NormalizationState* shared_with = nullptr;
  bool holds_variance = true;  // false: the variances are squares of another norm, which have no unbiased form

  bool has_statistics() const { return !running_mean.empty(); }
};

using NormalizationStates = std::vector<std::unique_ptr<NormalizationState>>;

/// m / (m - 1), which turns a biased variance over m values into the unbiased one; 1 for m = 1, where there is none.
double unbiased_factor(std::int64_t m);

/// Which statistics of a state: of the last training step, or of the last batch evaluated.
enum class Measured { in_training, in_evaluation };
/// The variance of channel c of a batch of `images` images as it enters a population statistic: biased, or unbiased.
double variance_for_population(const NormalizationState& state, Measured measured, std::size_t c, std::int64_t images,
                               config::RunningVariance kind);

/// gamma and beta, (C), of a layer that applies them itself; null without affine. A state has them also where its layer
/// leaves them to another, as in the steps of a recurrent block.
struct Affine {
  layers::Parameter* gamma = nullptr;
  layers::Parameter* beta = nullptr;
};

struct NormalizationContext {
  layers::LayerContext layer;
  const config::NormalizationConfig& config;
  NormalizationStates& states;
  bool relu_follows;  // a ReLU comes next and may be merged into the normalization
};

/// Adds the state of a layer, and declares gamma and beta, (C), where the config is affine. Running statistics, where
/// the type has them, start at mean 0 and variance 1.
NormalizationState& add_state(const NormalizationContext& context);
/// Fixes the layout of gamma and beta. Call in each build.
void lay_out(layers::Parameters& parameters, const Affine& affine);

/// Throws ConfigError unless at least two values share statistics: the variance of one is 0.
void require_two_values(const NormalizationContext& context, std::int64_t values, const char* type);

/// The state whose statistics would be over one value, in a batch of `images` images or in one of its virtual batches;
/// null where there is none. Where statistics are of each image, require_two_values() refuses it.
const NormalizationState* state_of_one_value(const NormalizationStates& states,
                                             const config::NormalizationConfig& config, std::int64_t images);
/// Throws ConfigError where training on batches of `images` images would take statistics over one value. Frozen states
/// take none.
void check_batch(const NormalizationStates& states, const config::NormalizationConfig& config, std::int64_t images);

/// The factory. Requires a type other than `none`.
std::unique_ptr<layers::Layer> make_normalization(const NormalizationContext& context);

}  // namespace bnlab::normalization
