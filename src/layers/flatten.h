#pragma once
#include <memory>

#include "layers/layer.h"

namespace bnlab::layers {

/// (N, C, H, W) to (N, C*H*W) in C order. Moves no data itself: the layer that follows asks for
/// the order it needs.
std::unique_ptr<Layer> make_flatten(const LayerContext& context);

}  // namespace bnlab::layers
