#pragma once
// The mean cross-entropy of softmax, and accuracy.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "reference/array.h"

namespace bnlab::reference {

struct Loss {
  double loss = 0.0;      // averaged over the batch, natural logarithm
  double accuracy = 0.0;  // a fraction from 0 to 1
  Array diff_logits;      // (N, K), of the averaged loss
};

/// The class of the largest logit; among equals the lowest.
inline std::int64_t predicted_class(const Array& logits, std::int64_t n) {
  const auto row = logits.values.begin() + n * logits.dim(1);
  return std::max_element(row, row + logits.dim(1)) - row;
}

/// loss = 1/N sum_n [log sum_k exp(z[n,k]) - z[n,label_n]], the row's maximum taken out before exp; diff_logits =
/// (softmax(z) - onehot) / N. logits: (N, K); labels: N classes in [0, K).
inline Loss softmax_cross_entropy(const Array& logits, const std::vector<std::int32_t>& labels) {
  const std::int64_t batch = logits.dim(0), classes = logits.dim(1);
  require_shape(logits, {static_cast<std::int64_t>(labels.size()), classes}, "logits");
  const double images = static_cast<double>(batch);
  std::int64_t correct = 0;
  Loss result{0.0, 0.0, zeros(logits.shape)};
  for (std::int64_t n = 0; n < batch; ++n) {
    require(labels[n] >= 0 && labels[n] < classes, "label " + std::to_string(labels[n]) + " out of range");
    const double* z = logits.values.data() + n * classes;
    const double largest = *std::max_element(z, z + classes);
    double sum = 0.0;
    for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(z[k] - largest);
    for (std::int64_t k = 0; k < classes; ++k)
      result.diff_logits.values[n * classes + k] =
          (std::exp(z[k] - largest) / sum - (k == labels[n] ? 1.0 : 0.0)) / images;
    result.loss += (std::log(sum) + largest - z[labels[n]]) / images;
    if (predicted_class(logits, n) == labels[n]) ++correct;
  }
  result.accuracy = static_cast<double>(correct) / images;
  return result;
}

}  // namespace bnlab::reference
