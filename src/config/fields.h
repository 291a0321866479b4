#pragma once
// The one table of the fields of a config. It reads, writes, checks and documents them: a visitor V gets each row as
//
//   v.field(name, member, meaning, rule)      a value: number, flag, text, choice, size, list of values
//   v.section(name, member, meaning, rule)    an object with rows of its own
//   v.sections(name, member, meaning, rule)   a list of such objects
//   v.blocks(name, member, meaning, rule)     a list of blocks of a network
//   v.branches(name, member, meaning, rule)   a list of such lists
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
void fields(V& v, Dropout& c) {
  v.field("rate", c.rate,
          "share of the values that are set to 0 in training, the others multiplied by 1 / (1 - rate) "
          "(Srivastava et al. 2014); unset: the network's",
          at_least(0).below(1));
}

template <class V>
void fields(V& v, LocalResponse& c) {
  v.field("size", c.size, "channels that are summed, an odd number", between(1, 1e4));
  v.field("alpha", c.alpha, "weight of the mean square", between(0, largest));
  v.field("beta", c.beta, "exponent", between(0, 1e3));
  v.field("k", c.k, "constant term; 2 in Krizhevsky et al. 2012", above(0).at_most(largest));
  v.require(c.size % 2 == 1, "size", "must be odd");
}

template <class V>
void fields(V& v, Residual& c) {
  v.blocks("body", c.body, "the branch with the weights", not_empty().required());
  v.field("shortcut", c.shortcut,
          "the other branch, where the body changes the shape; identity: an error there; projection: a 1x1 convolution "
          "with a stride (He et al. 2016, option B), or a dense layer; padding: every so many pixels, and zeros in the "
          "new channels (option A); unset: the network's");
  v.field("shortcut_normalization", c.shortcut_normalization, "normalize what a projection gives");
  v.field("scalar", c.scalar,
          "the body is multiplied by a learned factor that starts here; 0: SkipInit (De & Smith 2020); unset: the "
          "network's",
          between(-largest, largest));
}

template <class V>
void fields(V& v, Concat& c) {
  v.branches("branches", c.branches, "lists of blocks that all see the same input; an empty list passes it on",
             not_empty().required());
}

template <class V>
void fields(V& v, Recurrent& c) {
  v.field("units", c.units, "size of the hidden state", between(1, most_units).required());
  v.field("activation", c.activation, "f in h_t = f(normalization(W_h h + W_x x_t)), over the rows of the image");
  v.field(
      "start", c.start,
      "W_h at the start: orthogonal (Saxe et al. 2014), identity (Le et al. 2015), or as initialization.scheme says");
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
  v.template kind<LocalResponse>("local_response", "local response normalization across channels");
  v.template kind<ActivationBlock>("activation", "a nonlinearity");
  v.template kind<Dropout>("dropout", "values set to 0 at random, in training only");
  v.template kind<DenseBlock>("dense_block",
                              "dense, normalization and activation, in the order of normalization.placement");
  v.template kind<ConvBlock>("conv_block",
                             "conv, normalization and activation, in the order of normalization.placement");
  v.template kind<Residual>("residual", "shortcut(x) + body(x) (He et al. 2016)");
  v.template kind<Concat>("concat", "branches side by side, their outputs joined along the channels");
  v.template kind<Recurrent>("recurrent", "a recurrent layer over the rows of an image; gives its last state");
  v.template kind<Repeat>("repeat",
                          "layers that stand several times one after another, each time with weights of their own");
}

