#pragma once
// A network with its parameters and states, and the programs that run it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "layers/loss.h"
#include "network/assemble.h"
#include "util/npz.h"

namespace bnlab::network {

/// A frozen program for one batch size, with its input and output. Lives no longer than its network.
class Executable {
 public:
  /// Where a batch goes: images (N, C, H, W) in f32, labels (N), and targets (N, K), null where the loss takes none.
  float* images() { return static_cast<float*>(input_.get_data_handle()); }
  std::int32_t* labels() { return loss_->labels.data(); }
  float* targets() { return loss_->targets.data(); }
  std::int64_t batch_size() const { return batch_size_; }
  /// N * C * H * W.
  std::int64_t image_values() const { return static_cast<std::int64_t>(input_.get_desc().get_size() / sizeof(float)); }

  /// Forward pass and loss on the batch. Changes no parameter and no running statistic.
  void forward() { program_.run_forward(stream_); }
  /// Gradients of every parameter, for the batch of the last forward(). Needs a program with a backward pass.
  void backward() { program_.run_backward(stream_); }

  /// Forward and backward mode; see onednn::Program::run_timed.
  void run_timed(std::span<double> seconds) { program_.run_timed(stream_, seconds); }

  /// The step of training, from 1, and how many there are. Dropout and noise draw what they draw in that step.
  void set_step(std::int64_t step, std::int64_t steps) { set_step(step, steps, step); }
  /// The same where steps have several batches: `draw` is the number of the batch in the run, from 1.
  void set_step(std::int64_t step, std::int64_t steps, std::int64_t draw) {
    state_->step = step;
    state_->steps = steps;
    state_->draw = draw;
  }

  /// Of the batch: its mean or its sum, as the config says.
  double loss() const { return loss_->loss; }
  std::int64_t correct() const { return loss_->correct; }
  const onednn::Program& program() const { return program_; }
  /// Tensors that probes read; only in programs that observe.
  const std::vector<onednn::Observation>& observations() const { return observations_; }
  /// d loss / d input, (N, C, H, W) in C order; only where it was asked for, else null.
  const float* diff_images() const {
    return diff_input_ ? static_cast<const float*>(diff_input_.get_data_handle()) : nullptr;
  }

 private:
  friend class Network;
  Executable(const dnnl::engine& engine, std::int64_t batch_size) : stream_(engine), batch_size_(batch_size) {}

  dnnl::stream stream_;
  std::int64_t batch_size_;
  dnnl::memory input_;
  dnnl::memory diff_input_;
  std::unique_ptr<onednn::RunState> state_ = std::make_unique<onednn::RunState>();
  std::unique_ptr<layers::LossBuffers> loss_ = std::make_unique<layers::LossBuffers>();
  onednn::Program program_;
  std::vector<onednn::Observation> observations_;
};

class Network {
 public:
  /// Builds the layers, the training program for `batch_size`, and the initial parameters. `diff_input`: the training
  /// program also computes the gradient of the input. `optimizer_arrays`: how many arrays as large as the parameters
  /// the caller will take for an optimizer. Throws ConfigError where the network doesn't fit the data, where statistics
  /// of a batch would be over one value, and as check_precision() does; RunError, before any memory is taken, where
  /// there isn't enough for all of it.
  Network(const config::RunConfig& config, const data::DatasetInfo& dataset, std::int64_t batch_size,
          bool diff_input = false, std::size_t optimizer_arrays = 0);
  /// The same of layers that are assembled already, for this config and dataset.
  Network(const config::RunConfig& config, const data::DatasetInfo& dataset, std::unique_ptr<Assembly> assembly,
          std::int64_t batch_size, bool diff_input = false, std::size_t optimizer_arrays = 0);

  Executable& train() { return *train_; }
  /// A further program on the same parameters and states, in the same precision; one that observes keeps the tensors
  /// of `watch`. Its backward() overwrites the gradients of the parameters, as that of train() does.
  std::unique_ptr<Executable> build(onednn::Mode mode, std::int64_t batch_size, bool diff_input = false,
                                    const onednn::Watch& watch = onednn::activations);

  /// Takes the batch statistics of the last train().forward() into the running statistics:
  /// running = d * running + (1 - d) * batch, the variance unbiased where it is to be.
  void update_running_statistics();

