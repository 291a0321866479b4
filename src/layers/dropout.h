#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "layers/layer.h"
#include "util/npz.h"

namespace bnlab::layers {

/// Dropout (Srivastava et al. 2014), inverted: in training dst = src * mask / (1 - rate), mask 0 with probability
/// `rate` for each value; in evaluation the layer passes its input on. The masks of a step follow from the seed, the
/// layer's name and the step alone.
std::unique_ptr<Layer> make_dropout(const LayerContext& context, double rate);

/// The masks of the dropout layers among `layers` in steps 1 to `steps` of training with batches of `batch_size`, 0 or
/// 1, drawn again from the seed: by the layer's name, (steps, N, C) or (steps, N, C, H, W).
NpzArrays dropout_masks(const std::vector<const Layer*>& layers, std::uint64_t seed, std::int64_t steps,
                        std::int64_t batch_size);

}  // namespace bnlab::layers
