#pragma once
// Local response normalization (Krizhevsky et al. 2012, 3.3).

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "reference/array.h"

namespace bnlab::reference {

struct LocalResponseOptions {
  std::int64_t size = 5;  // odd
  double alpha = 1e-4, beta = 0.75, k = 1.0;
};

/// k + alpha / size * the sum of squares over the `size` channels around each, those that there are.
inline Array local_response_base(const Array& src, const LocalResponseOptions& options) {
  const std::int64_t channels = src.dim(1), pixels = src.size() / (src.dim(0) * channels), half = options.size / 2;
  Array base = full(src.shape, options.k);
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    for (std::int64_t other = std::max<std::int64_t>(0, c - half); other <= std::min(channels - 1, c + half); ++other) {
      const double x = src.values[i + (other - c) * pixels];
      base.values[i] += options.alpha / static_cast<double>(options.size) * x * x;
    }
  });
  return base;
}

/// dst = src / base^beta.
inline Array local_response_forward(const Array& src, const LocalResponseOptions& options) {
  Array dst = local_response_base(src, options);
  for (std::size_t i = 0; i < dst.values.size(); ++i)
    dst.values[i] = src.values[i] / std::pow(dst.values[i], options.beta);
  return dst;
}

inline Array local_response_backward(const Array& src, const Array& diff_dst, const LocalResponseOptions& options) {
  const std::int64_t channels = src.dim(1), pixels = src.size() / (src.dim(0) * channels), half = options.size / 2;
  const Array base = local_response_base(src, options);
  Array diff_src = zeros(src.shape);
  for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    diff_src.values[i] += diff_dst.values[i] / std::pow(base.values[i], options.beta);
    for (std::int64_t other = std::max<std::int64_t>(0, c - half); other <= std::min(channels - 1, c + half); ++other) {
      const std::int64_t j = i + (other - c) * pixels;
      diff_src.values[j] -= diff_dst.values[i] * src.values[i] * options.beta *
                            std::pow(base.values[i], -options.beta - 1.0) * 2.0 * options.alpha /
                            static_cast<double>(options.size) * src.values[j];
    }
  });
  return diff_src;
}

}  // namespace bnlab::reference
