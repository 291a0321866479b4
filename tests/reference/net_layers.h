#pragma once
// The layers of a `Net`: values that hold their parameters and state, and call the functions of layers.h, pooling.h and
// normalization.h. They keep nothing of a forward pass but the correction of batch renormalization: backward is handed
// the same src and mode again.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "reference/array.h"
#include "reference/layers.h"
#include "reference/normalization.h"
#include "reference/pooling.h"

namespace bnlab::reference {

/// What a normalization does: `train` takes the batch's statistics and updates the running ones in each forward;
/// `batch` is `train` without the update, and with the correction that batch renormalization had in the last `train`;
/// `frozen` takes the running ones, as constants.
enum class Mode { train, batch, frozen };

/// `train` without the update of the running statistics, for a second forward pass over the same src.
inline Mode again(Mode mode) { return mode == Mode::train ? Mode::batch : mode; }

struct Parameter {
  std::string name;  // "weights"
  Array value;
  bool decays = true;  // false: weight decay leaves it alone unless told to take everything
  Array gradient = zeros(value.shape);
  Array velocity = zeros(value.shape);
  double terms = 0.0;  // where the gradient is a single sum that may cancel: the sum of the absolute terms
};

/// What a layer carries from step to step and no gradient changes.
struct State {
  std::string name;  // "running_mean"
  Array value;
};

/// The element called `name`, null where there is none.
template <typename Named>
Named* find_named(std::vector<Named>& list, const std::string& name) {
  for (Named& entry : list)
    if (entry.name == name) return &entry;
  return nullptr;
}

struct LayerBase {
  std::string kind;  // "dense"
  std::string name;  // "dense1"
  std::vector<Parameter> parameters;
  std::vector<State> states;

  explicit LayerBase(std::string layer_kind) : kind(std::move(layer_kind)), name(kind) {}

  /// Null where the layer has no such parameter.
  const Array* value(const std::string& parameter) {
    const Parameter* found = find_named(parameters, parameter);
    return found ? &found->value : nullptr;
  }
  Array& state(const std::string& wanted) { return find_named(states, wanted)->value; }
  void set_gradient(const std::string& parameter, const Array& gradient) {
    if (Parameter* found = find_named(parameters, parameter)) found->gradient = gradient;
  }
};

/// weights and, where asked for, bias: zeros until set.
struct WeightedLayer : LayerBase {
  WeightedLayer(std::string layer_kind, const Shape& weights, bool bias) : LayerBase(std::move(layer_kind)) {
    parameters.push_back({"weights", zeros(weights)});
    if (bias) parameters.push_back({"bias", zeros({weights[0]}), false});
  }
  Array take(const LinearGradients& gradients) {
    set_gradient("weights", gradients.diff_weights);
    set_gradient("bias", gradients.diff_bias);
    return gradients.diff_src;
  }
};

struct DenseLayer : WeightedLayer {
  DenseLayer(std::int64_t inputs, std::int64_t units, bool bias) : WeightedLayer("dense", {units, inputs}, bias) {}
  Array forward(const Array& src, Mode) { return dense_forward(src, *value("weights"), value("bias")); }
  Array backward(const Array& src, const Array& diff_dst, Mode) {
    return take(dense_backward(src, *value("weights"), diff_dst));
  }
};

struct ConvLayer : WeightedLayer {
  ConvGeometry geometry;

  ConvLayer(std::int64_t inputs, std::int64_t outputs, Extent kernel, const ConvGeometry& conv_geometry, bool bias)
      : WeightedLayer("conv", {outputs, inputs / conv_geometry.groups, kernel.height, kernel.width}, bias),
        geometry(conv_geometry) {}
  Array forward(const Array& src, Mode) { return conv_forward(src, *value("weights"), value("bias"), geometry); }
  Array backward(const Array& src, const Array& diff_dst, Mode) {
    return take(conv_backward(src, *value("weights"), diff_dst, geometry));
  }
};

/// Parameters gamma and beta, states running_mean (from 0) and running_variance (from 1) where the method has them;
/// each (C). The correction of renorm is that of the last forward in train mode, none before.
struct NormalizationLayer : LayerBase {
  NormalizationOptions options;
  Correction correction;
  std::size_t trained = 0;  // forwards in train mode