template <class V>
void fields(V& v, NetworkConfig& c) {
  v.field("name", c.name, "a file networks/NAME.json; where layers are given, only a name", file_name());
  v.field("description", c.description, "free text");
  v.field("activation", c.activation, "of the blocks that name none; in a config it overrides the network file's");
  v.field("negative_slope", c.negative_slope, "of leaky_relu below 0", between(-largest, largest));
  v.field("dropout", c.dropout, "rate of the dropout blocks that name none; 0: no dropout", at_least(0).below(1));
  v.field("shortcut", c.shortcut, "of the residual blocks that name none");
  v.field("residual_scalar", c.residual_scalar,
          "start of a learned factor of each residual body that names none; 0: SkipInit (De & Smith 2020); unset: no "
          "factor",
          between(-largest, largest));
  v.blocks("layers", c.layers, "the network, from input to output", not_empty());
}

// ---- the other sections ---------------------------------------------------------------------------------------------

template <class V>
void fields(V& v, AugmentationConfig& c) {
  v.field("crop_padding", c.crop_padding,
          "zeros on each side, of which a window of the old size is taken at random (He "
          "et al. 2016: 4)",
          between(0, most_pixels));
  v.field("flip", c.flip, "mirror left and right, every second image on average");
}

template <class V>
void fields(V& v, ShiftConfig& c) {
  v.field("rotation", c.rotation, "degrees, counterclockwise", between(-360, 360));
  v.field("contrast", c.contrast, "factor of each pixel's distance from mid-grey", between(0, 1e3));
  v.field("noise", c.noise, "standard deviation of Gaussian noise, as a fraction of the largest pixel value",
          between(0, 10));
}

template <class V>
void fields(V& v, SyntheticConfig& c) {
  v.field("examples", c.examples, "training examples", between(1, 1e7));
  v.field("test_examples", c.test_examples, "test examples", between(1, 1e7));
  v.field("dimensions", c.dimensions, "values of an input; drawn_digits has images of 28 x 28", between(1, 1e5));
  v.field("outputs", c.outputs, "targets of gaussian_regression, classes of gaussian_clusters; drawn_digits has 10",
          between(1, 256));
  v.field("separation", c.separation,
          "gaussian_clusters: standard deviation of the centres, where a cluster's own is 1", between(0, largest));
  v.field("seed", c.seed, "of the data, apart from training.seed", at_least(0));
}

template <class V>
void fields(V& v, DatasetConfig& c) {
  v.field("name", c.name,
          "fashion_mnist, mnist, cifar10, or one that needs no file; `bnlab list datasets` names them all",
          not_empty().required());
  v.field("path", c.path, "the folder with the files; empty: BNLAB_DATA, the Debian package's folder, data/");
  v.field("scaling", c.scaling,
          "unit: pixels / 255; binary: pixels >= 128 are 1 (Ioffe & Szegedy 2015, 4.1); standardized: mean 0 and "
          "standard deviation 1 over the training images; raw: 0 to 255");
  v.field("limit", c.limit, "use only the first images of the training file; 0: all", between(0, most_images));
  v.field("validation", c.validation,
          "training images held out as a split of their own, the last ones within the limit", between(0, most_images));
  v.require(c.limit == 0 || c.validation < c.limit, "validation", "must be below limit");
  v.section("augmentation", c.augmentation, "random changes of the training images, new at each visit");
  v.section("shift", c.shift, "a fixed change of all images, as for fine-tuning on other data");
  v.section("synthetic", c.synthetic, "the size of gaussian_regression, gaussian_clusters and drawn_digits");
}

template <class V>
void fields(V& v, LossConfig& c) {
  using enum LossType;
  v.field(
      "type", c.type,
      "cross_entropy: of the softmax; squared_error: of the targets, or of classes as 0 and 1, without a factor 1/2");
  v.field("label_smoothing", c.label_smoothing,
          "share of the target that is spread over all classes (Szegedy et al. 2016, 7)",
          at_least(0).below(1).only_for("type", c.type, {cross_entropy}));
  v.field("reduction", c.reduction, "mean: over the batch, and for squared_error over the outputs too; sum: over both");
}

