#pragma once
#include <memory>

#include "normalization/normalization.h"

namespace bnlab::normalization {

/// Normalization of each image by itself, over `channels` neighbouring channels and all positions; `channels` divides
/// C. gamma and beta (C). The same in training and evaluation. src and dst (N, C) or (N, C, H, W). `type` is its name.
/// Throws ConfigError where a single value would be normalized by itself.
std::unique_ptr<layers::Layer> make_per_image(const NormalizationContext& context, const char* type,
                                              std::int64_t channels);

/// Group normalization (Wu & He 2018): over each group of channels. Throws ConfigError where groups, or
/// channels_per_group, don't divide the channels.
std::unique_ptr<layers::Layer> make_group(const NormalizationContext& context);
/// Instance normalization (Ulyanov et al. 2016): over each channel. Throws ConfigError unless src holds images of more
/// than one pixel.
std::unique_ptr<layers::Layer> make_instance(const NormalizationContext& context);

}  // namespace bnlab::normalization
