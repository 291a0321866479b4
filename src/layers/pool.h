#pragma once
#include <memory>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::layers {

/// Largest value of each window. src (N, C, H, W), dst (N, C, H', W') with H' as for a convolution (rounded down).
std::unique_ptr<Layer> make_max_pool(const LayerContext& context, const config::Pool& spec);

/// Mean of each window, padding left out of it. Shapes as for make_max_pool.
std::unique_ptr<Layer> make_avg_pool(const LayerContext& context, const config::Pool& spec);

/// Mean over each channel's whole image: (N, C, H, W) to (N, C).
std::unique_ptr<Layer> make_global_avg_pool(const LayerContext& context);

}  // namespace bnlab::layers
