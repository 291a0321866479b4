#pragma once
#include <memory>

#include "normalization/normalization.h"

namespace bnlab::normalization {

/// Ghost batch normalization (Hoffer et al. 2017, algorithm 1): batch normalization of each `virtual_batch_size` images
/// in turn by their own statistics; a batch that it doesn't divide has a smaller last virtual batch. gamma and beta are
/// shared. The batch's statistics, which enter the running ones, are the means over the virtual batches, weighted by
/// their images; a variance is made unbiased by its virtual batch's own m. So it is with batch statistics in
/// evaluation; with population statistics it is batch normalization. src and dst (N, C) or (N, C, H, W).
std::unique_ptr<layers::Layer> make_ghost(const NormalizationContext& context);

}  // namespace bnlab::normalization
