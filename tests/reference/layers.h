#pragma once
// Layers with weights and activations: `x_forward` computes dst from src, `x_backward` the gradients from diff_dst.
// A bias that is absent is a null pointer.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "reference/array.h"

namespace bnlab::reference {

struct Extent {
  std::int64_t height = 1;
  std::int64_t width = 1;
};

/// Gradients of a loss summed over the batch as diff_dst has them: nothing is averaged here.
struct LinearGradients {
  Array diff_src;      // src's shape
  Array diff_weights;  // weights' shape
  Array diff_bias;     // (O), also where there is no bias
};

// ---- dense ---------------------------------------------------------------------------------------------------------

/// dst[n,o] = bias[o] + sum_i weights[o,i] * src[n,i]. src: (N, ...) with I values an image; weights: (O, I); bias:
/// (O); dst: (N, O).
inline Array dense_forward(const Array& src, const Array& weights, const Array* bias) {
  const std::int64_t batch = src.dim(0), outputs = weights.dim(0), inputs = weights.dim(1);
  require(src.size() == batch * inputs, "dense " + to_string(weights.shape) + " on src " + to_string(src.shape));
  if (bias) require_shape(*bias, {outputs}, "dense bias");
  Array dst = zeros({batch, outputs});
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t o = 0; o < outputs; ++o) {
      double sum = bias ? bias->values[o] : 0.0;
      for (std::int64_t i = 0; i < inputs; ++i) sum += weights.values[o * inputs + i] * src.values[n * inputs + i];
      dst.values[n * outputs + o] = sum;
    }
  return dst;
}

/// diff_src = diff_dst weights, diff_weights = diff_dst^T src, diff_bias[o] = sum_n diff_dst[n,o]. diff_dst: (N, O).
inline LinearGradients dense_backward(const Array& src, const Array& weights, const Array& diff_dst) {
  const std::int64_t batch = src.dim(0), outputs = weights.dim(0), inputs = weights.dim(1);
  require(src.size() == batch * inputs, "dense " + to_string(weights.shape) + " on src " + to_string(src.shape));
  require_shape(diff_dst, {batch, outputs}, "dense diff_dst");
  LinearGradients gradients{zeros(src.shape), zeros(weights.shape), zeros({outputs})};
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t o = 0; o < outputs; ++o) {
      const double d = diff_dst.values[n * outputs + o];
      gradients.diff_bias.values[o] += d;
      for (std::int64_t i = 0; i < inputs; ++i) {
        gradients.diff_src.values[n * inputs + i] += d * weights.values[o * inputs + i];
        gradients.diff_weights.values[o * inputs + i] += d * src.values[n * inputs + i];
      }
    }
  return gradients;
}

// ---- weight standardization ----------------------------------------------------------------------------------------

/// hat[o,i] = (w[o,i] - mean_i w[o,i]) / sqrt(mean_i (w[o,i] - mean)^2 + epsilon), i over all but the first dimension.
inline Array standardize(const Array& weights, double epsilon = 1e-5) {
  const std::int64_t outputs = weights.dim(0), inputs = weights.size() / outputs;
  Array hat = zeros(weights.shape);
  for (std::int64_t o = 0; o < outputs; ++o) {
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < inputs; ++i) mean += weights.values[o * inputs + i] / static_cast<double>(inputs);
    for (std::int64_t i = 0; i < inputs; ++i)
      variance += std::pow(weights.values[o * inputs + i] - mean, 2) / static_cast<double>(inputs);
    for (std::int64_t i = 0; i < inputs; ++i)
      hat.values[o * inputs + i] = (weights.values[o * inputs + i] - mean) / std::sqrt(variance + epsilon);
  }
  return hat;
}

/// The gradient of w from that of hat: sum_j diff_hat[o,j] d hat[o,j] / d w[o,i], written out.
inline Array standardize_backward(const Array& weights, const Array& diff_hat, double epsilon = 1e-5) {
  const std::int64_t outputs = weights.dim(0), inputs = weights.size() / outputs;
  const auto count = static_cast<double>(inputs);
  Array diff = zeros(weights.shape);
  for (std::int64_t o = 0; o < outputs; ++o) {
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < inputs; ++i) mean += weights.values[o * inputs + i] / count;
    for (std::int64_t i = 0; i < inputs; ++i) variance += std::pow(weights.values[o * inputs + i] - mean, 2) / count;
    const double deviation = std::sqrt(variance + epsilon);
    for (std::int64_t i = 0; i < inputs; ++i)
      for (std::int64_t j = 0; j < inputs; ++j) {
        const double a = weights.values[o * inputs + i] - mean, b = weights.values[o * inputs + j] - mean;
        const double slope = ((i == j) - 1.0 / count) / deviation - a * b / (count * std::pow(deviation, 3));
        diff.values[o * inputs + i] += diff_hat.values[o * inputs + j] * slope;
      }
  }
  return diff;
}