template <class V>
void fields(V& v, RampConfig& c) {
  v.field("initial", c.initial, "value until begin", between(0, largest));
  v.field("final", c.final, "value from end on", between(0, largest));
  v.field("begin", c.begin, "when it starts to change, in a straight line", between(0, most_steps));
  v.field("end", c.end, "when it is final", between(0, most_steps));
  v.field("unit", c.unit, "of begin and end: fraction of the steps of the run, or steps");
  v.require(c.begin <= c.end, "end", "must be at least begin");
}

template <class V>
void fields(V& v, NoiseConfig& c) {
  v.field("mean", c.mean, "largest mean: mu ~ U(-mean, mean) for each unit and step", between(0, largest));
  v.field("std", c.std, "largest scale: sigma ~ U(1, std) for each unit and step", at_least(1).at_most(largest));
  v.field("mean_jitter", c.mean_jitter, "for each value, m ~ U(mu - mean_jitter, mu + mean_jitter)",
          between(0, largest));
  v.field("std_jitter", c.std_jitter, "for each value, s ~ N(sigma, std_jitter^2); y = s x + m", between(0, largest));
  v.field("in_evaluation", c.in_evaluation, "add the noise in evaluation too");
}

template <class V>
void fields(V& v, NormalizationConfig& c) {
  using enum NormalizationType;
  v.field(
      "type", c.type,
      "batch: Ioffe & Szegedy 2015; batch_renorm: Ioffe 2017; ghost: virtual batches (Hoffer et al. 2017); frozen: "
      "with the running statistics, which stay as they are; noisy_batch: noise after it (Santurkar et al. 2018); "
      "noise: that noise alone; layer: Ba et al. 2016; instance: Ulyanov et al. 2016; group: Wu & He 2018; lp: other "
      "norms than l2 (Santurkar et al. 2018, Hoffer et al. 2018); local_response: Krizhevsky et al. 2012; none: the "
      "other fields stay without effect");
  v.field("placement", c.placement, "in dense_block and conv_block; before: Ioffe & Szegedy 2015, 3.2");
  v.field("mask", c.mask, "the places of the network that are normalized, counted from 1 in network order",
          at_least(1));
  v.field("normalize_input", c.normalize_input, "a normalization as the first layer, whatever the mask says");
  v.field("zero_gamma_residual", c.zero_gamma_residual,
          "gamma starts at 0 in the last normalization of each residual body (Goyal et al. 2017, 5.1)");
  v.field("epsilon", c.epsilon,
          "added to the variance, inside the square root; with 0, values without variance normalize to 0",
          between(0, largest));
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
  v.field("precise_batches", c.precise_batches,
          "batches of training images, shuffled, over which precise statistics are averaged", between(1, 1e6));
  v.field("recurrent_statistics", c.recurrent_statistics,
          "running statistics in recurrent layers: of each step (Cooijmans et al. 2016), or one for all steps");
  v.field("virtual_batch_size", c.virtual_batch_size,
          "images that share statistics, as a batch within the batch; the last may be smaller, but not of one value. "
          "Unset: 32 for ghost, the whole batch for batch_renorm",
          between(1, 1e6).only_for("type", c.type, {ghost, batch_renorm}));
  v.field("channels_per_group", c.channels_per_group, "channels of one group, in place of groups",
          between(1, most_units).only_for("type", c.type, {group}).instead_of("groups"));
  v.field("groups", c.groups, "groups of channels that share statistics; must divide the channels of each place",
          c.type == group && c.channels_per_group ? between(1, most_units).unless("channels_per_group", true)
                                                  : between(1, most_units).only_for("type", c.type, {group}));
  v.field("over", c.over,
          "image: statistics over all channels and positions of an image; position: over the channels of each position "
          "(ConvNeXt, Liu et al. 2022)",
          only_for("type", c.type, {layer}));
  v.field("norm", c.norm,
          "what the centred values are divided by: l1 mean |x|, l2 root of the mean square, linf the "
          "largest |x|",
          only_for("type", c.type, {lp}));
  v.section("r_max", c.r_max, "largest factor of the correction (Ioffe 2017, 3)",
            only_for("type", c.type, {batch_renorm}));
  v.require(c.type != batch_renorm || std::min(c.r_max.initial, c.r_max.final) >= 1, "r_max",
            "initial and final must be at least 1");
  v.section("d_max", c.d_max, "largest shift of the correction (Ioffe 2017, 3)",
            only_for("type", c.type, {batch_renorm}));
  v.section("noise", c.noise, "the noise (Santurkar et al. 2018, appendix A)",
            only_for("type", c.type, {noisy_batch, NormalizationType::noise}));
  v.section("local_response", c.local_response, "its constants",
            only_for("type", c.type, {NormalizationType::local_response}));
}

