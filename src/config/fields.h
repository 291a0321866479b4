#pragma once
// The one table of the fields of a config. It reads, writes, checks and documents them: a visitor V gets each row as
//
//   v.field(name, member, meaning, rule)      a value: number, flag, text, choice, size, list of values
//   v.section(name, member, meaning, rule)    an object with rows of its own
//   v.sections(name, member, meaning, rule)   a list of such objects
//   v.blocks(name, member, meaning, rule)     a list of blocks of a network
//   v.require(holds, name, rule)              a rule between fields that were read before; `name` is the field to blame
//
// A new field is one member in run_config.h and one row here; a new block one struct, one row in block_kinds and its
// rows.

#include <algorithm>
#include <string>
#include <vector>

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

inline constexpr double most_steps = 1e12;
inline constexpr double most_units = 1e6;
inline constexpr double most_pixels = 1024;
inline constexpr double most_images = 1e9;

// ---- network --------------------------------------------------------------------------------------------------------

template <class V>
void fields(V& v, Dense& c) {
  v.field("units", c.units, "outputs", between(1, most_units).required());
  v.field("bias", c.bias, "add a bias; unset: unless a normalization follows, whose shift takes its place");
}

template <class V>
void fields(V& v, DenseBlock& c) {
  fields(v, static_cast<Dense&>(c));
  v.field("activation", c.activation, "unset: the network's");
}

template <class V>
void fields(V& v, Conv& c) {
  v.field("channels", c.channels, "outputs", between(1, most_units).required());
  v.field("kernel", c.kernel, "size of the window", between(1, most_pixels));
  v.field("stride", c.stride, "step of the window", between(1, most_pixels));
  v.field("padding", c.padding,
          "zeros on each side; same: output size = input size / stride, rounded up, for odd kernels",
          between(0, most_pixels));
  v.field("groups", c.groups, "groups of channels that are convolved apart", between(1, most_units));
  v.field("bias", c.bias, "add a bias; unset: unless a normalization follows, whose shift takes its place");
  v.require(!c.padding.same || (c.kernel.height % 2 == 1 && c.kernel.width % 2 == 1), "kernel",
            "must be odd with padding \"same\"; give padding as a number");
  v.require(c.channels % c.groups == 0, "groups", "must divide channels");
}

template <class V>
void fields(V& v, ConvBlock& c) {
  fields(v, static_cast<Conv&>(c));
  v.field("activation", c.activation, "unset: the network's");
}

template <class V>
void fields(V& v, Pool& c) {
  v.field("kernel", c.kernel, "size of the window", between(1, most_pixels));
  v.field("stride", c.stride, "step of the window; unset: the kernel", between(1, most_pixels));
  v.field("padding", c.padding, "empty border on each side, never counted in an average", between(0, most_pixels));
  v.require(c.padding.height < c.kernel.height && c.padding.width < c.kernel.width, "padding",
            "must be smaller than the kernel");
}

template <class V>
void fields(V&, GlobalAvgPool&) {}
template <class V>
void fields(V&, Flatten&) {}
template <class V>
void fields(V&, Normalization&) {}

template <class V>
void fields(V& v, ActivationBlock& c) {
  v.field("function", c.function, "unset: the network's");
}

template <class V>
void fields(V& v, Repeat& c) {
  v.field("count", c.count, "how often the layers stand one after another", between(1, 10000));
  v.blocks("layers", c.layers, "the layers to repeat", not_empty().required());
}

/// v.kind<T>(name, meaning) for each kind of block.
template <class V>
void block_kinds(V& v) {
  v.template kind<Dense>("dense", "fully connected layer");
  v.template kind<Conv>("conv", "two-dimensional convolution");
  v.template kind<MaxPool>("max_pool", "maximum of each window");
  v.template kind<AvgPool>("avg_pool", "mean of each window");
  v.template kind<GlobalAvgPool>("global_avg_pool", "mean of each channel");
  v.template kind<Flatten>("flatten", "an image as one row of values");
  v.template kind<Normalization>("normalization", "a place where normalization.type normalizes");
  v.template kind<ActivationBlock>("activation", "a nonlinearity");
  v.template kind<DenseBlock>("dense_block",
                              "dense, normalization and activation, in the order of normalization.placement");
  v.template kind<ConvBlock>("conv_block",
                             "conv, normalization and activation, in the order of normalization.placement");
  v.template kind<Repeat>("repeat",
                          "layers that stand several times one after another, each time with weights of their own");
}