// ---- convolution ---------------------------------------------------------------------------------------------------

/// Padding is zeros, as many rows (columns) before the image as after it.
struct ConvGeometry {
  Extent stride{1, 1};
  Extent padding{0, 0};
  std::int64_t groups = 1;
};

/// The padding that keeps ceil(size / stride) rows and columns under an odd kernel.
inline Extent same_padding(Extent kernel) {
  require(kernel.height % 2 == 1 && kernel.width % 2 == 1, "same padding needs an odd kernel");
  return {(kernel.height - 1) / 2, (kernel.width - 1) / 2};
}

/// floor((size + 2 padding - kernel) / stride) + 1: how often a window fits.
inline std::int64_t window_count(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  require(kernel >= 1 && stride >= 1 && padding >= 0, "kernel and stride must be at least 1, padding at least 0");
  require(size + 2 * padding >= kernel, "a kernel of " + std::to_string(kernel) + " does not fit into " +
                                            std::to_string(size) + " + 2 * " + std::to_string(padding));
  return (size + 2 * padding - kernel) / stride + 1;
}

/// Throws where src (N, C, H, W), weights (O, C/groups, kh, kw) and geometry don't fit each other.
inline Shape conv_dst_shape(const Array& src, const Array& weights, const ConvGeometry& geometry) {
  require(src.shape.size() == 4 && weights.shape.size() == 4, "conv needs 4-D src and weights");
  require(weights.dim(1) * geometry.groups == src.dim(1) && weights.dim(0) % geometry.groups == 0,
          "conv " + to_string(weights.shape) + " in " + std::to_string(geometry.groups) + " groups on src " +
              to_string(src.shape));
  return {src.dim(0), weights.dim(0),
          window_count(src.dim(2), weights.dim(2), geometry.stride.height, geometry.padding.height),
          window_count(src.dim(3), weights.dim(3), geometry.stride.width, geometry.padding.width)};
}

/// A convolution is a sum of products dst[d] += weights[w] * src[s]. This lists them all by their flat offsets, a
/// stretch of one dst row at a time: visit(d, w, s, count) stands for (d + k, w, s + k * geometry.stride.width), 0 <= k
/// < count. Products with padding are left out.
template <typename Visit>
void for_each_conv_stretch(const Shape& src, const Shape& weights, const Shape& dst, const ConvGeometry& geometry,
                           const Visit& visit) {
  const std::int64_t height = src[2], width = src[3], rows = dst[2], columns = dst[3];
  const std::int64_t outputs = weights[0], inputs = weights[1], kernel_height = weights[2], kernel_width = weights[3];
  const std::int64_t outputs_per_group = outputs / geometry.groups;
  const std::int64_t stride = geometry.stride.width;
  for (std::int64_t n = 0; n < src[0]; ++n)
    for (std::int64_t o = 0; o < outputs; ++o)
      for (std::int64_t i = 0; i < inputs; ++i) {
        const std::int64_t channel = o / outputs_per_group * inputs + i;
        for (std::int64_t kh = 0; kh < kernel_height; ++kh)
          for (std::int64_t kw = 0; kw < kernel_width; ++kw) {
            const std::int64_t shift = kw - geometry.padding.width;  // src column of dst column 0
            const std::int64_t first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
            const std::int64_t last = shift >= width ? -1 : std::min(columns - 1, (width - 1 - shift) / stride);
            if (first > last) continue;
            const std::int64_t w = ((o * inputs + i) * kernel_height + kh) * kernel_width + kw;
            for (std::int64_t row = 0; row < rows; ++row) {
              const std::int64_t h = row * geometry.stride.height + kh - geometry.padding.height;
              if (h < 0 || h >= height) continue;
              visit(((n * outputs + o) * rows + row) * columns + first, w,
                    ((n * src[1] + channel) * height + h) * width + first * stride + shift, last - first + 1);
            }
          }
      }
}

