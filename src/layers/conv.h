#pragma once
#include <memory>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::layers {

/// 2-D cross-correlation: dst(n, o, y, x) = bias(o) + sum weights(o, i, ky, kx) src(n, i, y*stride + ky - padding,
/// ...). src (N, C, H, W), dst (N, O, H', W') with H' = (H + padding - kernel) / stride + 1, rounded down. Throws
/// ConfigError when the kernel is larger than the padded image, `groups` does not divide both channel counts, or a
/// standardized channel has one weight. `standardizes`: with layers/weight_standardization.h.
std::unique_ptr<Layer> make_conv(const LayerContext& context, const config::Conv& spec, bool bias,
                                 bool standardizes = false);

/// Zero padding of one dimension on its lower and its upper side.
struct Sides {
  Dims lower;  // (height, width)
  Dims upper;
};

/// What "same" means: output ceil(size / stride), the padding split evenly with the odd one on the upper side.
Sides padding_sides(const config::Padding& padding, const Dims& src_shape, config::Extent kernel,
                    config::Extent stride);

/// Output (height, width) of a window that moves over an image; throws ConfigError naming the layer and both shapes
/// when the window does not fit.
Dims window_output(const LayerContext& context, const char* type, config::Extent kernel, config::Extent stride,
                   const Sides& sides);

}  // namespace bnlab::layers
