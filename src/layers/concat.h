#pragma once
#include <memory>
#include <vector>

#include "layers/sequence.h"

namespace bnlab::layers {

/// The outputs of branches that all see the same input, joined along the channels: dst (N, C_1 + C_2 + ..., H, W), or
/// (N, C_1 + C_2 + ...). Throws ConfigError naming the shapes unless the branches agree in all but the channels.
std::unique_ptr<Layer> make_concat(const LayerContext& context, std::vector<Sequence> branches);

}  // namespace bnlab::layers
