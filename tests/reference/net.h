#pragma once
// A chain of layers with named parameters, some made of chains themselves, and its training step.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "reference/array.h"
#include "reference/loss.h"
#include "reference/net_layers.h"
#include "reference/optimizer.h"

namespace bnlab::reference {

/// A layer's name is its kind and its number among the layers of that kind, from 1 in network order: dense1, conv2,
/// normalization1, activation3, max_pool1. Parameters and states are "layer.name": conv1.weights, normalization1.gamma,
/// normalization1.running_mean. A Net is a value: a copy goes on by itself. Unknown names throw std::invalid_argument.
class Net {
 public:
  Net& add(Layer layer) {
    Layers one{std::move(layer)};
    for_each_base(one, [this](LayerBase& base) { base.name = base.kind + std::to_string(++counts_[base.kind]); });
    layers_.push_back(std::move(one.front()));
    return *this;
  }
  Net& dense(std::int64_t inputs, std::int64_t units, bool bias = true) { return add(DenseLayer(inputs, units, bias)); }
  Net& conv(std::int64_t inputs, std::int64_t outputs, Extent kernel, const ConvGeometry& geometry, bool bias = true,
            bool standardized = false) {
    return add(ConvLayer(inputs, outputs, kernel, geometry, bias, standardized));
  }
  Net& normalization(std::int64_t channels, const NormalizationOptions& options = {}) {
    return add(NormalizationLayer(channels, options));
  }
  Net& activation(Activation function) { return add(ActivationLayer(function)); }
  Net& max_pool(const Window& window = {}) { return add(MaxPoolLayer(window)); }
  Net& avg_pool(const Window& window = {}) { return add(AvgPoolLayer(window)); }
  Net& global_avg_pool() { return add(GlobalAvgPoolLayer()); }
  Net& flatten() { return add(FlattenLayer()); }
  Net& dropout(const Array& mask, double rate) { return add(DropoutLayer(mask, rate)); }
  Net& padding_shortcut(std::int64_t channels, std::int64_t stride) {
    return add(PaddingShortcutLayer(channels, stride));
  }
  Net& recurrent(std::int64_t inputs, std::int64_t units, std::int64_t steps, Activation function,
                 StepStatistics statistics, const NormalizationOptions& options = {},
                 const RecurrentOptions& reading = {}) {
    return add(RecurrentLayer(inputs, units, steps, function, statistics, options, reading));
  }
  Net& residual(const Net& body, const Net& shortcut, bool has_scalar = false, std::int64_t scaled_channels = 0) {
    return add(ResidualLayer(body.layers_, shortcut.layers_, has_scalar, scaled_channels));
  }
  Net& concat(const std::vector<Net>& branches) {
    std::vector<Layers> layers;
    for (const Net& branch : branches) layers.push_back(branch.layers_);
    return add(ConcatLayer(std::move(layers)));
  }

  /// The last layer's dst. The src and dst of every layer of the chain itself stay readable until the next forward.
  Array forward(const Array& src, Mode mode) {
    mode_ = mode;
    diffs_.clear();
    values_ = chain_forward(layers_, src, mode);
    return values_.back();
  }

  /// Of the last forward, in its mode: replaces every parameter's gradient, returns the gradient of its src. `diff_dst`
  /// has the shape of what forward returned.
  Array backward(const Array& diff_dst) {
    require(values_.size() == layers_.size() + 1, "backward needs a forward before it");
    diffs_ = chain_backward(layers_, values_, diff_dst, mode_);
    return diffs_.front();
  }

  /// Forward and the mean cross-entropy of its (N, K) result.
  Loss loss(const Array& src, const std::vector<std::int32_t>& labels, Mode mode) {
    return softmax_cross_entropy(forward(src, mode), labels);
  }

  /// `loss`, and backward from it.
  Loss gradients(const Array& src, const std::vector<std::int32_t>& labels, Mode mode) {
    Loss result = loss(src, labels, mode);
    backward(result.diff_logits);
    return result;
  }

