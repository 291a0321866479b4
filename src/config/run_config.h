#pragma once
// The configuration of one run as plain, checked values. Every default lives here and nowhere else; names of fields in
// JSON equal the names of members. `fields.h` holds the table that reads, writes and documents them.

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/activations.h"
#include "config/blocks.h"
#include "config/csv_columns.h"
#include "config/dataset_config.h"
#include "config/initializations.h"
#include "config/losses.h"
#include "config/normalizations.h"
#include "config/optimizers.h"
#include "config/probes.h"
#include "config/schedules.h"

namespace bnlab::config {

enum class Placement { before_activation, after_activation };
enum class RunningVariance { biased, unbiased };
enum class Population { running_average, precise };
enum class PreciseVariance { mean, pooled };
enum class Statistics { population, running, precise, batch };
enum class RampUnit { fraction, steps };
enum class LpNorm { l1, l2, linf };
enum class NormOf { centred, raw };
enum class GammaDistribution { constant, uniform };
enum class LayerNormOver { image, position };
enum class RecurrentStatistics { per_step, shared };
enum class Shortcut { identity, projection, padding };
enum class RecurrentStart { orthogonal, identity, scheme };
enum class RecurrentReads { rows, pixels };
enum class RecurrentNormalize { sum, separate };
enum class Distribution { normal, uniform };
enum class Trainable { all, normalization, random };
enum class BatchComposition { shuffled, in_order, by_class, full_batch };
enum class Precision { f32, bf16 };
enum class Reduction { mean, sum };
enum class StepUnit { learning_rate, one };
enum class CurvatureStatistics { batch, frozen };

// ---- network description -------------------------------------------------------------------------------------------

struct Block;

/// A size in two dimensions; JSON writes one number for both, or [height, width].
struct Extent {
  std::int64_t height = 1;
  std::int64_t width = 1;
  bool operator==(const Extent&) const = default;
};

/// Zero padding on each side; JSON writes a number, [height, width], or "same" (the size of the output is the size of
/// the input divided by the stride, rounded up; the kernel must be odd).
struct Padding {
  bool same = false;
  Extent extent{0, 0};
  bool operator==(const Padding&) const = default;
};

struct Dense {
  std::int64_t units = 0;
  std::optional<bool> bias = std::nullopt;  // unset: present unless a normalization follows
  bool operator==(const Dense&) const = default;
};
struct Conv {
  std::int64_t channels = 0;
  Extent kernel{3, 3};
  Extent stride{1, 1};
  Padding padding{.same = true, .extent = {0, 0}};
  std::int64_t groups = 1;
  std::optional<bool> bias = std::nullopt;                    // unset: present unless a normalization follows
  std::optional<bool> weight_standardization = std::nullopt;  // unset: the network's
  bool operator==(const Conv&) const = default;
};
/// max_pool and avg_pool; padding never counts in an average.
struct Pool {
  Extent kernel{2, 2};
  std::optional<Extent> stride = std::nullopt;  // unset: the kernel
  Extent padding{0, 0};
  bool operator==(const Pool&) const = default;
};
struct MaxPool : Pool {
  bool operator==(const MaxPool&) const = default;
};
struct AvgPool : Pool {
  bool operator==(const AvgPool&) const = default;
};
struct GlobalAvgPool {
  bool operator==(const GlobalAvgPool&) const = default;
};
struct Flatten {
  bool operator==(const Flatten&) const = default;
};
struct Normalization {
  bool operator==(const Normalization&) const = default;
};
struct ActivationBlock {
  std::optional<Activation> function = std::nullopt;  // unset: the network's
  bool operator==(const ActivationBlock&) const = default;
};
/// linear + normalization + activation in the order of `normalization.placement`.
struct DenseBlock : Dense {
  std::optional<Activation> activation = std::nullopt;  // unset: the network's
  bool operator==(const DenseBlock&) const = default;
};
struct ConvBlock : Conv {
  std::optional<Activation> activation = std::nullopt;  // unset: the network's
  bool operator==(const ConvBlock&) const = default;
};
/// x is multiplied by a mask of 0 and 1 / (1 - rate) in training (Srivastava et al. 2014, inverted).
struct Dropout {
  std::optional<double> rate = std::nullopt;  // of values that are set to 0; unset: the network's
  bool operator==(const Dropout&) const = default;
};
/// Local response normalization across channels (Krizhevsky et al. 2012, 3.3): y = x / (k + alpha / size sum x^2)^beta.
struct LocalResponse {
  std::int64_t size = 5;
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1.0;
  bool operator==(const LocalResponse&) const = default;
};
/// dst = shortcut(src) + factor * body(src) (He et al. 2016); the factor is one number, or one for each channel.
struct Residual {
  std::vector<Block> body;
  std::optional<Shortcut> shortcut = std::nullopt;   // where the shapes differ; unset: the network's
  bool shortcut_normalization = true;                // normalize what a projection gives
  std::optional<double> scalar = std::nullopt;       // unset: the network's
  std::optional<double> layer_scale = std::nullopt;  // in place of scalar; unset: the network's
  bool operator==(const Residual&) const = default;
};
/// The outputs of the branches, joined along the channels.
struct Concat {
  std::vector<std::vector<Block>> branches;
  bool operator==(const Concat&) const = default;
};
/// h_t = f(normalization(W_h h_{t-1} + W_x x_t)), over the rows or pixels of an image; the output is the last h.
struct Recurrent {
  std::int64_t units = 0;
  Activation activation = Activation::tanh;
  RecurrentStart start = RecurrentStart::orthogonal;           // of W_h
  std::optional<RecurrentReads> reads = std::nullopt;          // unset: rows
  std::optional<std::int64_t> permutation = std::nullopt;      // number of an order of the steps
  std::optional<RecurrentNormalize> normalize = std::nullopt;  // unset: sum
  std::optional<double> initial_state_noise = std::nullopt;    // standard deviation of h_0
  bool operator==(const Recurrent&) const = default;
};
struct Repeat {
  std::int64_t count = 1;
  std::vector<Block> layers;
  bool operator==(const Repeat&) const = default;
};

/// One entry of `layers`: {"conv_block": {"channels": 32}}.
struct Block {
  /// In the order of BlockKind.
  using Spec = std::variant<Dense, Conv, MaxPool, AvgPool, GlobalAvgPool, Flatten, Normalization, LocalResponse,
                            ActivationBlock, Dropout, DenseBlock, ConvBlock, Residual, Concat, Recurrent, Repeat>;
  Spec spec;
  bool operator==(const Block&) const = default;
};
static_assert(std::variant_size_v<Block::Spec> == std::size(Names<BlockKind>::table));

/// The lists of blocks inside of a block.
std::vector<const std::vector<Block>*> inner_layers(const Block& block);

struct NetworkConfig {
  std::string name = {};
  std::string description = {};
  Activation activation = Activation::relu;
  double negative_slope = 0.01;                          // of leaky_relu
  double dropout = 0.0;                                  // rate of the dropout blocks that name none
  Shortcut shortcut = Shortcut::projection;              // of the residual blocks that name none
  std::optional<double> residual_scalar = std::nullopt;  // a learned factor of each branch starts here; unset: none
  std::optional<double> layer_scale = std::nullopt;      // a learned factor of each channel of each branch; unset: none
  std::optional<bool> weight_standardization = std::nullopt;  // of the convolutions that do not say; unset: no
  std::vector<Block> layers = {};
  bool operator==(const NetworkConfig&) const = default;
};

// ---- the other sections --------------------------------------------------------------------------------------------

/// Which normalization sites of a network are normalized. Sites count from 1 in network order.
struct LayerMask {
  enum class Kind { all, none, first, last, list, every } kind = Kind::all;
  std::vector<std::int64_t> list;  // for Kind::list
  std::int64_t every = 1;          // for Kind::every: sites n, 2n, 3n, ...
  bool operator==(const LayerMask&) const = default;
};

/// A value that goes from `initial` to `final` in a straight line between two moments.
struct RampConfig {
  double initial = 0;
  double final = 0;
  double begin = 0;                    // until here: initial
  double end = 0;                      // from here on: final
  RampUnit unit = RampUnit::fraction;  // of the steps of the run, or steps
  bool operator==(const RampConfig&) const = default;
};

/// Noise of Santurkar et al. 2018 (appendix A, algorithm 1): y = s x + m for each value, with moments that are drawn
/// for each unit and step: mu ~ U(-mean, mean), sigma ~ U(1, std); m ~ U(mu - mean_jitter, mu + mean_jitter), s ~
/// N(sigma, std_jitter^2).
struct NoiseConfig {
  double mean = 0.5;
  double std = 1.25;
  double mean_jitter = 0.1;
  double std_jitter = 0.1;
  bool in_evaluation = false;
  bool operator==(const NoiseConfig&) const = default;
};

/// Fields that only some types have are named by the rows of those types (config/normalizations.h).
struct NormalizationConfig {
  NormalizationType type = NormalizationType::none;
  Placement placement = Placement::before_activation;
  LayerMask mask = {};
  bool normalize_input = false;      // a normalization as the first layer, beside those of the mask
  bool zero_gamma_residual = false;  // gamma starts at 0 in the last normalization of each residual body
  double epsilon = 1e-5;             // added to the variance, inside the square root
  bool affine = true;
  double initial_gamma = 1.0;
  std::optional<GammaDistribution> gamma_distribution = std::nullopt;  // unset: constant
  double initial_beta = 0.0;
  double running_average_decay = 0.9;  // d: running = d * running + (1 - d) * batch
  RunningVariance running_variance = RunningVariance::unbiased;
  Population population = Population::running_average;
  std::int64_t precise_batches = 100;  // training batches over which precise population statistics are averaged
  std::optional<PreciseVariance> precise_variance = std::nullopt;  // unset: mean
  RecurrentStatistics recurrent_statistics = RecurrentStatistics::per_step;
  std::optional<std::int64_t> virtual_batch_size = std::nullopt;
  std::int64_t groups = 32;
  std::optional<std::int64_t> channels_per_group = std::nullopt;  // instead of groups
  LayerNormOver over = LayerNormOver::image;
  LpNorm norm = LpNorm::l2;
  std::optional<NormOf> norm_of = std::nullopt;  // unset: centred
  RampConfig r_max{.initial = 1, .final = 3, .begin = 0.1, .end = 0.8};
  RampConfig d_max{.initial = 0, .final = 5, .begin = 0.1, .end = 0.5};
  NoiseConfig noise = {};
  LocalResponse local_response = {};
  bool operator==(const NormalizationConfig&) const = default;
};

/// The images that share statistics as a batch within the batch, where the type has such parts; unset: the whole batch.
inline std::optional<std::int64_t> virtual_batch_size(const NormalizationConfig& config) {
  const NormalizationRow& row = row_of(config.type);
  if (!holds(row.fields, "virtual_batch_size")) return std::nullopt;
  return config.virtual_batch_size ? config.virtual_batch_size : row.virtual_batch_size;
}

struct WeightInitialization {
  InitializationScheme scheme = InitializationScheme::he;
  Distribution distribution = Distribution::normal;  // xavier, he
  std::optional<Fan> fan = std::nullopt;             // unset: as the scheme's row says
  double std = 0.01;                                 // gaussian
  double bound = 0.05;                               // uniform: U(-bound, bound)
  double gain = 1.0;                                 // every weight is multiplied by it
  bool operator==(const WeightInitialization&) const = default;
};

/// Another start for the layers whose names fit.
struct InitializationOverride : WeightInitialization {
  std::string layers = {};  // a name of `bnlab describe`; * stands for any characters
  bool operator==(const InitializationOverride&) const = default;
};

struct InitializationConfig : WeightInitialization {
  std::string from = {};  // a run's directory or its weights.npz: start from these instead
  std::vector<InitializationOverride> overrides = {};
  bool operator==(const InitializationConfig&) const = default;
};

struct ScheduleConfig {
  ScheduleType type = ScheduleType::constant;
  std::int64_t every = 1000;       // step, exponential, doubling: steps between two changes
  double factor = 0.1;             // step, exponential: the rate is multiplied by it
  double final_fraction = 0.0;     // one_cycle: the last rate over learning_rate; cosine: that after the last step
  double peak = 0.3;               // one_cycle: the part of the run before the largest rate
  double initial_fraction = 0.04;  // one_cycle: the first rate over the largest
  std::int64_t warmup_steps = 0;   // all but one_cycle: the rate rises to its value in a straight line
  double warmup_start = 0.0;       // the part of the rate with which warm-up begins
  bool operator==(const ScheduleConfig&) const = default;
};

/// Which values the optimizer changes.
struct TrainableConfig {
  Trainable select = Trainable::all;
  std::optional<double> share = std::nullopt;  // random: of the weights and biases; unset: as many as gamma and beta
  std::optional<std::int64_t> per_channel = std::nullopt;  // random: in place of share
  bool operator==(const TrainableConfig&) const = default;
};

/// Another rate and decay for the parameters whose names fit.
struct OptimizerOverride {
  std::string parameters = {};        // a name such as conv1.weights; * stands for any characters
  double learning_rate_factor = 1.0;  // of the rate at each step
  std::optional<double> weight_decay_factor = std::nullopt;  // of weight_decay, for any kind of parameter
  bool operator==(const OptimizerOverride&) const = default;
};

/// Fields that only some types have are named by the rows of those types (config/optimizers.h).
struct OptimizerConfig {
  OptimizerType type = OptimizerType::sgd;
  double learning_rate = 0.1;
  double momentum = 0.0;  // v = momentum * v + g; w -= learning_rate * v
  bool nesterov = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double smoothing = 0.99;  // of the average of squared gradients
  double epsilon = 1e-8;    // added to the root
  double weight_decay = 0.0;
  std::optional<Decay> decay = std::nullopt;  // unset: as the type's row says
  bool decay_normalization_and_biases = false;
  double clip_norm = 0.0;  // largest norm of the gradient over all parameters; 0: no limit
  TrainableConfig trainable = {};
  std::vector<OptimizerOverride> overrides = {};
  ScheduleConfig schedule = {};
  bool operator==(const OptimizerConfig&) const = default;
};

struct LossConfig {
  LossType type = LossType::cross_entropy;
  double label_smoothing = 0.0;
  Reduction reduction = Reduction::mean;
  bool operator==(const LossConfig&) const = default;
};

struct TrainingConfig {
  std::int64_t batch_size = 128;  // full_batch: the number of training images, once the data is known
  BatchComposition composition = BatchComposition::shuffled;
  std::int64_t classes_per_batch = 2;                     // by_class
  std::optional<std::int64_t> accumulate = std::nullopt;  // batches whose gradients make one update; unset: 1
  std::int64_t steps = 1000;
  std::optional<double> epochs = std::nullopt;  // instead of steps; resolved to steps when the data is known
  std::uint64_t seed = 1;
  Precision precision = Precision::f32;
  bool allow_slow_bf16 = false;       // train in bf16 even where the processor has no fast instructions for it
  std::int64_t eval_every = 0;        // 0: at the end only
  std::int64_t log_every = 10;        // rows of train.csv
  std::int64_t checkpoint_every = 0;  // 0: only when interrupted
  bool operator==(const TrainingConfig&) const = default;
};

/// The batches, each with statistics of its own, whose gradients make one update.
inline std::int64_t micro_batches(const TrainingConfig& training) { return training.accumulate.value_or(1); }

struct EvaluationConfig {
  std::int64_t batch_size = 500;  // for running and precise statistics; batch statistics use training.batch_size
  std::vector<std::int64_t> batch_sizes = {};  // of batch statistics, in place of it
  std::vector<Statistics> statistics{Statistics::population};
  bool train_split = false;  // evaluate the training split too
  bool operator==(const EvaluationConfig&) const = default;
};

struct ProbeConfig {
  ProbeType type = ProbeType::activation_distribution;
  std::int64_t every = 100;
  std::int64_t examples = 0;        // activation_distribution: training images looked at; 0: one batch
  std::vector<std::int64_t> units;  // activation_distribution: units or channels, from 0, beside the pooled row
  std::vector<double> factors{0.1, 10, 1000};                       // scale_invariance
  std::optional<NormalizationConfig> normalization = std::nullopt;  // equivalence
  std::vector<double> multipliers{0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4};  // landscape: of the step
  StepUnit unit = StepUnit::learning_rate;                          // landscape: what they multiply
  double ratio = 1000;                                              // landscape: of losses, for critical_rate
  bool points = false;                                              // landscape: a file with a row for each multiplier
  std::vector<CurvatureStatistics> statistics{CurvatureStatistics::batch};  // hessian
  double scale = 1;                               // hessian: of the distance between two gradients
  std::int64_t iterations = 50;                   // hessian: at most
  double tolerance = 1e-3;                        // hessian: of the residual
  std::vector<std::int64_t> layers = {};          // covariate_shift: places of arrays of weights, from 1; none: all
  SplitName split = SplitName::test;              // input_gradient: where the images come from
  std::vector<double> epsilons{0.02, 0.05, 0.1};  // input_gradient: of the attack, in units of the largest pixel value
  bool operator==(const ProbeConfig&) const = default;
};

struct RecordConfig {
  bool initial_weights = false;
  bool batches = false;
  bool final_weights = true;
  bool dropout_masks = false;
  bool operator==(const RecordConfig&) const = default;
};

struct RunConfig {
  std::string description;
  DatasetConfig dataset;
  NetworkConfig network;
  NormalizationConfig normalization;
  InitializationConfig initialization;
  LossConfig loss;
  OptimizerConfig optimizer;
  TrainingConfig training;
  EvaluationConfig evaluation;
  std::vector<ProbeConfig> probes;
  RecordConfig record;
  bool operator==(const RunConfig&) const = default;
};

}  // namespace bnlab::config
