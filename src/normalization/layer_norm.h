#pragma once
#include <memory>

#include "normalization/normalization.h"

namespace bnlab::normalization {

/// Layer normalization (Ba et al. 2016), gamma and beta (C). `over: image`: statistics over all channels and positions
/// of an image, group normalization with one group; `over: position`: over the channels of each position (Liu et al.
/// 2022), through oneDNN's primitive. On vectors both are the same. src and dst (N, C) or (N, C, H, W). The same in
/// training and evaluation. Throws ConfigError where a single value would be normalized by itself.
std::unique_ptr<layers::Layer> make_layer_norm(const NormalizationContext& context);

}  // namespace bnlab::normalization
