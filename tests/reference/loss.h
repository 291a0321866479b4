#pragma once
// Cross-entropy of the softmax, squared error, and accuracy.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "reference/array.h"

namespace bnlab::reference {

struct Loss {
  double loss = 0.0;      // natural logarithm; averaged unless a sum was asked for
  double accuracy = 0.0;  // a fraction from 0 to 1; of targets 0
  Array diff_logits;      // (N, K), of the loss
};

enum class Reduction { mean, sum };

/// The class of the largest logit; among equals the lowest.
inline std::int64_t predicted_class(const Array& logits, std::int64_t n) {
  const auto row = logits.values.begin() + n * logits.dim(1);
  return std::max_element(row, row + logits.dim(1)) - row;
}

/// The fraction of rows whose largest value is the label's.
inline double accuracy_of(const Array& logits, const std::vector<std::int32_t>& labels) {
  std::int64_t correct = 0;
  for (std::int64_t n = 0; n < logits.dim(0); ++n) correct += predicted_class(logits, n) == labels[n];
  return static_cast<double>(correct) / static_cast<double>(logits.dim(0));
}

/// q[n,k] = (1 - smoothing) [k = label_n] + smoothing / K. Labels: N classes in [0, K).
inline Array label_distribution(const std::vector<std::int32_t>& labels, std::int64_t classes, double smoothing = 0.0) {
  Array q = full({static_cast<std::int64_t>(labels.size()), classes}, smoothing / static_cast<double>(classes));
  for (std::size_t n = 0; n < labels.size(); ++n) {
    require(labels[n] >= 0 && labels[n] < classes, "label " + std::to_string(labels[n]) + " out of range");
    q.values[n * static_cast<std::size_t>(classes) + static_cast<std::size_t>(labels[n])] += 1.0 - smoothing;
  }
  return q;
}

/// loss = -sum_nk q[n,k] log softmax(z_n)_k, the row's maximum taken out before exp, q = label_distribution;
/// diff_logits = softmax(z) - q; both divided by N for the mean. logits: (N, K).
inline Loss softmax_cross_entropy(const Array& logits, const std::vector<std::int32_t>& labels, double smoothing = 0.0,
                                  Reduction reduction = Reduction::mean) {
  const std::int64_t batch = logits.dim(0), classes = logits.dim(1);
  require_shape(logits, {static_cast<std::int64_t>(labels.size()), classes}, "logits");
  const Array q = label_distribution(labels, classes, smoothing);
  const double terms = reduction == Reduction::mean ? static_cast<double>(batch) : 1.0;
  Loss result{0.0, accuracy_of(logits, labels), zeros(logits.shape)};
  for (std::int64_t n = 0; n < batch; ++n) {
    const double* z = logits.values.data() + n * classes;
    const double largest = *std::max_element(z, z + classes);
    double sum = 0.0;
    for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(z[k] - largest);
    for (std::int64_t k = 0; k < classes; ++k) {
      const std::int64_t i = n * classes + k;
      result.loss -= q.values[i] * (z[k] - largest - std::log(sum)) / terms;
      result.diff_logits.values[i] = (std::exp(z[k] - largest) / sum - q.values[i]) / terms;
    }
  }
  return result;
}

/// loss = sum_nk (z - t)^2, divided by N K for the mean; diff_logits = 2 (z - t), divided alike. Both (N, K).
inline Loss squared_error(const Array& outputs, const Array& targets, Reduction reduction = Reduction::mean) {
  require_shape(targets, outputs.shape, "targets");
  const double terms = reduction == Reduction::mean ? static_cast<double>(outputs.size()) : 1.0;
  Loss result{0.0, 0.0, zeros(outputs.shape)};
  for (std::size_t i = 0; i < outputs.values.size(); ++i) {
    const double error = outputs.values[i] - targets.values[i];
    result.loss += error * error / terms;
    result.diff_logits.values[i] = 2.0 * error / terms;
  }
  return result;
}

}  // namespace bnlab::reference
