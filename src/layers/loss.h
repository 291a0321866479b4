#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "layers/layer.h"

namespace bnlab::layers {

/// Where a program reads its labels and leaves its results. Outlives the program.
struct LossBuffers {
  std::vector<std::int32_t> labels;  // (N), set before a run
  std::vector<float> targets;        // (N, K), set before a run where the dataset has targets
  double mean_loss = 0;              // mean over the batch
  std::int64_t correct = 0;          // examples whose largest logit is the label's (the first of equals)
};

/// The loss that `config` names; see below.
Forward build_loss(Builder& builder, const Tensor& output, const config::LossConfig& config, LossBuffers& buffers);

/// Mean cross-entropy of the softmax of `logits` (N, K): -1/N sum_n log softmax(logits_n)[label_n]. Loss, accuracy and
/// d loss / d logits in one pass; the sum is in double precision. `dst` of the result is empty, and its `backward`
/// takes an empty tensor and returns d loss / d logits. Requires labels in [0, K).
Forward build_cross_entropy(Builder& builder, const Tensor& logits, LossBuffers& buffers);

}  // namespace bnlab::layers