  NormalizationLayer(std::int64_t channels, const NormalizationOptions& normalization)
      : LayerBase("normalization"), options(normalization), correction{full({channels}, 1.0), zeros({channels})} {
    if (options.affine && options.method != Method::local_response) {
      parameters.push_back({"gamma", full({channels}, options.initial_gamma), false});
      parameters.push_back({"beta", full({channels}, options.initial_beta), false});
    }
    if (!has_statistics(options.method)) return;
    states.push_back({"running_mean", zeros({channels})});
    states.push_back({"running_variance", full({channels}, 1.0)});
  }
  Statistics running() { return {state("running_mean"), state("running_variance"), 0}; }
  bool takes_running(Mode mode) const { return mode == Mode::frozen && has_statistics(options.method); }
  Array forward(const Array& src, Mode mode) {
    if (takes_running(mode))
      return batch_norm_frozen_forward(src, running(), value("gamma"), value("beta"), options.epsilon).dst;
    if (mode == Mode::train && has_statistics(options.method)) {
      correction = correction_at(options, trained++, src, running());
      const Statistics term = running_term(options, src);
      update_running_average(state("running_mean"), term.mean, options.running_average_decay);
      update_running_average(state("running_variance"), term.variance, options.running_average_decay);
    }
    return normalize(options, src, correction, value("gamma"), value("beta"));
  }
  Array backward(const Array& src, const Array& diff_dst, Mode mode) {
    NormalizationGradients gradients =
        takes_running(mode) ? batch_norm_frozen_backward(src, diff_dst, running(), value("gamma"), options.epsilon)
                            : normalize_backward(options, src, diff_dst, correction, value("gamma"));
    set_gradient("gamma", gradients.diff_gamma);
    set_gradient("beta", gradients.diff_beta);
    return std::move(gradients.diff_src);
  }
};

struct ActivationLayer : LayerBase {
  Activation function;

  explicit ActivationLayer(Activation activation) : LayerBase("activation"), function(activation) {}
  Array forward(const Array& src, Mode) { return activation_forward(src, function); }
  Array backward(const Array& src, const Array& diff_dst, Mode) { return activation_backward(src, diff_dst, function); }
};

struct MaxPoolLayer : LayerBase {
  Window window;

  explicit MaxPoolLayer(const Window& pool) : LayerBase("max_pool"), window(pool) {}
  Array forward(const Array& src, Mode) { return max_pool_forward(src, window); }
  Array backward(const Array& src, const Array& diff_dst, Mode) { return max_pool_backward(src, diff_dst, window); }
};

struct AvgPoolLayer : LayerBase {
  Window window;

  explicit AvgPoolLayer(const Window& pool) : LayerBase("avg_pool"), window(pool) {}
  Array forward(const Array& src, Mode) { return avg_pool_forward(src, window); }
  Array backward(const Array& src, const Array& diff_dst, Mode) {
    return avg_pool_backward(src.shape, diff_dst, window);
  }
};

struct GlobalAvgPoolLayer : LayerBase {
  GlobalAvgPoolLayer() : LayerBase("global_avg_pool") {}
  Array forward(const Array& src, Mode) { return global_avg_pool_forward(src); }
  Array backward(const Array& src, const Array& diff_dst, Mode) {
    return global_avg_pool_backward(src.shape, diff_dst);
  }
};

/// (N, ...) -> (N, values of an image).
struct FlattenLayer : LayerBase {
  FlattenLayer() : LayerBase("flatten") {}
  Array forward(const Array& src, Mode) { return reshape(src, {src.dim(0), src.size() / src.dim(0)}); }
  Array backward(const Array& src, const Array& diff_dst, Mode) { return reshape(diff_dst, src.shape); }
};

/// src * mask / (1 - rate) in training, src where statistics are frozen. mask: 0 or 1, of src's shape.
struct DropoutLayer : LayerBase {
  Array factor;

