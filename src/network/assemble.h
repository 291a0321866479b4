#pragma once
// From the blocks of a network description to layers.

#include <memory>
#include <vector>

#include "config/run_config.h"
#include "layers/sequence.h"
#include "normalization/normalization.h"

namespace bnlab::network {

/// Makes the layers of `network` for images of `input_shape` (1, C, H, W): expands repeat, dense_block and conv_block
/// in the order of `normalization.placement`, counts normalization sites from 1 (in a residual block first those of the
/// body, then that of the shortcut), leaves out those that the mask leaves out, leaves a bias out where a normalization
/// that absorbs it follows, and names layers by kind and number ("conv3"). Declares parameters and normalization
/// states. Throws ConfigError naming the layer and the shapes where they don't fit, where the mask names a site that
/// the network doesn't have, where the output is not (classes), or where nothing can be trained.
layers::Sequence assemble(const config::NetworkConfig& network, const config::NormalizationConfig& normalization,
                          const layers::Dims& input_shape, std::int64_t classes, layers::Parameters& parameters,
                          normalization::NormalizationStates& states);

}  // namespace bnlab::network
