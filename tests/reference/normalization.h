#pragma once
// Batch normalization (Ioffe and Szegedy 2015, section 3): with the batch's own statistics, with frozen ones, and the
// averages of statistics that inference uses; and its relatives, which take their statistics over other sets of values,
// with other norms, or correct them. gamma and beta: (C), null where there is no affine part (1 and 0). At the end all
// of them by one description.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "reference/array.h"
#include "reference/local_response.h"

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

// ---- statistics over other sets of values --------------------------------------------------------------------------

/// The number of the set that the value of image n, channel c and position p (of H * W) shares its statistics with.
using SetOf = std::function<std::int64_t(std::int64_t n, std::int64_t c, std::int64_t p)>;

/// Ghost batches (Hoffer et al. 2017): the images in turn, `images` at a time, each channel by itself.
inline SetOf virtual_batches(std::int64_t images) {
  return [=](std::int64_t n, std::int64_t c, std::int64_t) { return n / images * 1000000 + c; };
}
/// Group normalization (Wu & He 2018); 1 group: layer, as many as channels: instance normalization.
inline SetOf channel_groups(std::int64_t channels, std::int64_t groups) {
  return [=](std::int64_t n, std::int64_t c, std::int64_t) { return n * groups + c / (channels / groups); };
}
/// Layer normalization over the channels of each position.
inline SetOf positions() {
  return [](std::int64_t n, std::int64_t, std::int64_t p) { return n * 1000000 + p; };
}

/// The offsets of src's values, set by set.
inline std::map<std::int64_t, std::vector<std::size_t>> members_of(const Shape& shape, const SetOf& set_of) {
  const std::int64_t channels = shape[1], pixels = volume(shape) / (shape[0] * channels);
  std::map<std::int64_t, std::vector<std::size_t>> members;
  for (std::int64_t i = 0; i < volume(shape); ++i)
    members[set_of(i / (pixels * channels), i / pixels % channels, i % pixels)].push_back(static_cast<std::size_t>(i));
  return members;
}

/// dst = gamma * (src - mean) / sqrt(variance + epsilon) + beta, mean and biased variance over each set.
inline Array set_norm_forward(const Array& src, const SetOf& set_of, const Array* gamma, const Array* beta,
                              double epsilon) {
  Array x_hat = zeros(src.shape), dst = zeros(src.shape);
  for (const auto& [set, members] : members_of(src.shape, set_of)) {
    const double m = static_cast<double>(members.size());
    double mean = 0.0, variance = 0.0;
    for (const std::size_t i : members) mean += src.values[i] / m;
    for (const std::size_t i : members) variance += (src.values[i] - mean) * (src.values[i] - mean) / m;
    for (const std::size_t i : members) x_hat.values[i] = (src.values[i] - mean) / std::sqrt(variance + epsilon);
  }
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    dst.values[i] = (gamma ? gamma->values[c] : 1.0) * x_hat.values[i] + (beta ? beta->values[c] : 0.0);
  });
  return dst;
}

/// d loss / d x of each set from d = d loss / d x_hat, written as the Jacobian of (x - mean) / sqrt(variance +
/// epsilon): diff_src_i = sum_j d_j [ (delta_ij - 1/m) r - u_i u_j r^3 / m ], u = x - mean, r = 1 / sqrt(variance +
/// epsilon).
inline NormalizationGradients set_norm_backward(const Array& src, const Array& diff_dst, const SetOf& set_of,
                                                const Array* gamma, double epsilon) {
  require_shape(diff_dst, src.shape, "normalization diff_dst");
  const Array x_hat = set_norm_forward(src, set_of, nullptr, nullptr, epsilon);
  NormalizationGradients gradients{zeros(src.shape), zeros({src.dim(1)}), zeros({src.dim(1)})};
  Array d = diff_dst;
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    gradients.diff_gamma.values[c] += diff_dst.values[i] * x_hat.values[i];
    gradients.diff_beta.values[c] += diff_dst.values[i];
    d.values[i] *= gamma ? gamma->values[c] : 1.0;
  });
  for (const auto& [set, members] : members_of(src.shape, set_of)) {
    const double m = static_cast<double>(members.size());
    double mean = 0.0, variance = 0.0, sum_d = 0.0, sum_du = 0.0;
    for (const std::size_t i : members) mean += src.values[i] / m;
    for (const std::size_t i : members) variance += (src.values[i] - mean) * (src.values[i] - mean) / m;
    for (const std::size_t i : members) sum_d += d.values[i], sum_du += d.values[i] * (src.values[i] - mean);
    const double r = 1.0 / std::sqrt(variance + epsilon);
    for (const std::size_t i : members)
      gradients.diff_src.values[i] = (d.values[i] - sum_d / m) * r - (src.values[i] - mean) * sum_du * r * r * r / m;
  }
  return gradients;
}