  DropoutLayer(const Array& mask, double rate) : LayerBase("dropout"), factor(mask) {
    for (double& value : factor.values) value /= 1.0 - rate;
  }
  Array forward(const Array& src, Mode mode) { return mode == Mode::frozen ? src : times_factor(src); }
  Array backward(const Array&, const Array& diff_dst, Mode mode) {
    return mode == Mode::frozen ? diff_dst : times_factor(diff_dst);
  }
  Array times_factor(Array array) const {
    require_shape(factor, array.shape, "dropout mask");
    for (std::size_t i = 0; i < array.values.size(); ++i) array.values[i] *= factor.values[i];
    return array;
  }
};

/// Every stride-th pixel, and zeros in new channels behind the old ones: (N, C, H, W) -> (N, channels, ceil(H /
/// stride), ceil(W / stride)).
struct PaddingShortcutLayer : LayerBase {
  std::int64_t channels, stride;

  PaddingShortcutLayer(std::int64_t outputs, std::int64_t every)
      : LayerBase("padding_shortcut"), channels(outputs), stride(every) {}
  /// visit(s, d) for the flat offsets of each pixel that is kept.
  template <typename Visit>
  Shape for_each_kept(const Shape& src, const Visit& visit) const {
    const Shape dst{src[0], channels, (src[2] + stride - 1) / stride, (src[3] + stride - 1) / stride};
    for (std::int64_t n = 0; n < src[0]; ++n)
      for (std::int64_t c = 0; c < src[1]; ++c)
        for (std::int64_t y = 0; y < src[2]; y += stride)
          for (std::int64_t x = 0; x < src[3]; x += stride)
            visit(((n * src[1] + c) * src[2] + y) * src[3] + x,
                  ((n * channels + c) * dst[2] + y / stride) * dst[3] + x / stride);
    return dst;
  }
  Array forward(const Array& src, Mode) {
    Array dst = zeros(for_each_kept(src.shape, [](std::int64_t, std::int64_t) {}));
    for_each_kept(src.shape, [&](std::int64_t s, std::int64_t d) { dst.values[d] = src.values[s]; });
    return dst;
  }
  Array backward(const Array& src, const Array& diff_dst, Mode) {
    Array diff_src = zeros(src.shape);
    for_each_kept(src.shape, [&](std::int64_t s, std::int64_t d) { diff_src.values[s] = diff_dst.values[d]; });
    return diff_src;
  }
};

/// One set of running statistics for each time step, or one for all, which takes in their average.
enum class StepStatistics { none, per_step, shared };

/// h_t = f(normalization(W_x x_t + W_h h_{t-1} + bias)), x_t row t of all channels of an image; gives the last h. The
/// bias is there where there is no normalization, which is always with gamma and beta.
struct RecurrentLayer : WeightedLayer {
  Activation function;
  StepStatistics statistics;
  NormalizationOptions options;
  LayerBase site{"normalization"};      // parameters gamma and beta, states step1.running_mean ... or running_mean ...
  std::vector<Correction> corrections;  // of each step; as NormalizationLayer's
  std::size_t trained = 0;

  RecurrentLayer(std::int64_t inputs, std::int64_t units, std::int64_t steps, Activation activation,
                 StepStatistics step_statistics, const NormalizationOptions& normalization)
      : WeightedLayer("recurrent", {units, inputs}, step_statistics == StepStatistics::none),
        function(activation),
        statistics(step_statistics),
        options(normalization) {
    parameters.front().name = "input_weights";
    parameters.push_back({"hidden_weights", zeros({units, units})});
    if (statistics == StepStatistics::none) return;
    site.parameters.push_back({"gamma", full({units}, options.initial_gamma), false});
    site.parameters.push_back({"beta", full({units}, options.initial_beta), false});
    corrections.assign(static_cast<std::size_t>(steps), {full({units}, 1.0), zeros({units})});
    if (!has_statistics(options.method)) return;
    for (std::int64_t t = 0; t < (statistics == StepStatistics::shared ? 1 : steps); ++t) {
      site.states.push_back({prefix(t) + "running_mean", zeros({units})});
      site.states.push_back({prefix(t) + "running_variance", full({units}, 1.0)});
    }
  }

  std::string prefix(std::int64_t t) const {
    return statistics == StepStatistics::shared ? "" : "step" + std::to_string(t + 1) + ".";
  }
  Array& running_mean(std::int64_t t) { return site.state(prefix(t) + "running_mean"); }
  Array& running_variance(std::int64_t t) { return site.state(prefix(t) + "running_variance"); }
  Statistics running(std::int64_t t) { return {running_mean(t), running_variance(t), 0}; }
  bool takes_running(Mode mode) const { return mode == Mode::frozen && has_statistics(options.method); }