template <class V>
void fields(V& v, WeightInitialization& c) {
  using enum InitializationScheme;
  v.field("scheme", c.scheme,
          "gaussian: N(0, std^2); uniform: U(-bound, bound); xavier: variance 1 / fan (Glorot & Bengio 2010); he: 2 / "
          "fan (He et al. 2015); orthogonal: Saxe et al. 2014; identity: ones on the diagonal; pytorch: U(-b, b), b = "
          "1 / sqrt(fan in), biases too; fixup: he, with the rules of Zhang et al. 2019 for residual networks. Biases "
          "are 0 elsewhere");
  v.field("distribution", c.distribution, "the shape with that variance", only_for("scheme", c.scheme, {xavier, he}));
  v.field("fan", c.fan, "inputs of a unit, outputs of an input, or their mean; unset: average for xavier, in for he",
          only_for("scheme", c.scheme, {xavier, he}));
  v.field("std", c.std, "standard deviation of the weights",
          between(0, largest).only_for("scheme", c.scheme, {gaussian}));
  v.field("bound", c.bound, "largest weight", between(0, largest).only_for("scheme", c.scheme, {uniform}));
  v.field("gain", c.gain, "every weight is multiplied by it", between(0, largest));
}

template <class V>
void fields(V& v, InitializationOverride& c) {
  v.field("layers", c.layers, "names of layers as in `bnlab describe`; * stands for any characters: conv*",
          not_empty().required());
  fields(v, static_cast<WeightInitialization&>(c));
}

template <class V>
void fields(V& v, InitializationConfig& c) {
  fields(v, static_cast<WeightInitialization&>(c));
  v.field("from", c.from, "a run's directory, or its weights.npz: start from its weights and running statistics");
  v.sections("overrides", c.overrides, "another start for some layers; the last that fits counts");
}

template <class V>
void fields(V& v, ScheduleConfig& c) {
  using enum ScheduleType;
  v.field("type", c.type,
          "constant; step: times factor at every so many steps; exponential: the same, but smoothly; cosine: half a "
          "cosine, which would reach final_fraction one step after the last (Loshchilov & Hutter 2017, as PyTorch's "
          "CosineAnnealingLR); one_cycle: up, and down to final_fraction at the last step (Smith 2018, as PyTorch's "
          "OneCycleLR); doubling: twice the rate every so many steps, smoothly");
  v.field("every", c.every, "steps between two changes",
          between(1, most_steps).only_for("type", c.type, {step, exponential, doubling}));
  v.field("factor", c.factor, "what the rate is multiplied by",
          above(0).at_most(largest).only_for("type", c.type, {step, exponential}));
  v.field(
      "final_fraction", c.final_fraction,
      "the rate at the end, as a fraction of learning_rate: one_cycle has it at the last step; cosine would have it "
      "at the step after the last, so its last step is above it",
      between(0, 1).only_for("type", c.type, {cosine, one_cycle}));
  v.field("initial_fraction", c.initial_fraction, "the first rate, as a fraction of learning_rate",
          above(0).at_most(1).only_for("type", c.type, {one_cycle}));
  v.field("peak", c.peak, "the fraction of the steps after which the rate is learning_rate",
          above(0).below(1).only_for("type", c.type, {one_cycle}));
  v.field("warmup_steps", c.warmup_steps,
          "steps in which the rate rises to its value in a straight line (Goyal et al. "
          "2017, 2.2); the first step after them has the full rate, and the schedule begins with it; 0: none",
          between(0, most_steps).only_for("type", c.type, {constant, step, exponential, cosine, doubling}));
  v.field("warmup_start", c.warmup_start, "the fraction of the rate with which warm-up begins",
          between(0, 1).only_for("type", c.type, {constant, step, exponential, cosine, doubling}));
}