/// dst[n,o,p,q] = bias[o] + sum_{i,kh,kw} weights[o,i,kh,kw] * src[n, g*I + i, p*sh + kh - ph, q*sw + kw - pw] with I =
/// C/groups and g = o / (O/groups): a cross-correlation. src: (N, C, H, W); weights: (O, I, kh, kw); bias: (O).
inline Array conv_forward(const Array& src, const Array& weights, const Array* bias, const ConvGeometry& geometry) {
  Array dst = zeros(conv_dst_shape(src, weights, geometry));
  const std::int64_t pixels = dst.dim(2) * dst.dim(3);
  if (bias) {
    require_shape(*bias, {weights.dim(0)}, "conv bias");
    for (std::int64_t d = 0; d < dst.size(); ++d) dst.values[d] = bias->values[d / pixels % weights.dim(0)];
  }
  const std::int64_t stride = geometry.stride.width;
  for_each_conv_stretch(src.shape, weights.shape, dst.shape, geometry,
                        [&](std::int64_t d, std::int64_t w, std::int64_t s, std::int64_t count) {
                          const double weight = weights.values[w];
                          for (std::int64_t k = 0; k < count; ++k)
                            dst.values[d + k] += weight * src.values[s + k * stride];
                        });
  return dst;
}

/// The two transposes of the forward sum, and diff_bias[o] = sum_{n,p,q} diff_dst[n,o,p,q].
inline LinearGradients conv_backward(const Array& src, const Array& weights, const Array& diff_dst,
                                     const ConvGeometry& geometry) {
  require_shape(diff_dst, conv_dst_shape(src, weights, geometry), "conv diff_dst");
  LinearGradients gradients{zeros(src.shape), zeros(weights.shape), zeros({weights.dim(0)})};
  const std::int64_t pixels = diff_dst.dim(2) * diff_dst.dim(3), stride = geometry.stride.width;
  for (std::int64_t d = 0; d < diff_dst.size(); ++d)
    gradients.diff_bias.values[d / pixels % weights.dim(0)] += diff_dst.values[d];
  for_each_conv_stretch(src.shape, weights.shape, diff_dst.shape, geometry,
                        [&](std::int64_t d, std::int64_t w, std::int64_t s, std::int64_t count) {
                          const double weight = weights.values[w];
                          double sum = 0.0;
                          for (std::int64_t k = 0; k < count; ++k) {
                            gradients.diff_src.values[s + k * stride] += weight * diff_dst.values[d + k];
                            sum += src.values[s + k * stride] * diff_dst.values[d + k];
                          }
                          gradients.diff_weights.values[w] += sum;
                        });
  return gradients;
}

// ---- activations ---------------------------------------------------------------------------------------------------

enum class Activation { identity, relu, leaky_relu, elu, softplus, gelu, sigmoid, tanh };

inline constexpr double negative_slope = 0.01;  // of leaky_relu

/// identity: x; relu: max(x, 0); leaky_relu: x, below 0 negative_slope x; elu: x, below 0 e^x - 1; softplus: log(1 +
/// e^x); gelu: x Phi(x), Phi the normal distribution; sigmoid: 1 / (1 + e^-x); tanh.
inline double activate(Activation function, double x) {
  switch (function) {
    case Activation::identity:
      return x;
    case Activation::relu:
      return x > 0.0 ? x : 0.0;
    case Activation::leaky_relu:
      return x > 0.0 ? x : negative_slope * x;
    case Activation::elu:
      return x > 0.0 ? x : std::expm1(x);
    case Activation::softplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::sigmoid:
      return x >= 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
    case Activation::tanh:
      return std::tanh(x);
  }
  throw std::invalid_argument("reference: no such activation");
}

/// The derivative at x; relu's at 0 is 0, leaky_relu's negative_slope.
inline double activation_slope(Activation function, double x) {
  const double y = activate(function, x);
  switch (function) {
    case Activation::identity:
      return 1.0;
    case Activation::relu:
      return x > 0.0 ? 1.0 : 0.0;
    case Activation::leaky_relu:
      return x > 0.0 ? 1.0 : negative_slope;
    case Activation::elu:
      return x > 0.0 ? 1.0 : std::exp(x);
    case Activation::softplus:
      return activate(Activation::sigmoid, x);
    case Activation::gelu:
      return 0.5 * std::erfc(-x / std::sqrt(2.0)) + x * std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::acos(-1.0));
    case Activation::sigmoid:
      return y * (1.0 - y);
    case Activation::tanh:
      return 1.0 - y * y;
  }
  throw std::invalid_argument("reference: no such activation");
}

/// dst = f(src), any shape.
inline Array activation_forward(const Array& src, Activation function) {
  Array dst = src;
  for (double& value : dst.values) value = activate(function, value);
  return dst;
}

/// diff_src = diff_dst * f'(src).
inline Array activation_backward(const Array& src, const Array& diff_dst, Activation function) {
  require_shape(diff_dst, src.shape, "activation diff_dst");
  Array diff_src = diff_dst;
  for (std::size_t i = 0; i < src.values.size(); ++i) diff_src.values[i] *= activation_slope(function, src.values[i]);
  return diff_src;
}

}  // namespace bnlab::reference
