#pragma once
// Batch normalization (Ioffe and Szegedy 2015, section 3): with the batch's own statistics, with frozen ones, and the
// averages of statistics that inference uses. gamma and beta: (C), null where there is no affine part (1 and 0).

#include <cmath>
#include <cstdint>

#include "reference/array.h"

namespace bnlab::reference {

/// Of each channel over the m = N * H * W values that the batch has of it.
struct Statistics {
  Array mean;               // (C)
  Array variance;           // (C), biased: divided by m
  std::int64_t values = 0;  // m
};

struct Normalized {
  Array dst;    // src's shape: gamma * x_hat + beta
  Array x_hat;  // src's shape: (src - mean) / sqrt(variance + epsilon)
  Statistics statistics;
};

struct NormalizationGradients {
  Array diff_src;    // src's shape
  Array diff_gamma;  // (C), also where there is no affine part
  Array diff_beta;   // (C)
};

/// visit(c, i) for each offset i of an array (N, C, ...), c its channel.
template <typename Visit>
void for_each_in_channel(const Shape& shape, const Visit& visit) {
  require(shape.size() >= 2, "normalization needs (N, C, ...), got " + to_string(shape));
  const std::int64_t channels = shape[1], size = volume(shape), pixels = size / (shape[0] * channels);
  for (std::int64_t i = 0; i < size; ++i) visit(i / pixels % channels, i);
}

/// mean_c = sum x / m; variance_c = sum (x - mean_c)^2 / m. src: (N, C) or (N, C, H, W).
inline Statistics batch_statistics(const Array& src) {
  const std::int64_t channels = src.dim(1), values = src.size() / channels;
  Statistics statistics{zeros({channels}), zeros({channels}), values};
  const double m = static_cast<double>(values);
  Array& mean = statistics.mean;
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) { mean.values[c] += src.values[i] / m; });
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    statistics.variance.values[c] += (src.values[i] - mean.values[c]) * (src.values[i] - mean.values[c]) / m;
  });
  return statistics;
}

/// dst = gamma * (src - mean) / sqrt(variance + epsilon) + beta with the statistics given: running ones, say.
inline Normalized batch_norm_frozen_forward(const Array& src, const Statistics& statistics, const Array* gamma,
                                            const Array* beta, double epsilon) {
  const Shape channels{src.dim(1)};
  require_shape(statistics.mean, channels, "mean");
  require_shape(statistics.variance, channels, "variance");
  if (gamma) require_shape(*gamma, channels, "gamma");
  if (beta) require_shape(*beta, channels, "beta");
  Normalized result{zeros(src.shape), zeros(src.shape), statistics};
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    result.x_hat.values[i] =
        (src.values[i] - statistics.mean.values[c]) / std::sqrt(statistics.variance.values[c] + epsilon);
    result.dst.values[i] = (gamma ? gamma->values[c] : 1.0) * result.x_hat.values[i] + (beta ? beta->values[c] : 0.0);
  });
  return result;
}

/// The same with the statistics of src itself, which the result holds.
inline Normalized batch_norm_forward(const Array& src, const Array* gamma, const Array* beta, double epsilon) {
  return batch_norm_frozen_forward(src, batch_statistics(src), gamma, beta, epsilon);
}

/// Statistics are constants: diff_src = diff_dst * gamma / sqrt(variance + epsilon), diff_gamma = sum diff_dst * x_hat,
/// diff_beta = sum diff_dst.
inline NormalizationGradients batch_norm_frozen_backward(const Array& src, const Array& diff_dst,
                                                         const Statistics& statistics, const Array* gamma,
                                                         double epsilon) {
  require_shape(diff_dst, src.shape, "normalization diff_dst");
  const Array x_hat = batch_norm_frozen_forward(src, statistics, gamma, nullptr, epsilon).x_hat;
  NormalizationGradients gradients{zeros(src.shape), zeros({src.dim(1)}), zeros({src.dim(1)})};
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    const double d = diff_dst.values[i];
    gradients.diff_src.values[i] =
        d * (gamma ? gamma->values[c] : 1.0) / std::sqrt(statistics.variance.values[c] + epsilon);
    gradients.diff_gamma.values[c] += d * x_hat.values[i];
    gradients.diff_beta.values[c] += d;
  });
  return gradients;
}

/// Through the statistics too, with the paper's chain rule: d = diff_dst * gamma, r = 1 / sqrt(variance + epsilon),
///   diff_variance = sum d * (src - mean) * (-1/2) r^3,
///   diff_mean     = -sum d * r - 2 diff_variance * sum (src - mean) / m,
///   diff_src      = d * r + diff_variance * 2 (src - mean) / m + diff_mean / m.
inline NormalizationGradients batch_norm_backward(const Array& src, const Array& diff_dst, const Array* gamma,
                                                  double epsilon) {
  const Statistics statistics = batch_statistics(src);
  NormalizationGradients gradients = batch_norm_frozen_backward(src, diff_dst, statistics, gamma, epsilon);
  const std::int64_t channels = src.dim(1);
  Array diff_variance = zeros({channels}), diff_mean = zeros({channels}), sum_of_centred = zeros({channels});
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    const double centred = src.values[i] - statistics.mean.values[c];
    const double direct = gradients.diff_src.values[i];  // d * r
    diff_variance.values[c] -= 0.5 * direct * centred / (statistics.variance.values[c] + epsilon);
    diff_mean.values[c] -= direct;
    sum_of_centred.values[c] += centred;
  });
  const double m = static_cast<double>(statistics.values);
  for (std::int64_t c = 0; c < channels; ++c)
    diff_mean.values[c] -= 2.0 * diff_variance.values[c] * sum_of_centred.values[c] / m;
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    const double centred = src.values[i] - statistics.mean.values[c];
    gradients.diff_src.values[i] += (2.0 * diff_variance.values[c] * centred + diff_mean.values[c]) / m;
  });
  return gradients;
}

/// variance * m / (m - 1); at m = 1 the biased variance as it is.
inline Array unbiased_variance(const Statistics& statistics) {
  Array variance = statistics.variance;
  const double m = static_cast<double>(statistics.values);
  if (statistics.values > 1)
    for (double& value : variance.values) value *= m / (m - 1.0);
  return variance;
}

/// running = decay * running + (1 - decay) * batch. Both: (C).
inline void update_running_average(Array& running, const Array& batch, double decay) {
  require_shape(batch, running.shape, "batch statistics");
  for (std::size_t c = 0; c < running.values.size(); ++c)
    running.values[c] = decay * running.values[c] + (1.0 - decay) * batch.values[c];
}

/// Both averages after one batch; the variance goes in biased, or unbiased.
inline void update_running_statistics(Array& running_mean, Array& running_variance, const Statistics& batch,
                                      double decay, bool unbiased) {
  update_running_average(running_mean, batch.mean, decay);
  update_running_average(running_variance, unbiased ? unbiased_variance(batch) : batch.variance, decay);
}

}  // namespace bnlab::reference
