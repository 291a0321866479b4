#pragma once
// The layers of a `Net`: values that hold their parameters and state, and call the functions of layers.h, pooling.h and
// normalization.h. They keep nothing of a forward pass: backward is handed the same src and mode again.

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
/// `batch` is `train` without the update; `frozen` takes the running ones, as constants.
enum class Mode { train, batch, frozen };

struct Parameter {
  std::string name;  // "weights"
  Array value;
  bool decays = true;  // false: weight decay leaves it alone unless told to take everything
  Array gradient = zeros(value.shape);
  Array velocity = zeros(value.shape);
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
  std::string name;  // "dense1"
  std::vector<Parameter> parameters;
  std::vector<State> states;

  explicit LayerBase(std::string kind) : name(std::move(kind)) {}

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
  WeightedLayer(std::string kind, const Shape& weights, bool bias) : LayerBase(std::move(kind)) {
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

struct NormalizationOptions {
  double epsilon = 1e-5;
  bool affine = true;  // false: no gamma, no beta
  double initial_gamma = 1.0;
  double initial_beta = 0.0;
  double running_average_decay = 0.9;  // running = decay * running + (1 - decay) * batch
  bool unbiased_running_variance = true;
};

/// Parameters gamma and beta, states running_mean (from 0) and running_variance (from 1); each (C).
struct NormalizationLayer : LayerBase {
  NormalizationOptions options;

  NormalizationLayer(std::int64_t channels, const NormalizationOptions& normalization)
      : LayerBase("normalization"), options(normalization) {
    if (options.affine) {
      parameters.push_back({"gamma", full({channels}, options.initial_gamma), false});
      parameters.push_back({"beta", full({channels}, options.initial_beta), false});
    }
    states.push_back({"running_mean", zeros({channels})});
    states.push_back({"running_variance", full({channels}, 1.0)});
  }
  Statistics running() { return {state("running_mean"), state("running_variance"), 0}; }
  Array forward(const Array& src, Mode mode) {
    if (mode == Mode::frozen)
      return batch_norm_frozen_forward(src, running(), value("gamma"), value("beta"), options.epsilon).dst;
    Normalized result = batch_norm_forward(src, value("gamma"), value("beta"), options.epsilon);
    if (mode == Mode::train)
      update_running_statistics(state("running_mean"), state("running_variance"), result.statistics,
                                options.running_average_decay, options.unbiased_running_variance);
    return std::move(result.dst);
  }
  Array backward(const Array& src, const Array& diff_dst, Mode mode) {
    NormalizationGradients gradients =
        mode == Mode::frozen ? batch_norm_frozen_backward(src, diff_dst, running(), value("gamma"), options.epsilon)
                             : batch_norm_backward(src, diff_dst, value("gamma"), options.epsilon);
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

using Layer = std::variant<DenseLayer, ConvLayer, NormalizationLayer, ActivationLayer, MaxPoolLayer, AvgPoolLayer,
                           GlobalAvgPoolLayer, FlattenLayer>;

}  // namespace bnlab::reference