// ---- other norms ---------------------------------------------------------------------------------------------------

enum class Norm { l1, l2, linf };
enum class NormOf { centred, raw };

/// Of each channel: the mean, and s^2 in place of the variance, s = mean |u|, sqrt(mean u^2) or max |u|, with u = x -
/// mean, or u = x for the raw norm.
inline Statistics lp_statistics(const Array& src, Norm norm, NormOf of = NormOf::centred) {
  Statistics statistics = batch_statistics(src);
  const double m = static_cast<double>(statistics.values);
  if (norm == Norm::l2 && of == NormOf::centred) return statistics;
  Array s = zeros({src.dim(1)});
  if (norm == Norm::l2) {
    statistics.variance = s;
    for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
      statistics.variance.values[c] += src.values[i] * src.values[i] / m;
    });
    return statistics;
  }
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    const double distance = std::abs(src.values[i] - (of == NormOf::raw ? 0.0 : statistics.mean.values[c]));
    s.values[c] = norm == Norm::l1 ? s.values[c] + distance / m : std::max(s.values[c], distance);
  });
  for (std::size_t c = 0; c < s.values.size(); ++c) statistics.variance.values[c] = s.values[c] * s.values[c];
  return statistics;
}

/// dst = gamma * (src - mean) / sqrt(s^2 + epsilon) + beta.
inline Normalized lp_norm_forward(const Array& src, Norm norm, const Array* gamma, const Array* beta, double epsilon,
                                  NormOf of = NormOf::centred) {
  return batch_norm_frozen_forward(src, lp_statistics(src, norm, of), gamma, beta, epsilon);
}

/// With the chain rule through s and the mean: diff_s = -sum d u s r^3, d_u = d r + diff_s ds/du, and diff_src = d_u
/// less its mean. ds/du_i = sign(u_i) / m for l1, u_i / (m s) for l2, sign(u_i) at the first of the largest for linf.
/// With the raw norm diff_src = (d less its mean) r + diff_s ds/dx, ds/dx as ds/du of x.
inline NormalizationGradients lp_norm_backward(const Array& src, const Array& diff_dst, Norm norm, const Array* gamma,
                                               double epsilon, NormOf of = NormOf::centred) {
  const Statistics statistics = lp_statistics(src, norm, of);
  NormalizationGradients gradients = batch_norm_frozen_backward(src, diff_dst, statistics, gamma, epsilon);
  const std::int64_t channels = src.dim(1);
  const double m = static_cast<double>(statistics.values);
  const auto u = [&](std::int64_t c, std::int64_t i) { return src.values[i] - statistics.mean.values[c]; };
  const auto in_norm = [&](std::int64_t c, std::int64_t i) { return of == NormOf::raw ? src.values[i] : u(c, i); };
  Array diff_s = zeros({channels}), mean_diff = zeros({channels});
  std::vector<std::int64_t> peak(static_cast<std::size_t>(channels), -1);
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    const double s = std::sqrt(statistics.variance.values[c]);
    diff_s.values[c] -= gradients.diff_src.values[i] * u(c, i) * s / (s * s + epsilon);
    if (peak[c] < 0 || std::abs(in_norm(c, i)) > std::abs(in_norm(c, peak[c]))) peak[c] = i;
    if (of == NormOf::raw) mean_diff.values[c] += gradients.diff_src.values[i] / m;
  });
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    const double s = std::sqrt(statistics.variance.values[c]), x = in_norm(c, i);
    const double sign = x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0;
    double slope = 0.0;
    if (norm == Norm::l1) slope = sign / m;
    if (norm == Norm::l2) slope = s > 0.0 ? x / (m * s) : 0.0;
    if (norm == Norm::linf) slope = i == peak[c] ? sign : 0.0;
    gradients.diff_src.values[i] += diff_s.values[c] * slope;
    if (of == NormOf::centred) mean_diff.values[c] += gradients.diff_src.values[i] / m;
  });
  for_each_in_channel(src.shape,
                      [&](std::int64_t c, std::int64_t i) { gradients.diff_src.values[i] -= mean_diff.values[c]; });
  return gradients;
}