  /// Every parameter takes a step along its gradient.
  void sgd_step(const Sgd& sgd) {
    for_each_base(layers_, [&](LayerBase& base) {
      for (Parameter& p : base.parameters)
        reference::sgd_step(p.value, p.velocity, p.gradient, sgd, p.decays || sgd.decay_normalization_and_biases);
    });
  }

  /// `gradients` in train mode and `sgd_step`; the loss is the one before the step.
  Loss train_step(const Array& src, const std::vector<std::int32_t>& labels, const Sgd& sgd) {
    Loss result = gradients(src, labels, Mode::train);
    sgd_step(sgd);
    return result;
  }

  Array& value(const std::string& name) { return parameter(name).value; }
  const Array& gradient(const std::string& name) { return parameter(name).gradient; }
  double gradient_terms(const std::string& name) { return parameter(name).terms; }
  Array& velocity(const std::string& name) { return parameter(name).velocity; }
  Array& state(const std::string& name) {
    const auto [layer, last] = split(name);
    State* found = find_named(find_base(layer).states, last);
    require(found, "no state " + name);
    return found->value;
  }

  /// In network order.
  std::vector<std::string> parameter_names() {
    std::vector<std::string> names;
    for_each_base(layers_, [&](const LayerBase& base) {
      for (const Parameter& p : base.parameters) names.push_back(base.name + "." + p.name);
    });
    return names;
  }
  std::vector<std::string> state_names() {
    std::vector<std::string> names;
    for_each_base(layers_, [&](const LayerBase& base) {
      for (const State& s : base.states) names.push_back(base.name + "." + s.name);
    });
    return names;
  }
  std::vector<std::string> layer_names() {
    std::vector<std::string> names;
    for (Layer& layer : layers_) names.push_back(base_of(layer).name);
    return names;
  }

  /// A layer's input and output in the last forward, and the loss's gradients of them in the last backward.
  const Array& src(const std::string& layer) const { return values_.at(index(layer)); }
  const Array& dst(const std::string& layer) const { return values_.at(index(layer) + 1); }
  const Array& diff_src(const std::string& layer) const { return diffs_.at(index(layer)); }
  const Array& diff_dst(const std::string& layer) const { return diffs_.at(index(layer) + 1); }
  /// The gradients of the states h_1, h_2, ... of a recurrent layer in the last backward.
  const std::vector<Array>& diff_states(const std::string& layer) const {
    return std::get<RecurrentLayer>(layers_[index(layer)]).diff_states;
  }

 private:
  LayerBase& find_base(const std::string& layer) {
    LayerBase* found = nullptr;
    for_each_base(layers_, [&](LayerBase& base) { found = base.name == layer ? &base : found; });
    require(found, "no layer " + layer);
    return *found;
  }
  static std::pair<std::string, std::string> split(const std::string& name) {
    const std::size_t dot = name.find('.');
    require(dot != std::string::npos, "a name has the form layer.name, got " + name);
    return {name.substr(0, dot), name.substr(dot + 1)};
  }
  std::size_t index(const std::string& layer) const {
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (std::visit([](const LayerBase& base) -> const std::string& { return base.name; }, layers_[i]) == layer)
        return i;
    throw std::invalid_argument("reference: no layer " + layer);
  }
  Parameter& parameter(const std::string& name) {
    const auto [layer, last] = split(name);
    Parameter* found = find_named(find_base(layer).parameters, last);
    require(found, "no parameter " + name);
    return *found;
  }

  Layers layers_;
  std::map<std::string, int> counts_;  // of layers, by kind
  std::vector<Array> values_;          // [i]: layer i's src, [i + 1]: its dst
  std::vector<Array> diffs_;           // the same places
  Mode mode_ = Mode::train;
};

}  // namespace bnlab::reference
