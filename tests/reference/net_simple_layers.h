#pragma once
// The layers of a `Net`: values that hold their parameters and state, and call the functions of layers.h, pooling.h and
// normalization.h. They keep nothing of a forward pass but the correction of batch renormalization: backward is handed
// the same src and mode again.

#include <cstdint>
#include <string>
#include <utility>
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
  bool standardizes;

  ConvLayer(std::int64_t inputs, std::int64_t outputs, Extent kernel, const ConvGeometry& conv_geometry, bool bias,
            bool standardized = false)
      : WeightedLayer("conv", {outputs, inputs / conv_geometry.groups, kernel.height, kernel.width}, bias),
        geometry(conv_geometry),
        standardizes(standardized) {}
  Array used_weights() { return standardizes ? standardize(*value("weights")) : *value("weights"); }
  Array forward(const Array& src, Mode) { return conv_forward(src, used_weights(), value("bias"), geometry); }
  Array backward(const Array& src, const Array& diff_dst, Mode) {
    LinearGradients gradients = conv_backward(src, used_weights(), diff_dst, geometry);
    if (standardizes) gradients.diff_weights = standardize_backward(*value("weights"), gradients.diff_weights);
    return take(gradients);
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

}  // namespace bnlab::reference
