#pragma once
// A chain of layers with named parameters, and its training step.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
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
    std::visit([this](LayerBase& base) { base.name += std::to_string(++counts_[base.name]); }, layer);
    layers_.push_back(std::move(layer));
    return *this;
  }
  Net& dense(std::int64_t inputs, std::int64_t units, bool bias = true) { return add(DenseLayer(inputs, units, bias)); }
  Net& conv(std::int64_t inputs, std::int64_t outputs, Extent kernel, const ConvGeometry& geometry, bool bias = true) {
    return add(ConvLayer(inputs, outputs, kernel, geometry, bias));
  }
  Net& normalization(std::int64_t channels, const NormalizationOptions& options = {}) {
    return add(NormalizationLayer(channels, options));
  }
  Net& activation(Activation function) { return add(ActivationLayer(function)); }
  Net& max_pool(const Window& window = {}) { return add(MaxPoolLayer(window)); }
  Net& avg_pool(const Window& window = {}) { return add(AvgPoolLayer(window)); }
  Net& global_avg_pool() { return add(GlobalAvgPoolLayer()); }
  Net& flatten() { return add(FlattenLayer()); }

  /// The last layer's dst. Every layer's src and dst stay readable until the next forward.
  Array forward(const Array& src, Mode mode) {
    mode_ = mode;
    diffs_.clear();
    values_.assign(1, src);
    for (Layer& layer : layers_)
      values_.push_back(std::visit([&](auto& l) { return l.forward(values_.back(), mode); }, layer));
    return values_.back();
  }

  /// Of the last forward, in its mode: replaces every parameter's gradient, returns the gradient of its src. `diff_dst`
  /// has the shape of what forward returned.
  Array backward(const Array& diff_dst) {
    require(values_.size() == layers_.size() + 1, "backward needs a forward before it");
    diffs_.assign(values_.size(), Array{});
    diffs_.back() = diff_dst;
    for (std::size_t i = layers_.size(); i-- > 0;)
      diffs_[i] = std::visit([&](auto& l) { return l.backward(values_[i], diffs_[i + 1], mode_); }, layers_[i]);
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
    for (Layer& layer : layers_)
      for (Parameter& p : base(layer).parameters)
        reference::sgd_step(p.value, p.velocity, p.gradient, sgd, p.decays || sgd.decay_normalization_and_biases);
  }

  /// `gradients` in train mode and `sgd_step`; the loss is the one before the step.
  Loss train_step(const Array& src, const std::vector<std::int32_t>& labels, const Sgd& sgd) {
    Loss result = gradients(src, labels, Mode::train);
    sgd_step(sgd);
    return result;
  }

  Array& value(const std::string& name) { return parameter(name).value; }
  const Array& gradient(const std::string& name) { return parameter(name).gradient; }
  Array& velocity(const std::string& name) { return parameter(name).velocity; }
  Array& state(const std::string& name) {
    const auto [layer, last] = split(name);
    State* found = find_named(base(layers_[index(layer)]).states, last);
    require(found, "no state " + name);
    return found->value;
  }

  /// In network order.
  std::vector<std::string> parameter_names() {
    std::vector<std::string> names;
    for (Layer& layer : layers_)
      for (const Parameter& p : base(layer).parameters) names.push_back(base(layer).name + "." + p.name);
    return names;
  }
  std::vector<std::string> state_names() {
    std::vector<std::string> names;
    for (Layer& layer : layers_)
      for (const State& s : base(layer).states) names.push_back(base(layer).name + "." + s.name);
    return names;
  }
  std::vector<std::string> layer_names() {
    std::vector<std::string> names;
    for (Layer& layer : layers_) names.push_back(base(layer).name);
    return names;
  }

  /// A layer's input and output in the last forward, and the loss's gradients of them in the last backward.
  const Array& src(const std::string& layer) const { return values_.at(index(layer)); }
  const Array& dst(const std::string& layer) const { return values_.at(index(layer) + 1); }
  const Array& diff_src(const std::string& layer) const { return diffs_.at(index(layer)); }
  const Array& diff_dst(const std::string& layer) const { return diffs_.at(index(layer) + 1); }

 private:
  static LayerBase& base(Layer& layer) {
    return std::visit([](LayerBase& b) -> LayerBase& { return b; }, layer);
  }
  static std::pair<std::string, std::string> split(const std::string& name) {
    const std::size_t dot = name.find('.');
    require(dot != std::string::npos, "a name has the form layer.name, got " + name);
    return {name.substr(0, dot), name.substr(dot + 1)};
  }
  std::size_t index(const std::string& layer) const {
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (std::visit([](const LayerBase& b) -> const std::string& { return b.name; }, layers_[i]) == layer) return i;
    throw std::invalid_argument("reference: no layer " + layer);
  }
  Parameter& parameter(const std::string& name) {
    const auto [layer, last] = split(name);
    Parameter* found = find_named(base(layers_[index(layer)]).parameters, last);
    require(found, "no parameter " + name);
    return *found;
  }

  std::vector<Layer> layers_;
  std::map<std::string, int> counts_;  // of layers, by kind
  std::vector<Array> values_;          // [i]: layer i's src, [i + 1]: its dst
  std::vector<Array> diffs_;           // the same places
  Mode mode_ = Mode::train;
};

}  // namespace bnlab::reference