  /// Offset in src (N, C, H, W) of value i of row t of image n.
  static std::int64_t offset(const Shape& src, std::int64_t n, std::int64_t t, std::int64_t i) {
    return ((n * src[1] + i / src[3]) * src[2] + t) * src[3] + i % src[3];
  }
  static Array row(const Array& src, std::int64_t t) {
    Array x = zeros({src.dim(0), src.dim(1) * src.dim(3)});
    for (std::int64_t i = 0; i < x.size(); ++i)
      x.values[i] = src.values[offset(src.shape, i / x.dim(1), t, i % x.dim(1))];
    return x;
  }

  /// All (N, units).
  struct Step {
    Array x, h_before, z, y, h;
  };
  Step step(const Array& src, std::int64_t t, const Array& h_before, Mode mode) {
    Step s{row(src, t), h_before, {}, {}, {}};
    s.z = dense_forward(s.x, *value("input_weights"), value("bias"));
    const Array product = dense_forward(h_before, *value("hidden_weights"), nullptr);
    for (std::int64_t i = 0; i < s.z.size(); ++i) s.z.values[i] += product.values[i];
    s.y = s.z;
    if (statistics != StepStatistics::none) {
      const Array *gamma = site.value("gamma"), *beta = site.value("beta");
      Correction& correction = corrections[static_cast<std::size_t>(t)];
      if (mode == Mode::train && has_statistics(options.method))
        correction = correction_at(options, trained, s.z, running(t));
      s.y = takes_running(mode) ? batch_norm_frozen_forward(s.z, running(t), gamma, beta, options.epsilon).dst
                                : normalize(options, s.z, correction, gamma, beta);
    }
    s.h = activation_forward(s.y, function);
    return s;
  }
  std::vector<Step> unroll(const Array& src, Mode mode) {
    std::vector<Step> steps;
    Array h = zeros({src.dim(0), value("hidden_weights")->dim(0)});
    for (std::int64_t t = 0; t < src.dim(2); ++t) {
      steps.push_back(step(src, t, h, mode));
      h = steps.back().h;
    }
    return steps;
  }

  Array forward(const Array& src, Mode mode) {
    const std::vector<Step> steps = unroll(src, mode);
    if (mode == Mode::train && statistics != StepStatistics::none && has_statistics(options.method))
      update_statistics(steps);
    return steps.back().h;
  }
  void update_statistics(const std::vector<Step>& steps) {
    ++trained;
    const double share = statistics == StepStatistics::shared ? 1.0 / static_cast<double>(steps.size()) : 1.0;
    Array mean = zeros(running_mean(0).shape), variance = mean;
    for (std::size_t t = 0; t < steps.size(); ++t) {
      const Statistics batch = running_term(options, steps[t].z);
      if (statistics == StepStatistics::per_step) mean = variance = zeros(mean.shape);
      for (std::size_t u = 0; u < mean.values.size(); ++u) {
        mean.values[u] += share * batch.mean.values[u];
        variance.values[u] += share * batch.variance.values[u];
      }
      if (statistics == StepStatistics::shared && t + 1 < steps.size()) continue;
      const auto place = static_cast<std::int64_t>(t);
      update_running_average(running_mean(place), mean, options.running_average_decay);
      update_running_average(running_variance(place), variance, options.running_average_decay);
    }
  }