template <class V>
void fields(V& v, NetworkConfig& c) {
  v.field("name", c.name, "a file networks/NAME.json; where layers are given, only a name", file_name());
  v.field("description", c.description, "free text");
  v.field("activation", c.activation, "of the blocks that name none; in a config it overrides the network file's");
  v.blocks("layers", c.layers, "the network, from input to output", not_empty());
}

// ---- the other sections ---------------------------------------------------------------------------------------------

template <class V>
void fields(V& v, DatasetConfig& c) {
  v.field("name", c.name, "fashion_mnist or mnist; `bnlab list datasets` names them all", not_empty().required());
  v.field("path", c.path, "the folder with the files; empty: BNLAB_DATA, the Debian package's folder, data/");
  v.field("scaling", c.scaling,
          "unit: pixels / 255; binary: pixels >= 128 are 1 (Ioffe & Szegedy 2015, 4.1); standardized: mean 0 and "
          "standard deviation 1 over the training images; raw: 0 to 255");
  v.field("limit", c.limit, "use only the first images of the training file; 0: all", between(0, most_images));
  v.field("validation", c.validation,
          "training images held out as a split of their own, the last ones within the limit", between(0, most_images));
  v.require(c.limit == 0 || c.validation < c.limit, "validation", "must be below limit");
}

template <class V>
void fields(V& v, NormalizationConfig& c) {
  v.field("type", c.type,
          "batch: Ioffe & Szegedy 2015; frozen: with the running statistics, which stay as they are; none: the other "
          "fields "
          "stay without effect");
  v.field("placement", c.placement, "in dense_block and conv_block; before: Ioffe & Szegedy 2015, 3.2");
  v.field("mask", c.mask, "the places of the network that are normalized, counted from 1 in network order",
          at_least(1));
  v.field("epsilon", c.epsilon, "added to the variance, inside the square root", between(0, largest));
  v.field("affine", c.affine, "learn a scale gamma and a shift beta for each channel");
  v.field("initial_gamma", c.initial_gamma, "gamma at the start", between(-largest, largest));
  v.field("initial_beta", c.initial_beta, "beta at the start", between(-largest, largest));
  v.field("running_average_decay", c.running_average_decay,
          "d in running = d * running + (1 - d) * batch (1 - PyTorch's momentum)", at_least(0).below(1));
  v.field("running_variance", c.running_variance,
          "the batch variance that enters the running average: divided by m, or by m - 1 (Ioffe & Szegedy 2015, "
          "algorithm 2)");
  v.field("population", c.population,
          "the statistics of evaluation: running averages, or precise ones (Wu & Johnson 2021)");
  v.field("precise_batches", c.precise_batches, "training batches over which precise statistics are averaged",
          between(1, 1e6));
}

template <class V>
void fields(V& v, InitializationConfig& c) {
  using enum InitializationScheme;
  v.field("scheme", c.scheme,
          "gaussian: N(0, std^2); uniform: U(-bound, bound); xavier: variance 2 / (fan in + fan out) (Glorot & Bengio "
          "2010); he: 2 / fan in (He 2015). Biases are 0");
  v.field("distribution", c.distribution, "the shape with that variance", only_for("scheme", c.scheme, {xavier, he}));
  v.field("std", c.std, "standard deviation of the weights",
          between(0, largest).only_for("scheme", c.scheme, {gaussian}));
  v.field("bound", c.bound, "largest weight", between(0, largest).only_for("scheme", c.scheme, {uniform}));
  v.field("gain", c.gain, "every weight is multiplied by it", between(0, largest));
}

template <class V>
void fields(V& v, ScheduleConfig& c) {
  using enum ScheduleType;
  v.field("type", c.type, "constant; step: multiply the rate by factor at every so many steps");
  v.field("every", c.every, "steps between two changes", between(1, most_steps).only_for("type", c.type, {step}));
  v.field("factor", c.factor, "what the rate is multiplied by",
          above(0).at_most(largest).only_for("type", c.type, {step}));
}