// ---- batch renormalization (Ioffe 2017) ----------------------------------------------------------------------------

/// r and d for each channel, constants for the gradient.
struct Correction {
  Array r;
  Array d;
};

/// Equation 3 and its clipping, sigma = sqrt(variance + epsilon) of batch and running statistics alike.
inline Correction renorm_correction(const Statistics& batch, const Statistics& running, double r_max, double d_max,
                                    double epsilon) {
  Correction correction{zeros(batch.mean.shape), zeros(batch.mean.shape)};
  for (std::size_t c = 0; c < batch.mean.values.size(); ++c) {
    const double sigma = std::sqrt(running.variance.values[c] + epsilon);
    const double r = std::sqrt(batch.variance.values[c] + epsilon) / sigma;
    const double d = (batch.mean.values[c] - running.mean.values[c]) / sigma;
    correction.r.values[c] = std::min(std::max(r, 1.0 / r_max), r_max);
    correction.d.values[c] = std::min(std::max(d, -d_max), d_max);
  }
  return correction;
}

/// dst = gamma * (r x_hat + d) + beta.
inline Array renorm_forward(const Array& src, const Correction& correction, const Array* gamma, const Array* beta,
                            double epsilon) {
  Array dst = batch_norm_forward(src, &correction.r, &correction.d, epsilon).dst;
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    dst.values[i] = (gamma ? gamma->values[c] : 1.0) * dst.values[i] + (beta ? beta->values[c] : 0.0);
  });
  return dst;
}

/// Batch normalization's gradient with d loss / d x_hat = diff_dst gamma r; diff_gamma = sum diff_dst (r x_hat + d).
inline NormalizationGradients renorm_backward(const Array& src, const Array& diff_dst, const Correction& correction,
                                              const Array* gamma, double epsilon) {
  Array scale = correction.r;
  for (std::size_t c = 0; gamma && c < scale.values.size(); ++c) scale.values[c] *= gamma->values[c];
  NormalizationGradients gradients = batch_norm_backward(src, diff_dst, &scale, epsilon);
  for (std::size_t c = 0; c < scale.values.size(); ++c)
    gradients.diff_gamma.values[c] = correction.r.values[c] * gradients.diff_gamma.values[c] +
                                     correction.d.values[c] * gradients.diff_beta.values[c];
  return gradients;
}

// ---- all by one description ----------------------------------------------------------------------------------------

/// `group` with one group is layer normalization, with as many as channels instance normalization; `positions` is layer
/// normalization over each position.
enum class Method { batch, ghost, lp, renorm, group, positions, local_response };

struct NormalizationOptions {
  double epsilon = 1e-5;
  bool affine = true;  // false: no gamma, no beta
  double initial_gamma = 1.0;
  double initial_beta = 0.0;
  double running_average_decay = 0.9;  // running = decay * running + (1 - decay) * batch
  bool unbiased_running_variance = true;
  Method method = Method::batch;
  std::int64_t virtual_batch_size = 32;          // ghost
  Norm norm = Norm::l2;                          // lp
  NormOf norm_of = NormOf::centred;              // lp
  std::vector<double> r_max = {1}, d_max = {0};  // renorm: of the first training step, the next ...; the last stays
  std::int64_t groups = 1;                       // group
  LocalResponseOptions local_response_constants = {};  // local_response, which is never affine
};

/// Whether evaluation normalizes with running statistics.
inline bool has_statistics(Method method) {
  return method == Method::batch || method == Method::ghost || method == Method::lp || method == Method::renorm;
}

