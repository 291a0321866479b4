#pragma once
#include <memory>

#include "layers/layer.h"

namespace bnlab::layers {

/// Dropout (Srivastava et al. 2014), inverted: in training dst = src * mask / (1 - rate), mask 0 with probability
/// `rate` for each value; in evaluation the layer passes its input on. The masks of a step follow from the seed, the
/// layer's name and the step alone.
std::unique_ptr<Layer> make_dropout(const LayerContext& context, double rate);

}  // namespace bnlab::layers