  Array backward(const Array& src, const Array& diff_dst, Mode mode) {
    const std::vector<Step> steps = unroll(src, again(mode));
    Array diff_src = zeros(src.shape), diff_h = diff_dst;
    Array diff_input = zeros(value("input_weights")->shape), diff_hidden = zeros(value("hidden_weights")->shape);
    Array diff_bias = zeros({diff_dst.dim(1)}), diff_gamma = diff_bias, diff_beta = diff_bias;
    const auto add = [](Array& sum, const Array& term) {
      for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += term.values[i];
    };
    for (std::int64_t t = src.dim(2); t-- > 0;) {
      const Step& s = steps[static_cast<std::size_t>(t)];
      Array diff_z = activation_backward(s.y, diff_h, function);
      if (statistics != StepStatistics::none) {
        const Array* gamma = site.value("gamma");
        const NormalizationGradients gradients =
            takes_running(mode)
                ? batch_norm_frozen_backward(s.z, diff_z, running(t), gamma, options.epsilon)
                : normalize_backward(options, s.z, diff_z, corrections[static_cast<std::size_t>(t)], gamma);
        diff_z = gradients.diff_src;
        add(diff_gamma, gradients.diff_gamma);
        add(diff_beta, gradients.diff_beta);
      }
      const LinearGradients by_input = dense_backward(s.x, *value("input_weights"), diff_z);
      const LinearGradients by_hidden = dense_backward(s.h_before, *value("hidden_weights"), diff_z);
      add(diff_input, by_input.diff_weights);
      add(diff_hidden, by_hidden.diff_weights);
      add(diff_bias, by_input.diff_bias);
      const std::int64_t inputs = by_input.diff_src.dim(1);
      for (std::int64_t i = 0; i < by_input.diff_src.size(); ++i)
        diff_src.values[offset(src.shape, i / inputs, t, i % inputs)] = by_input.diff_src.values[i];
      diff_h = by_hidden.diff_src;
    }
    set_gradient("input_weights", diff_input);
    set_gradient("hidden_weights", diff_hidden);
    set_gradient("bias", diff_bias);
    site.set_gradient("gamma", diff_gamma);
    site.set_gradient("beta", diff_beta);
    return diff_src;
  }
};

// ---- layers of layers ----------------------------------------------------------------------------------------------

struct Layer;
using Layers = std::vector<Layer>;

/// shortcut(src) + scalar * body(src); without layers a shortcut is src itself. Without `scalar` the factor is 1.
struct ResidualLayer : LayerBase {
  Layers body, shortcut;

  ResidualLayer(Layers body_layers, Layers shortcut_layers, bool has_scalar);
  Array forward(const Array& src, Mode mode);
  Array backward(const Array& src, const Array& diff_dst, Mode mode);
};

/// The outputs of the branches, (N, C_i, ...), joined along the channels.
struct ConcatLayer : LayerBase {
  std::vector<Layers> branches;