/// Of the methods whose sets are not the channels of the batch.
inline SetOf sets_of(const NormalizationOptions& options, std::int64_t channels) {
  if (options.method == Method::ghost) return virtual_batches(options.virtual_batch_size);
  if (options.method == Method::group) return channel_groups(channels, options.groups);
  require(options.method == Method::positions, "the sets of a method that has none");
  return positions();
}

/// With the statistics of src itself. `correction`: of renorm.
inline Array normalize(const NormalizationOptions& options, const Array& src, const Correction& correction,
                       const Array* gamma, const Array* beta) {
  switch (options.method) {
    case Method::batch:
      return batch_norm_forward(src, gamma, beta, options.epsilon).dst;
    case Method::lp:
      return lp_norm_forward(src, options.norm, gamma, beta, options.epsilon, options.norm_of).dst;
    case Method::renorm:
      return renorm_forward(src, correction, gamma, beta, options.epsilon);
    case Method::local_response:
      return local_response_forward(src, options.local_response_constants);
    case Method::ghost:
    case Method::group:
    case Method::positions:
      break;
  }
  return set_norm_forward(src, sets_of(options, src.dim(1)), gamma, beta, options.epsilon);
}

inline NormalizationGradients normalize_backward(const NormalizationOptions& options, const Array& src,
                                                 const Array& diff_dst, const Correction& correction,
                                                 const Array* gamma) {
  switch (options.method) {
    case Method::batch:
      return batch_norm_backward(src, diff_dst, gamma, options.epsilon);
    case Method::lp:
      return lp_norm_backward(src, diff_dst, options.norm, gamma, options.epsilon, options.norm_of);
    case Method::renorm:
      return renorm_backward(src, diff_dst, correction, gamma, options.epsilon);
    case Method::local_response:
      return {local_response_backward(src, diff_dst, options.local_response_constants), {}, {}};
    case Method::ghost:
    case Method::group:
    case Method::positions:
      break;
  }
  return set_norm_backward(src, diff_dst, sets_of(options, src.dim(1)), gamma, options.epsilon);
}

/// `count` images of an array (N, ...) from `first` on.
inline Array images_of(const Array& src, std::int64_t first, std::int64_t count) {
  Shape shape = src.shape;
  shape[0] = count;
  const std::int64_t values = src.size() / src.dim(0);
  return {shape, {src.values.begin() + first * values, src.values.begin() + (first + count) * values}};
}

/// What a batch gives to the running statistics: the mean and the biased variance (of lp, s^2).
inline Statistics statistics_of(const NormalizationOptions& options, const Array& src) {
  return options.method == Method::lp ? lp_statistics(src, options.norm, options.norm_of) : batch_statistics(src);
}

/// The same with the variance biased or unbiased, as the options say; only that of l1 and linf is always as it is. Of
/// ghost batches it is the mean over them, a smaller last one with its share of the images.
inline Statistics running_term(const NormalizationOptions& options, const Array& src) {
  const std::int64_t images = src.dim(0), size = options.method == Method::ghost ? options.virtual_batch_size : images;
  Statistics term{zeros({src.dim(1)}), zeros({src.dim(1)}), 0};
  for (std::int64_t first = 0; first < images; first += size) {
    const std::int64_t count = std::min(size, images - first);
    const double share = static_cast<double>(count) / static_cast<double>(images);
    const Statistics part = statistics_of(options, images_of(src, first, count));
    const bool is_variance =
        options.method != Method::lp || (options.norm == Norm::l2 && options.norm_of == NormOf::centred);
    const Array variance = options.unbiased_running_variance && is_variance ? unbiased_variance(part) : part.variance;
    for (std::size_t c = 0; c < variance.values.size(); ++c) {
      term.mean.values[c] += share * part.mean.values[c];
      term.variance.values[c] += share * variance.values[c];
    }
  }
  return term;
}

/// r and d of training step number `step`, from 0; without effect except for renorm.
inline Correction correction_at(const NormalizationOptions& options, std::size_t step, const Array& src,
                                const Statistics& running) {
  const auto at = [step](const std::vector<double>& values) { return values[std::min(step, values.size() - 1)]; };
  return renorm_correction(batch_statistics(src), running, at(options.r_max), at(options.d_max), options.epsilon);
}

}  // namespace bnlab::reference
