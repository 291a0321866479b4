#pragma once
#include <memory>
#include <optional>

#include "layers/residual_factor.h"
#include "layers/sequence.h"

namespace bnlab::layers {

/// dst = shortcut(src) + factor * body(src) (He et al. 2016). Parameters: NAME.scalar (1) or NAME.layer_scale (C), or
/// none without `factor`. Requires equal shapes of both branches.
std::unique_ptr<Layer> make_residual(const LayerContext& context, Sequence body, Sequence shortcut,
                                     std::optional<ResidualFactor> factor);

/// A shortcut without parameters (He et al. 2016, option A): every `stride`-th pixel in both directions, and zeros in
/// the channels that are new. src (N, C, H, W), dst (N, C', ceil(H / stride), ceil(W / stride)), C' >= C.
std::unique_ptr<Layer> make_padding_shortcut(const LayerContext& context, const Dims& dst_shape, std::int64_t stride);

}  // namespace bnlab::layers
