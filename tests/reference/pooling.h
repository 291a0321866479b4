#pragma once
// Maximum and average over windows. Padding never wins a maximum and never counts in an average.

#include <cstdint>
#include <vector>

#include "reference/array.h"
#include "reference/layers.h"

namespace bnlab::reference {

/// Padding is the same on both sides and smaller than the kernel, so that no window lies outside of the image.
struct Window {
  Extent kernel{2, 2};
  Extent stride{2, 2};
  Extent padding{0, 0};
};

/// (N, C, H, W) -> (N, C, P, Q).
inline Shape pool_dst_shape(const Shape& src, const Window& window) {
  require(src.size() == 4, "pooling needs a 4-D src, got " + to_string(src));
  require(window.padding.height < window.kernel.height && window.padding.width < window.kernel.width,
          "the padding of a pool must be smaller than its kernel");
  return {src[0], src[1], window_count(src[2], window.kernel.height, window.stride.height, window.padding.height),
          window_count(src[3], window.kernel.width, window.stride.width, window.padding.width)};
}

/// visit(d, inside) for each dst offset d, with the src offsets of its window that lie in the image, in row order.
template <typename Visit>
void for_each_window(const Shape& src, const Window& window, const Visit& visit) {
  const Shape dst = pool_dst_shape(src, window);
  std::vector<std::int64_t> inside;
  std::int64_t d = 0;
  for (std::int64_t image = 0; image < src[0] * src[1]; ++image)
    for (std::int64_t p = 0; p < dst[2]; ++p)
      for (std::int64_t q = 0; q < dst[3]; ++q) {
        inside.clear();
        for (std::int64_t kh = 0; kh < window.kernel.height; ++kh)
          for (std::int64_t kw = 0; kw < window.kernel.width; ++kw) {
            const std::int64_t h = p * window.stride.height + kh - window.padding.height;
            const std::int64_t w = q * window.stride.width + kw - window.padding.width;
            if (h >= 0 && h < src[2] && w >= 0 && w < src[3]) inside.push_back((image * src[2] + h) * src[3] + w);
          }
        visit(d++, inside);
      }
}

/// The src offset of each dst value's maximum; among equals the first in row order.
inline std::vector<std::int64_t> max_pool_winners(const Array& src, const Window& window) {
  std::vector<std::int64_t> winners;
  for_each_window(src.shape, window, [&](std::int64_t, const std::vector<std::int64_t>& inside) {
    std::int64_t winner = inside.front();
    for (const std::int64_t s : inside)
      if (src.values[s] > src.values[winner]) winner = s;
    winners.push_back(winner);
  });
  return winners;
}

/// dst[n,c,p,q] = the maximum of src over the window. src: (N, C, H, W); dst: (N, C, P, Q).
inline Array max_pool_forward(const Array& src, const Window& window) {
  Array dst{pool_dst_shape(src.shape, window), {}};
  for (const std::int64_t winner : max_pool_winners(src, window)) dst.values.push_back(src.values[winner]);
  return dst;
}

/// Each window hands its diff_dst to its winner; windows may overlap.
inline Array max_pool_backward(const Array& src, const Array& diff_dst, const Window& window) {
  require_shape(diff_dst, pool_dst_shape(src.shape, window), "max_pool diff_dst");
  const std::vector<std::int64_t> winners = max_pool_winners(src, window);
  Array diff_src = zeros(src.shape);
  for (std::size_t d = 0; d < winners.size(); ++d) diff_src.values[winners[d]] += diff_dst.values[d];
  return diff_src;
}

/// dst[n,c,p,q] = the mean of src over the part of the window that lies in the image.
inline Array avg_pool_forward(const Array& src, const Window& window) {
  Array dst = zeros(pool_dst_shape(src.shape, window));
  for_each_window(src.shape, window, [&](std::int64_t d, const std::vector<std::int64_t>& inside) {
    for (const std::int64_t s : inside) dst.values[d] += src.values[s] / static_cast<double>(inside.size());
  });
  return dst;
}

/// Each window shares its diff_dst equally among its values in the image. `src_shape`: (N, C, H, W).
inline Array avg_pool_backward(const Shape& src_shape, const Array& diff_dst, const Window& window) {
  require_shape(diff_dst, pool_dst_shape(src_shape, window), "avg_pool diff_dst");
  Array diff_src = zeros(src_shape);
  for_each_window(src_shape, window, [&](std::int64_t d, const std::vector<std::int64_t>& inside) {
    for (const std::int64_t s : inside) diff_src.values[s] += diff_dst.values[d] / static_cast<double>(inside.size());
  });
  return diff_src;
}

/// One window over the whole image: (N, C, H, W) -> (N, C, 1, 1).
inline Window whole_image(const Shape& src) {
  require(src.size() == 4, "pooling needs a 4-D src, got " + to_string(src));
  return {{src[2], src[3]}, {1, 1}, {0, 0}};
}

inline Array global_avg_pool_forward(const Array& src) { return avg_pool_forward(src, whole_image(src.shape)); }
inline Array global_avg_pool_backward(const Shape& src_shape, const Array& diff_dst) {
  return avg_pool_backward(src_shape, diff_dst, whole_image(src_shape));
}

}  // namespace bnlab::reference
