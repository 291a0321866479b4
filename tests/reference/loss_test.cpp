// The loss and the optimizer references.

#include "reference/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include "reference/array.h"
#include "reference/finite_differences.h"
#include "reference/optimizer.h"

namespace bnlab::reference {
namespace {

TEST(ReferenceLoss, Gradient) {
  std::mt19937_64 generator(21);
  for (const Shape& shape : std::vector<Shape>{{1, 1}, {1, 10}, {17, 2}, {5, 100}}) {
    SCOPED_TRACE(to_string(shape));
    Array logits = random_uniform(shape, generator, -3, 3);
    std::vector<std::int32_t> labels;
    for (std::int64_t n = 0; n < shape[0]; ++n) labels.push_back(static_cast<std::int32_t>((7 * n + 1) % shape[1]));
    const Array targets = random_uniform(shape, generator, -3, 3);
    for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
      for (const double smoothing : {0.0, 0.1, 0.9}) {
        const auto loss = [&] { return softmax_cross_entropy(logits, labels, smoothing, reduction); };
        const Array numeric = numeric_gradient([&] { return loss().loss; }, logits);
        EXPECT_LE(max_relative_error(loss().diff_logits, numeric), 1e-7);
      }
      const Array numeric = numeric_gradient([&] { return squared_error(logits, targets, reduction).loss; }, logits);
      EXPECT_LE(max_relative_error(squared_error(logits, targets, reduction).diff_logits, numeric), 1e-7);
    }
  }
}

// torch.nn.functional.cross_entropy(torch.tensor([[0., log 3]]), torch.tensor([1]), label_smoothing=0.2), by hand.
TEST(ReferenceLoss, LabelSmoothingMixesInEqualShares) {
  const Array logits{{1, 2}, {0, std::log(3.0)}};
  const Loss result = softmax_cross_entropy(logits, {1}, 0.2);
  EXPECT_NEAR(result.loss, 0.9 * std::log(4.0 / 3.0) + 0.1 * std::log(4.0), 1e-15);
  EXPECT_LE(max_relative_error(result.diff_logits, {{1, 2}, {0.15, -0.15}}), 1e-14);
  const Array two{{2, 2}, {0, 1, 2, 3}};
  EXPECT_NEAR(softmax_cross_entropy(two, {0, 1}, 0.2, Reduction::sum).loss,
              2.0 * softmax_cross_entropy(two, {0, 1}, 0.2).loss, 1e-14);
}

TEST(ReferenceLoss, SquaredErrorIsOverBatchAndOutputs) {
  const Array outputs{{2, 2}, {1, 2, 3, 4}}, targets{{2, 2}, {1, 0, 0, 0}};
  EXPECT_EQ(squared_error(outputs, targets, Reduction::sum).loss, 29.0);
  EXPECT_EQ(squared_error(outputs, targets).loss, 29.0 / 4.0);
  EXPECT_EQ(squared_error(outputs, targets).diff_logits.values, (std::vector<double>{0, 1, 1.5, 2}));
}

TEST(ReferenceLoss, KnownValues) {
  const Array logits{{2, 2}, {0, 0, std::log(3.0), 0}};
  const Loss result = softmax_cross_entropy(logits, {0, 1});
  EXPECT_NEAR(result.loss, (std::log(2.0) + std::log(4.0)) / 2, 1e-15);
  EXPECT_EQ(result.accuracy, 0.5);
  EXPECT_LE(max_relative_error(result.diff_logits, {{2, 2}, {-0.25, 0.25, 0.375, -0.375}}), 1e-15);
}

TEST(ReferenceLoss, StaysFiniteForLargeLogits) {
  const Loss result = softmax_cross_entropy({{1, 3}, {1e4, -1e4, 0}}, {1});
  EXPECT_EQ(result.loss, 2e4);
  EXPECT_EQ(result.diff_logits.values, (std::vector<double>{1, -1, 0}));
}

TEST(ReferenceLoss, ShiftOfAllLogitsChangesNothing) {
  std::mt19937_64 generator(22);
  Array logits = random_uniform({3, 10}, generator, -1, 1);
  const double loss = softmax_cross_entropy(logits, {1, 2, 3}).loss;
  for (double& z : logits.values) z += 100.0;
  EXPECT_NEAR(softmax_cross_entropy(logits, {1, 2, 3}).loss, loss, 1e-13);
}

TEST(ReferenceLoss, AmongEqualLogitsTheLowestClassIsPredicted) {
  const Array logits{{3, 3}, {1, 1, 1, 0, 2, 2, 3, 0, 3}};
  EXPECT_EQ(predicted_class(logits, 0), 0);
  EXPECT_EQ(predicted_class(logits, 1), 1);
  EXPECT_EQ(predicted_class(logits, 2), 0);
  EXPECT_EQ(softmax_cross_entropy(logits, {0, 1, 0}).accuracy, 1.0);
  EXPECT_EQ(softmax_cross_entropy(logits, {1, 2, 2}).accuracy, 0.0);
}

TEST(ReferenceLoss, RefusesWhatDoesNotFit) {
  EXPECT_THROW(softmax_cross_entropy(zeros({2, 3}), {0}), std::invalid_argument);
  EXPECT_THROW(softmax_cross_entropy(zeros({1, 3}), {3}), std::invalid_argument);
  EXPECT_THROW(softmax_cross_entropy(zeros({1, 3}), {-1}), std::invalid_argument);
}

TEST(ReferenceSgd, MomentumAndDecay) {
  Array value{{1}, {2.0}}, velocity = zeros({1});
  const Array gradient{{1}, {1.0}};
  const Sgd sgd{.learning_rate = 0.5, .momentum = 0.5, .weight_decay = 0.25};
  sgd_step(value, velocity, gradient, sgd);  // g = 1 + 0.25 * 2
  EXPECT_DOUBLE_EQ(velocity.values[0], 1.5);
  EXPECT_DOUBLE_EQ(value.values[0], 1.25);
  sgd_step(value, velocity, gradient, sgd);  // g = 1 + 0.25 * 1.25, v = 0.5 * 1.5 + g
  EXPECT_DOUBLE_EQ(velocity.values[0], 2.0625);
  EXPECT_DOUBLE_EQ(value.values[0], 0.21875);
  sgd_step(value, velocity, gradient, sgd, false);
  EXPECT_DOUBLE_EQ(velocity.values[0], 2.03125);
}

}  // namespace
}  // namespace bnlab::reference