template <class V>
void fields(V& v, OptimizerConfig& c) {
  v.field("type", c.type, "sgd: v = momentum * v + g; w -= learning_rate * v");
  v.field("learning_rate", c.learning_rate, "at the start of the schedule", above(0).at_most(largest));
  v.field("momentum", c.momentum, "share of the last update that stays; 0: plain gradient descent",
          at_least(0).below(1));
  v.field("weight_decay", c.weight_decay, "g += weight_decay * w", between(0, largest));
  v.field("decay_normalization_and_biases", c.decay_normalization_and_biases,
          "let weight decay act on gamma, beta and biases too (not so in Goyal 2017 and He 2019)");
  v.section("schedule", c.schedule, "the learning rate over time");
}

template <class V>
void fields(V& v, TrainingConfig& c) {
  v.field("batch_size", c.batch_size, "images a step", between(1, 1e6));
  v.field("epochs", c.epochs, "passes over the training images, in place of steps; may be a fraction",
          above(0).at_most(1e6).instead_of("steps"));
  v.field("steps", c.steps, "updates of the weights", between(1, most_steps).unless("epochs", c.epochs.has_value()));
  v.field("seed", c.seed,
          "of all random numbers: weights, batch order, the images that probes and precise statistics look at",
          at_least(0));
  v.field("eval_every", c.eval_every, "steps between two evaluations; 0: at the end only", between(0, most_steps));
  v.field("log_every", c.log_every, "steps between two rows of train.csv", between(1, most_steps));
  v.field("checkpoint_every", c.checkpoint_every, "steps between two checkpoints; 0: only when interrupted",
          between(0, most_steps));
}

template <class V>
void fields(V& v, EvaluationConfig& c) {
  v.field("batch_size", c.batch_size, "images a batch; batch statistics use training.batch_size", between(1, 1e6));
  v.field("statistics", c.statistics,
          "one evaluation with each; population: what normalization.population says; batch: those of the batch itself",
          not_empty());
  v.field("train_split", c.train_split, "evaluate the training images too");
}

template <class V>
void fields(V& v, ProbeConfig& c) {
  using enum ProbeType;
  v.field(
      "type", c.type,
      "activation_distribution: percentiles of what enters and leaves each activation (Ioffe & Szegedy 2015, figure "
      "1b,c); gradient_norm: of each parameter; normalization_state: gamma, beta and statistics of each layer",
      required());
  v.field("every", c.every, "steps between two measurements", between(1, most_steps));
  v.field("examples", c.examples, "training images that are looked at; 0: one batch",
          between(0, 1e7).only_for("type", c.type, {activation_distribution}));
  v.field("units", c.units, "units or channels, from 0, that get a row of their own beside the pooled one",
          between(0, most_units).only_for("type", c.type, {activation_distribution}));
}

template <class V>
void fields(V& v, RecordConfig& c) {
  v.field("initial_weights", c.initial_weights, "write weights_initial.npz");
  v.field("batches", c.batches, "write batches.npy, the image indices of each step");
  v.field("final_weights", c.final_weights, "write weights.npz");
}

/// Whether no two probes have one type: each type writes one file.
inline bool probes_differ(const std::vector<ProbeConfig>& probes) {
  for (auto probe = probes.begin(); probe != probes.end(); ++probe)
    if (std::any_of(probes.begin(), probe, [&](const ProbeConfig& other) { return other.type == probe->type; }))
      return false;
  return true;
}

template <class V>
void fields(V& v, RunConfig& c) {
  v.field("description", c.description, "free text");
  v.section("dataset", c.dataset, "what is learned", required());
  v.section("network", c.network, "what learns: the name of a network file, or layers", required());
  v.section("normalization", c.normalization, "how the places for it are normalized");
  v.section("initialization", c.initialization, "the weights at the start");
  v.section("optimizer", c.optimizer, "how the weights change");
  v.section("training", c.training, "how long, and in which batches");
  v.section("evaluation", c.evaluation, "what eval.csv holds");
  v.sections("probes", c.probes, "measurements that leave the run unchanged, each in a CSV file");
  v.require(probes_differ(c.probes), "probes", "must hold each type once, since each writes one file");
  v.section("record", c.record, "further files of a run");
}

}  // namespace bnlab::config
