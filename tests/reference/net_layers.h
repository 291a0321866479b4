#pragma once
// All layers of a `Net`, and those that are made of layers.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "reference/net_recurrent_layer.h"
#include "reference/net_simple_layers.h"

namespace bnlab::reference {

struct Layer;
using Layers = std::vector<Layer>;

/// shortcut(src) + factor * body(src); without layers a shortcut is src itself. The factor is `scalar`, or with
/// `scaled_channels` one for each channel, `layer_scale`, or 1.
struct ResidualLayer : LayerBase {
  Layers body, shortcut;

  ResidualLayer(Layers body_layers, Layers shortcut_layers, bool has_scalar, std::int64_t scaled_channels);
  /// Of channel c.
  double factor(std::int64_t c);
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

inline ResidualLayer::ResidualLayer(Layers body_layers, Layers shortcut_layers, bool has_scalar,
                                    std::int64_t scaled_channels)
    : LayerBase("residual"), body(std::move(body_layers)), shortcut(std::move(shortcut_layers)) {
  if (has_scalar) parameters.push_back({"scalar", zeros({1}), false});
  if (scaled_channels > 0) parameters.push_back({"layer_scale", zeros({scaled_channels}), false});
}

inline double ResidualLayer::factor(std::int64_t c) {
  if (value("layer_scale")) return value("layer_scale")->values[static_cast<std::size_t>(c)];
  return value("scalar") ? value("scalar")->values[0] : 1.0;
}

/// The channel of value i of an array (N, C, ...).
inline std::int64_t channel_of(const Array& array, std::int64_t i) {
  return i / (array.size() / (array.dim(0) * array.dim(1))) % array.dim(1);
}

inline Array ResidualLayer::forward(const Array& src, Mode mode) {
  Array dst = chain_forward(body, src, mode).back();
  const Array through_shortcut = chain_forward(shortcut, src, mode).back();
  require_shape(through_shortcut, dst.shape, "shortcut");
  for (std::int64_t i = 0; i < dst.size(); ++i)
    dst.values[i] = factor(channel_of(dst, i)) * dst.values[i] + through_shortcut.values[i];
  return dst;
}

inline Array ResidualLayer::backward(const Array& src, const Array& diff_dst, Mode mode) {
  const std::vector<Array> values = chain_forward(body, src, again(mode));
  Array diff_body = diff_dst;
  if (value("scalar")) {
    set_gradient("scalar", {{1}, {dot(diff_dst, values.back())}});
    find_named(parameters, "scalar")->terms = absolute_dot(diff_dst, values.back());
  }
  if (value("layer_scale")) {
    Array gradient = zeros(value("layer_scale")->shape);
    for (std::int64_t i = 0; i < diff_dst.size(); ++i)
      gradient.values[channel_of(diff_dst, i)] += diff_dst.values[i] * values.back().values[i];
    set_gradient("layer_scale", gradient);
  }
  for (std::int64_t i = 0; i < diff_body.size(); ++i) diff_body.values[i] *= factor(channel_of(diff_body, i));
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
