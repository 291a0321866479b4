#pragma once
// Weight standardization (Qiao et al. 2019): w_hat = (w - mean) / sqrt(variance + 1e-5), with the mean and the biased
// variance of the weights of each output channel. The network computes with w_hat; what is trained, and written to
// files, is w.

#include <memory>
#include <vector>

#include "layers/parameter.h"
#include "onednn/builder.h"

namespace bnlab::layers {

/// Added to the variance, inside the square root.
inline constexpr double weight_standardization_epsilon = 1e-5;

/// The w_hat of a program.
struct StandardizedWeights {
  dnnl::memory memory;  // f32, row-major, with the dimensions of the parameter's layout
  std::shared_ptr<std::vector<float>> inverse_deviation;  // 1 / sqrt(variance + epsilon) of each output channel
};

/// Adds the call that computes w_hat of `weights`, (O, I/groups, kh, kw). Requires that they are laid out.
StandardizedWeights standardize_weights(onednn::Builder& builder, const Parameter& weights);

/// Adds the call that turns the gradient of w_hat, in any layout of the same dimensions, into that of w:
///   diff_w = (diff_w_hat - mean(diff_w_hat) - w_hat mean(diff_w_hat w_hat)) / sqrt(variance + epsilon),
/// means over the weights of an output channel.
void backward_standardization(onednn::Builder& builder, const Parameter& weights,
                              const StandardizedWeights& standardized, const dnnl::memory& diff_standardized);

/// w_hat of row-major weights, `channels` output channels of as many values each, in double precision.
std::vector<double> standardized(const std::vector<float>& weights, std::int64_t channels);

}  // namespace bnlab::layers
