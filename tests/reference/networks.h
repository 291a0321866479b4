#pragma once
// The networks that the runner's tests share, built of linear + normalization + activation blocks.

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "reference/array.h"
#include "reference/net.h"

namespace bnlab::reference {

/// Where a block has its normalization. `before_activation` leaves the bias of the linear part out, as the
/// normalization follows it; `none` and `after_activation` have it.
enum class Placement { none, before_activation, after_activation };

/// Normalization and activation behind a linear layer with `channels` outputs.
inline void finish_block(Net& net, std::int64_t channels, Activation activation, Placement placement,
                         const NormalizationOptions& options) {
  if (placement == Placement::before_activation) net.normalization(channels, options);
  net.activation(activation);
  if (placement == Placement::after_activation) net.normalization(channels, options);
}

/// A block for each hidden width and a dense layer with bias at the end; sizes: {inputs, hidden..., classes}. src: (N,
/// ...).
inline Net mlp(const Shape& sizes, Activation activation, Placement placement,
               const NormalizationOptions& options = {}) {
  require(sizes.size() >= 2, "an mlp has inputs and classes");
  Net net;
  net.flatten();
  for (std::size_t i = 1; i + 1 < sizes.size(); ++i) {
    net.dense(sizes[i - 1], sizes[i], placement != Placement::before_activation);
    finish_block(net, sizes[i], activation, placement, options);
  }
  net.dense(sizes[sizes.size() - 2], sizes.back());
  return net;
}

/// Two 3x3 same-padded conv blocks of each width, then a 2x2 max pool; at the end a dense layer with bias. image:
/// (C, H, W), src: (N, C, H, W).
inline Net conv_net(const Shape& image, const Shape& widths, std::int64_t classes, Activation activation,
                    Placement placement, const NormalizationOptions& options = {}) {
  require(image.size() == 3, "an image is (C, H, W)");
  Net net;
  std::int64_t channels = image[0], height = image[1], width = image[2];
  const Extent kernel{3, 3};
  for (const std::int64_t outputs : widths) {
    for (int repeat = 0; repeat < 2; ++repeat) {
      net.conv(channels, outputs, kernel, {{1, 1}, same_padding(kernel), 1}, placement != Placement::before_activation);
      finish_block(net, outputs, activation, placement, options);
      channels = outputs;
    }
    net.max_pool();
    height /= 2;
    width /= 2;
  }
  net.flatten().dense(channels * height * width, classes);
  return net;
}

/// M3: 784-100-100-100-10, sigmoid.
inline Net m3(Placement placement, const NormalizationOptions& options = {}) {
  return mlp({784, 100, 100, 100, 10}, Activation::sigmoid, placement, options);
}

/// V6: 3x3 convolutions 32, 32, pool, 64, 64, pool, 128, 128, pool, dense 10; relu.
inline Net v6(Placement placement, const NormalizationOptions& options = {}, const Shape& image = {1, 28, 28}) {
  return conv_net(image, {32, 64, 128}, 10, Activation::relu, placement, options);
}

/// Fills every parameter with numbers that a float holds exactly: weights uniform with variance gain^2 / fan in, biases
/// and beta in [-0.1, 0.1), gamma and scalars in [0.8, 1.2). States stay.
inline void fill(Net& net, std::mt19937_64& generator, double gain = 1.0) {
  for (const std::string& name : net.parameter_names()) {
    Array& value = net.value(name);
    double low = -0.1, high = 0.1;
    if (name.ends_with("weights")) {
      high = gain * std::sqrt(3.0 * static_cast<double>(value.dim(0)) / static_cast<double>(value.size()));
      low = -high;
    } else if (name.ends_with(".gamma") || name.ends_with(".scalar")) {
      low = 0.8;
      high = 1.2;
    }
    value = random_uniform(value.shape, generator, low, high);
  }
}

}  // namespace bnlab::reference
