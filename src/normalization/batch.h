#pragma once
#include <memory>

#include "normalization/normalization.h"

namespace bnlab::normalization {

/// Which statistics normalize in training.
enum class BatchStatistics { of_batch, frozen };

/// Batch normalization (Ioffe & Szegedy 2015, algorithm 1), through oneDNN's primitive:
///   y = gamma (x - mean_c) / sqrt(var_c + epsilon) + beta, var the biased variance over N, or over N, H, W.
/// src and dst (N, C) or (N, C, H, W). `of_batch`: in training the gradient flows through mean and variance. `frozen`:
/// the running statistics normalize in training too, and no gradient flows through them.
std::unique_ptr<layers::Layer> make_batch(const NormalizationContext& context, BatchStatistics statistics);

}  // namespace bnlab::normalization