template <class V>
void fields(V& v, TrainableConfig& c) {
  using enum Trainable;
  v.field("select", c.select,
          "all; normalization: gamma and beta alone (Frankle et al. 2020); random: single weights and biases, drawn at "
          "random, and no gamma or beta");
  v.field("share", c.share, "of the weights and biases; unset: as many as there are gammas and betas",
          above(0).at_most(1).only_for("select", c.select, {random}));
}

template <class V>
void fields(V& v, OptimizerConfig& c) {
  using enum OptimizerType;
  v.field("type", c.type,
          "sgd: v = momentum * v + g; w -= learning_rate * v; adam: Kingma & Ba 2015; adamw: Loshchilov & Hutter 2019; "
          "rmsprop: Tieleman & Hinton 2012. All as in PyTorch");
  v.field("learning_rate", c.learning_rate, "at the start of the schedule; its largest with one_cycle",
          above(0).at_most(largest));
  v.field("momentum", c.momentum, "share of the last update that stays; 0: plain gradient descent",
          at_least(0).below(1).only_for("type", c.type, {sgd, rmsprop}));
  v.field("nesterov", c.nesterov, "w -= learning_rate * (g + momentum * v) (Sutskever et al. 2013)",
          only_for("type", c.type, {sgd}));
  v.field("beta1", c.beta1, "decay of the average gradient",
          at_least(0).below(1).only_for("type", c.type, {adam, adamw}));
  v.field("beta2", c.beta2, "decay of the average squared gradient",
          at_least(0).below(1).only_for("type", c.type, {adam, adamw}));
  v.field("smoothing", c.smoothing, "decay of the average squared gradient",
          at_least(0).below(1).only_for("type", c.type, {rmsprop}));
  v.field("epsilon", c.epsilon, "added to the root of the average squared gradient",
          between(0, largest).only_for("type", c.type, {adam, adamw, rmsprop}));
  v.field("weight_decay", c.weight_decay,
          "coupled: g += weight_decay * w; decoupled: w -= learning_rate * weight_decay * w", between(0, largest));
  v.field("decay", c.decay, "how weight decay acts; unset: decoupled for adamw, else coupled");
  v.field("decay_normalization_and_biases", c.decay_normalization_and_biases,
          "let weight decay act on gamma, beta and biases too (not so in Goyal 2017 and He 2019)");
  v.field(
      "clip_norm", c.clip_norm,
      "largest norm of the gradient over all trainable parameters; a longer one is scaled down to it (Pascanu et al. "
      "2013); 0: no limit",
      between(0, largest));
  v.require(!c.nesterov || c.momentum > 0, "nesterov", "needs a momentum above 0");
  v.require(c.type != adamw || c.decay != Decay::coupled, "decay", "must be decoupled with adamw, which means that");
  v.section("trainable", c.trainable, "the parameters that change");
  v.section("schedule", c.schedule, "the learning rate over time");
}

