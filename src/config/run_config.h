#pragma once
// The configuration of one run as plain, checked values. Every default lives here and nowhere else; names of fields in
// JSON equal the names of members. `fields.h` holds the table that reads, writes and documents them.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace bnlab::config {

enum class Scaling { unit, binary, standardized, raw };
enum class Activation { identity, relu, sigmoid, tanh };
enum class NormalizationType { none, batch, frozen };
enum class Placement { before_activation, after_activation };
enum class RunningVariance { biased, unbiased };
enum class Population { running_average, precise };
enum class Statistics { population, running, precise, batch };
enum class InitializationScheme { gaussian, uniform, xavier, he };
enum class Distribution { normal, uniform };
enum class OptimizerType { sgd };
enum class ScheduleType { constant, step };
enum class ProbeType { activation_distribution, gradient_norm, normalization_state };

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
  std::optional<bool> bias = std::nullopt;  // unset: present unless a normalization follows
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
struct Repeat {
  std::int64_t count = 1;
  std::vector<Block> layers;
  bool operator==(const Repeat&) const = default;
};

/// One entry of `layers`: {"conv_block": {"channels": 32}}.
struct Block {
  std::variant<Dense, Conv, MaxPool, AvgPool, GlobalAvgPool, Flatten, Normalization, ActivationBlock, DenseBlock,
               ConvBlock, Repeat>
      spec;
  bool operator==(const Block&) const = default;
};

struct NetworkConfig {
  std::string name;
  std::string description;
  Activation activation = Activation::relu;
  std::vector<Block> layers;
  bool operator==(const NetworkConfig&) const = default;
};

// ---- the other sections --------------------------------------------------------------------------------------------

struct DatasetConfig {
  std::string name;
  std::string path;  // a folder; empty: search
  Scaling scaling = Scaling::unit;
  std::int64_t limit = 0;       // first images of the training file that are used; 0: all
  std::int64_t validation = 0;  // training images held out, the last ones within the limit
  bool operator==(const DatasetConfig&) const = default;
};

/// Which normalization sites of a network are normalized. Sites count from 1 in network order.
struct LayerMask {
  enum class Kind { all, first, last, list, every } kind = Kind::all;
  std::vector<std::int64_t> list;  // for Kind::list
  std::int64_t every = 1;          // for Kind::every: sites n, 2n, 3n, ...
  bool operator==(const LayerMask&) const = default;
};

struct NormalizationConfig {
  NormalizationType type = NormalizationType::none;
  Placement placement = Placement::before_activation;
  LayerMask mask;
  double epsilon = 1e-5;  // added to the variance, inside the square root
  bool affine = true;
  double initial_gamma = 1.0;
  double initial_beta = 0.0;
  double running_average_decay = 0.9;  // d: running = d * running + (1 - d) * batch
  RunningVariance running_variance = RunningVariance::unbiased;
  Population population = Population::running_average;
  std::int64_t precise_batches = 100;  // training batches over which precise population statistics are averaged
  bool operator==(const NormalizationConfig&) const = default;
};

struct InitializationConfig {
  InitializationScheme scheme = InitializationScheme::he;
  Distribution distribution = Distribution::normal;  // xavier, he
  double std = 0.01;                                 // gaussian
  double bound = 0.05;                               // uniform: U(-bound, bound)
  double gain = 1.0;                                 // every weight is multiplied by it
  bool operator==(const InitializationConfig&) const = default;
};

struct ScheduleConfig {
  ScheduleType type = ScheduleType::constant;
  std::int64_t every = 1000;  // step: steps between two changes
  double factor = 0.1;        // step: the rate is multiplied by it
  bool operator==(const ScheduleConfig&) const = default;
};

struct OptimizerConfig {
  OptimizerType type = OptimizerType::sgd;
  double learning_rate = 0.1;
  double momentum = 0.0;      // v = momentum * v + g; w -= learning_rate * v
  double weight_decay = 0.0;  // g += weight_decay * w
  bool decay_normalization_and_biases = false;
  ScheduleConfig schedule;
  bool operator==(const OptimizerConfig&) const = default;
};

struct TrainingConfig {
  std::int64_t batch_size = 128;
  std::int64_t steps = 1000;
  std::optional<double> epochs = std::nullopt;  // instead of steps; resolved to steps when the data is known
  std::uint64_t seed = 1;
  std::int64_t eval_every = 0;        // 0: at the end only
  std::int64_t log_every = 10;        // rows of train.csv
  std::int64_t checkpoint_every = 0;  // 0: only when interrupted
  bool operator==(const TrainingConfig&) const = default;
};

struct EvaluationConfig {
  std::int64_t batch_size = 500;  // for running and precise statistics; batch statistics use training.batch_size
  std::vector<Statistics> statistics{Statistics::population};
  bool train_split = false;  // evaluate the training split too
  bool operator==(const EvaluationConfig&) const = default;
};

struct ProbeConfig {
  ProbeType type = ProbeType::activation_distribution;
  std::int64_t every = 100;
  std::int64_t examples = 0;        // activation_distribution: training images looked at; 0: one batch
  std::vector<std::int64_t> units;  // activation_distribution: units or channels, from 0, beside the pooled row
  bool operator==(const ProbeConfig&) const = default;
};

struct RecordConfig {
  bool initial_weights = false;
  bool batches = false;
  bool final_weights = true;
  bool operator==(const RecordConfig&) const = default;
};

struct RunConfig {
  std::string description;
  DatasetConfig dataset;
  NetworkConfig network;
  NormalizationConfig normalization;
  InitializationConfig initialization;
  OptimizerConfig optimizer;
  TrainingConfig training;
  EvaluationConfig evaluation;
  std::vector<ProbeConfig> probes;
  RecordConfig record;
  bool operator==(const RunConfig&) const = default;
};

}  // namespace bnlab::config