  /// Copies the running statistics to where programs with population statistics read them.
  void use_running_statistics();
  /// Averages over batches (Ioffe & Szegedy 2015, algorithm 2), or with `precise_variance: pooled` the mean and
  /// variance of all their values: call reset, then accumulate after each forward() of a program with
  /// Mode::evaluate_batch of that batch size, then use.
  void reset_precise_statistics();
  void accumulate_precise_statistics(std::int64_t batch_size);
  void use_precise_statistics();

  /// All layers; a layer follows those that it is made of.
  std::vector<const layers::Layer*> layers() const { return assembly_->layers.all(); }
  layers::Parameters& parameters() { return assembly_->parameters; }
  const layers::Parameters& parameters() const { return assembly_->parameters; }
  const normalization::NormalizationStates& states() const { return assembly_->states; }
  /// Whether a normalization directly follows the layer of a weight matrix or bias.
  bool is_normalized(const layers::Parameter& parameter) const;
  /// The layers with what is known of their places.
  const Assembly& assembly() const { return *assembly_; }
  config::Precision precision() const { return precision_; }
  /// Whether batch statistics of so many images would somewhere be over one value, which has no variance.
  bool has_set_of_one_value(std::int64_t images) const {
    return normalization::state_of_one_value(states(), normalization_, images) != nullptr;
  }
  /// Whether evaluation depends on statistics of the training data.
  bool has_population_statistics() const;
  std::int64_t parameter_count() const;

  /// Parameters and running statistics by name ("dense1.weights", "normalization1.running_mean"), in row-major order.
  NpzArrays weights() const;
  /// Gradients by parameter name.
  NpzArrays gradients() const;
  /// The reverse of weights(). Throws DataError naming the array that is missing, unknown, of another shape, or that
  /// holds a value that is not finite or a variance that is negative.
  void set_weights(const NpzArrays& arrays);

  /// The first value that is not finite, or variance that is negative, of the parameters and running statistics, which
  /// files hold: "normalization2.running_variance: inf at index 3". "" where there is none.
  std::string problem_of_state() const;
  /// The same of what an evaluation with these statistics reads: the parameters, and with running or precise statistics
  /// what the programs read as population statistics.
  std::string problem_of_evaluation(config::Statistics statistics) const;

 private:
  /// The first is that for training: it asks for the memory of the parameters and of an optimizer, too.
  std::unique_ptr<Executable> build(onednn::Mode mode, std::int64_t batch_size, bool diff_input,
                                    const onednn::Watch& watch, std::size_t optimizer_arrays);
  void add_calls(onednn::Builder& builder, Executable& executable, bool diff_input);

  std::string problem_of_parameters() const;

  /// Of the batches so far: the means of their means and of their variances. Pooled: the mean and the biased variance
  /// of all values.
  struct PreciseSums {
    std::vector<double> mean;      // (C)
    std::vector<double> variance;  // (C)
  };

  bool is_pooled() const;
  /// Takes in a batch with that mean and biased variance, whose values are `share` of all so far.
  static void pool(PreciseSums& sums, std::size_t c, double mean, double variance, double share);

  std::unique_ptr<Assembly> assembly_;
  config::Precision precision_;
  config::NormalizationConfig normalization_;
  layers::Dims input_shape_;  // (1, C, H, W)
  config::LossConfig loss_;
  bool has_targets_;
  std::uint64_t seed_;
  std::unique_ptr<Executable> train_;
  std::vector<PreciseSums> precise_;
  std::int64_t precise_batches_ = 0;
  std::int64_t precise_images_ = 0;
};

/// "2.6.3", and the instruction set that oneDNN uses here, such as "avx512_core".
std::string onednn_version();
std::string onednn_isa();

/// Throws ConfigError where `training` asks for bf16 and oneDNN would only emulate it on this processor, unless
/// allow_slow_bf16 is set.
void check_precision(const config::TrainingConfig& training);

/// The layers of the network. Throws ConfigError where they don't fit the dataset, or where statistics of a batch would
/// be over one value; builds no program and needs no data.
std::vector<LayerShape> check(const config::RunConfig& config, const data::DatasetInfo& dataset);

}  // namespace bnlab::network