template <class V>
void fields(V& v, TrainingConfig& c) {
  using enum BatchComposition;
  v.field(
      "composition", c.composition,
      "shuffled: a new order each epoch; in_order: as in the file; by_class: a few classes a batch (Ioffe 2017, 4.3); "
      "full_batch: all training images at once, which is gradient descent without noise");
  v.field("batch_size", c.batch_size, "images a step",
          between(1, 1e6).only_for("composition", c.composition, {shuffled, in_order, by_class}));
  v.field("classes_per_batch", c.classes_per_batch, "classes of a batch, with equally many images each",
          between(1, 256).only_for("composition", c.composition, {by_class}));
  v.require(c.composition != by_class || c.batch_size % c.classes_per_batch == 0, "classes_per_batch",
            "must divide batch_size");
  v.field("epochs", c.epochs, "passes over the training images, in place of steps; may be a fraction",
          above(0).at_most(1e6).instead_of("steps"));
  v.field("steps", c.steps, "updates of the weights", between(1, most_steps).unless("epochs", c.epochs.has_value()));
  v.field(
      "seed", c.seed,
      "of all random numbers: weights, batch order, augmentation, dropout, noise, the images that probes and precise "
      "statistics look at",
      at_least(0));
  v.field("precision", c.precision,
          "f32; bf16: activations, gradients and a copy of the weights in bfloat16; weights, statistics, normalization "
          "parameters and loss in f32 (Micikevicius et al. 2018)");
  v.field("allow_slow_bf16", c.allow_slow_bf16, "bf16 even where the processor has no instructions for it");
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
      "1b,c); gradient_norm: of each parameter; normalization_state: gamma, beta and statistics of each layer; "
      "channel_moments: of the output of each layer (Bjorck et al. 2018); layer_gradients: of the gradient of each "
      "layer's output, by depth (Yang et al. 2019); representations: effective rank and mean cosine of each layer's "
      "outputs (Daneshmand et al. 2020); scale_invariance: what factors of the weights change (Ioffe & Szegedy 2015, "
      "3.3); bias_effect: what a bias changes (3.2); identity_recovery: whether gamma and beta can undo a "
      "normalization (3); normalization_gradients: what normalization takes out of a gradient (Santurkar et al. 2018, "
      "theorem 4.1); weight_growth: of the squared norm of the weights (van Laarhoven 2017); statistics_gap: running "
      "and "
      "batch statistics beside precise ones (Li et al. 2018); residual_branches: what each branch adds to its "
      "shortcut; "
      "equivalence: the network beside itself with another normalization",
      required());
  v.field("every", c.every, "steps between two measurements", between(1, most_steps));
  v.field("examples", c.examples, "training images that are looked at; 0: one batch",
          between(0, 1e7).only_for("type", c.type, {activation_distribution}));
  v.field("units", c.units, "units or channels, from 0, that get a row of their own beside the pooled one",
          between(0, most_units).only_for("type", c.type, {activation_distribution}));
  v.field("factors", c.factors, "of the weights of one layer at a time",
          above(0).at_most(1e6).not_empty().only_for("type", c.type, {scale_invariance}));
  v.optional_section("normalization", c.normalization, "the other normalization, on the same parameters and images",
                     only_for("type", c.type, {equivalence}));
  v.require(c.type != equivalence || c.normalization, "normalization", "must be set for type equivalence");
}

template <class V>
void fields(V& v, RecordConfig& c) {
  v.field("initial_weights", c.initial_weights, "write weights_initial.npz");
  v.field("batches", c.batches, "write batches.npy, the image indices of each step");
  v.field("final_weights", c.final_weights, "write weights.npz");
  v.field("dropout_masks", c.dropout_masks, "write dropout_masks.npz, the masks of each step");
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
  v.section("loss", c.loss, "what is minimized");
  v.section("optimizer", c.optimizer, "how the weights change");
  v.section("training", c.training, "how long, and in which batches");
  v.section("evaluation", c.evaluation, "what eval.csv holds");
  v.sections("probes", c.probes, "measurements that leave the run unchanged, each in a CSV file");
  v.require(probes_differ(c.probes), "probes", "must hold each type once, since each writes one file");
  v.section("record", c.record, "further files of a run");
}

}  // namespace bnlab::config
