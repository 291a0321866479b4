#pragma once
#include <memory>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::layers {

/// dst = f(src), element by element; any shape. `fused_before`: where the program may fuse, the layer before applies
/// the function already and this one adds nothing.
std::unique_ptr<Layer> make_activation(const LayerContext& context, config::Activation function, double negative_slope,
                                       bool fused_before);

}  // namespace bnlab::layers
