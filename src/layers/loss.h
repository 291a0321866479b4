#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::layers {

/// Where a program reads its labels and leaves its results. Outlives the program.
struct LossBuffers {
  std::vector<std::int32_t> labels;  // (N), set before a run
  std::vector<float> targets;        // (N, K), set before a run where the dataset has targets
  double loss = 0;                   // of the batch: its mean or its sum, as the config says
  std::int64_t correct = 0;  // examples whose largest output is the label's (the first of equals); of targets: 0
};

/// The loss of `output` z (N, K), as `config` names it, with labels y in [0, K), or with `has_targets` with targets t:
///   cross_entropy: sum_n -sum_k q_nk log softmax(z_n)_k, q_nk = (1 - s) [k = y_n] + s / K, s the label smoothing
///   (Szegedy et al. 2016, 7); reduction mean: divided by N;
///   squared_error: sum_nk (z_nk - t_nk)^2, t_nk = [k = y_n] where there are labels; reduction mean: divided by N K.
/// Loss, accuracy and d loss / d output in one pass; sums over the batch are in double precision. `dst` of the result
/// is empty, and its `backward` takes an empty tensor and returns d loss / d output. Throws ConfigError for the
/// cross-entropy of targets.
Forward build_loss(Builder& builder, const Tensor& output, const config::LossConfig& config, bool has_targets,
                   LossBuffers& buffers);

}  // namespace bnlab::layers