  explicit ConcatLayer(std::vector<Layers> layers);
  Array forward(const Array& src, Mode mode);
  Array backward(const Array& src, const Array& diff_dst, Mode mode);
};

struct Layer : std::variant<DenseLayer, ConvLayer, NormalizationLayer, ActivationLayer, MaxPoolLayer, AvgPoolLayer,
                            GlobalAvgPoolLayer, FlattenLayer, DropoutLayer, PaddingShortcutLayer, RecurrentLayer,
                            ResidualLayer, ConcatLayer> {
  using variant::variant;

  Array forward(const Array& src, Mode mode) {
    return std::visit([&](auto& layer) { return layer.forward(src, mode); }, *this);
  }
  Array backward(const Array& src, const Array& diff_dst, Mode mode) {
    return std::visit([&](auto& layer) { return layer.backward(src, diff_dst, mode); }, *this);
  }
};

inline LayerBase& base_of(Layer& layer) {
  return std::visit([](LayerBase& base) -> LayerBase& { return base; }, layer);
}

/// visit(base) for everything that has a name: the layers in network order, a layer before those that it is made of.
template <typename Visit>
void for_each_base(Layers& layers, const Visit& visit) {
  for (Layer& layer : layers) {
    visit(base_of(layer));
    if (auto* recurrent = std::get_if<RecurrentLayer>(&layer); recurrent && !recurrent->site.parameters.empty())
      visit(recurrent->site);
    if (auto* residual = std::get_if<ResidualLayer>(&layer)) {
      for_each_base(residual->body, visit);
      for_each_base(residual->shortcut, visit);
    }
    if (auto* concat = std::get_if<ConcatLayer>(&layer))
      for (Layers& branch : concat->branches) for_each_base(branch, visit);
  }
}

/// The values between the layers of a chain: src first, dst last.
inline std::vector<Array> chain_forward(Layers& layers, const Array& src, Mode mode) {
  std::vector<Array> values{src};
  for (Layer& layer : layers) values.push_back(layer.forward(values.back(), mode));
  return values;
}

/// The gradients of the values of `chain_forward`, in the same order.
inline std::vector<Array> chain_backward(Layers& layers, const std::vector<Array>& values, const Array& diff_dst,
                                         Mode mode) {
  std::vector<Array> diffs(values.size());
  diffs.back() = diff_dst;
  for (std::size_t i = layers.size(); i-- > 0;) diffs[i] = layers[i].backward(values[i], diffs[i + 1], mode);
  return diffs;
}

inline ResidualLayer::ResidualLayer(Layers body_layers, Layers shortcut_layers, bool has_scalar)
    : LayerBase("residual"), body(std::move(body_layers)), shortcut(std::move(shortcut_layers)) {
  if (has_scalar) parameters.push_back({"scalar", zeros({1}), false});
}

inline Array ResidualLayer::forward(const Array& src, Mode mode) {
  Array dst = chain_forward(body, src, mode).back();
  const Array through_shortcut = chain_forward(shortcut, src, mode).back();
  require_shape(through_shortcut, dst.shape, "shortcut");
  const double factor = value("scalar") ? value("scalar")->values[0] : 1.0;
  for (std::int64_t i = 0; i < dst.size(); ++i) dst.values[i] = factor * dst.values[i] + through_shortcut.values[i];
  return dst;
}

inline Array ResidualLayer::backward(const Array& src, const Array& diff_dst, Mode mode) {
  const std::vector<Array> values = chain_forward(body, src, again(mode));
  Array diff_body = diff_dst;
  if (value("scalar")) {
    set_gradient("scalar", {{1}, {dot(diff_dst, values.back())}});
    find_named(parameters, "scalar")->terms = absolute_dot(diff_dst, values.back());
    for (double& d : diff_body.values) d *= value("scalar")->values[0];
  }
  Array diff_src = chain_backward(body, values, diff_body, mode).front();
  const Array other = chain_backward(shortcut, chain_forward(shortcut, src, again(mode)), diff_dst, mode).front();
  for (std::int64_t i = 0; i < diff_src.size(); ++i) diff_src.values[i] += other.values[i];
  return diff_src;
}

inline ConcatLayer::ConcatLayer(std::vector<Layers> layers) : LayerBase("concat"), branches(std::move(layers)) {}

/// visit(i, j) for the flat offsets of the channels of `part` and their places in `whole`, behind `first` channels.
template <typename Visit>
void for_each_joined(const Shape& part, const Shape& whole, std::int64_t first, const Visit& visit) {
  const std::int64_t channels = part[1], pixels = volume(part) / (part[0] * channels);
  for (std::int64_t i = 0; i < volume(part); ++i) {
    const std::int64_t n = i / (channels * pixels), c = i / pixels % channels;
    visit(i, (n * whole[1] + first + c) * pixels + i % pixels);
  }
}

inline Array ConcatLayer::forward(const Array& src, Mode mode) {
  std::vector<Array> parts;
  for (Layers& branch : branches) parts.push_back(chain_forward(branch, src, mode).back());
  Shape shape = parts.front().shape;
  for (std::size_t b = 1; b < parts.size(); ++b) shape[1] += parts[b].dim(1);
  Array dst = zeros(shape);
  std::int64_t first = 0;
  for (const Array& part : parts) {
    for_each_joined(part.shape, shape, first, [&](std::int64_t i, std::int64_t j) { dst.values[j] = part.values[i]; });
    first += part.dim(1);
  }
  return dst;
}

inline Array ConcatLayer::backward(const Array& src, const Array& diff_dst, Mode mode) {
  Array diff_src = zeros(src.shape);
  std::int64_t first = 0;
  for (Layers& branch : branches) {
    const std::vector<Array> values = chain_forward(branch, src, again(mode));
    Array diff = zeros(values.back().shape);
    for_each_joined(diff.shape, diff_dst.shape, first,
                    [&](std::int64_t i, std::int64_t j) { diff.values[i] = diff_dst.values[j]; });
    const Array through = chain_backward(branch, values, diff, mode).front();
    for (std::int64_t i = 0; i < diff_src.size(); ++i) diff_src.values[i] += through.values[i];
    first += diff.dim(1);
  }
  return diff_src;
}

}  // namespace bnlab::reference
