#include "layers/loss.h"

#include <cmath>
#include <limits>

#include "layers/layer_testing.h"
#include "util/errors.h"

namespace bnlab::layer_testing {
namespace {

using config::LossConfig;
using config::LossType;
using config::Reduction;
using Labels = std::vector<std::int32_t>;

struct LossResult {
  double loss = 0;
  std::int64_t correct = 0;
  Array diff_logits;
};

/// With `targets` where there are any, else with labels.
LossResult run_loss(const Array& logits, const Labels& labels, const LossConfig& config = {},
                    const Array* targets = nullptr) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  layers::LossBuffers buffers;
  onednn::Builder builder(engine, onednn::Mode::train);
  const dnnl::memory src = builder.allocate_kept(onednn::row_major_desc(logits.shape));
  const layers::Forward forward =
      layers::build_loss(builder, {src, logits.shape, true}, config, targets != nullptr, buffers);
  builder.begin_backward();
  const layers::Tensor diff = forward.backward(builder, {});
  builder.keep(diff.memory);
  const onednn::Program program = builder.finish();
  write(src, logits);
  EXPECT_EQ(buffers.targets.size(), targets ? logits.values.size() : 0);
  if (targets)
    buffers.targets = reference::to_floats(*targets);
  else
    buffers.labels = labels;
  program.run_forward(stream);
  return {buffers.loss, buffers.correct, read(diff.memory, logits.shape)};
}

reference::Reduction reduction_of(const LossConfig& config) {
  return config.reduction == Reduction::sum ? reference::Reduction::sum : reference::Reduction::mean;
}

reference::Loss expected_loss(const Array& logits, const Labels& labels, const LossConfig& config) {
  if (config.type == LossType::cross_entropy)
    return reference::softmax_cross_entropy(logits, labels, config.label_smoothing, reduction_of(config));
  reference::Loss loss =
      reference::squared_error(logits, reference::label_distribution(labels, logits.dim(1)), reduction_of(config));
  loss.accuracy = reference::accuracy_of(logits, labels);
  return loss;
}

void expect_reference(const Array& logits, const Labels& labels, const LossConfig& config = {}) {
  const LossResult result = run_loss(logits, labels, config);
  const reference::Loss expected = expected_loss(logits, labels, config);
  EXPECT_NEAR(result.loss, expected.loss, 1e-6 * std::max(1.0, expected.loss));
  EXPECT_DOUBLE_EQ(static_cast<double>(result.correct) / static_cast<double>(labels.size()), expected.accuracy);
  expect_close(result.diff_logits, expected.diff_logits, "diff_logits");
}

std::vector<LossConfig> all_losses() {
  std::vector<LossConfig> losses;
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    for (const double smoothing : {0.0, 0.1, 0.9})
      losses.push_back({.label_smoothing = smoothing, .reduction = reduction});
    losses.push_back({.type = LossType::squared_error, .reduction = reduction});
  }
  return losses;
}

TEST(Loss, EqualsTheReference) {
  std::mt19937_64 generator(9);
  for (const std::int64_t batch : {1, 3, 60})
    for (const std::int64_t classes : {2, 10, 17, 100}) {
      const Array logits = reference::random_uniform({batch, classes}, generator, -3.0, 3.0);
      Labels labels;
      for (std::int64_t n = 0; n < batch; ++n) labels.push_back(static_cast<std::int32_t>((7 * n + 1) % classes));
      for (const LossConfig& config : all_losses()) expect_reference(logits, labels, config);
    }
}

TEST(Loss, OfTargetsEqualsTheReference) {
  std::mt19937_64 generator(10);
  for (const std::int64_t batch : {1, 3, 60})
    for (const std::int64_t outputs : {1, 2, 17, 100})
      for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
        const LossConfig config{.type = LossType::squared_error, .reduction = reduction};
        const Array logits = reference::random_uniform({batch, outputs}, generator, -3.0, 3.0);
        const Array targets = reference::random_uniform({batch, outputs}, generator, -3.0, 3.0);
        const LossResult result = run_loss(logits, {}, config, &targets);
        const reference::Loss expected = reference::squared_error(logits, targets, reduction_of(config));
        EXPECT_NEAR(result.loss, expected.loss, 1e-6 * expected.loss);
        EXPECT_EQ(result.correct, 0);
        expect_close(result.diff_logits, expected.diff_logits, "diff_outputs");
      }
}

TEST(Loss, HasNoCrossEntropyOfTargets) {
  const Array targets{{1, 2}, {0.0, 1.0}};
  EXPECT_THROW(run_loss(targets, {}, {}, &targets), ConfigError);
}

// What each reduction divides by, in numbers.
TEST(Loss, IsAMeanOrASum) {
  const Array outputs{{2, 3}, {0.0, 2.0, 0.0, 0.0, 0.0, 0.0}};
  const Labels labels{0, 2};
  LossConfig config{.type = LossType::squared_error, .reduction = Reduction::sum};
  EXPECT_EQ(run_loss(outputs, labels, config).loss, 6.0);
  EXPECT_EQ(run_loss(outputs, labels, config).diff_logits.values,
            (std::vector<double>{-2.0, 4.0, 0.0, 0.0, 0.0, -2.0}));
  config.reduction = Reduction::mean;
  EXPECT_EQ(run_loss(outputs, labels, config).loss, 1.0);
  const Array equal = reference::zeros({5, 4});
  EXPECT_NEAR(run_loss(equal, {0, 1, 2, 3, 0}, {.reduction = Reduction::sum}).loss, 5.0 * std::log(4.0), 1e-12);
  EXPECT_NEAR(run_loss(equal, {0, 1, 2, 3, 0}, {.label_smoothing = 0.3}).loss, std::log(4.0), 1e-12);
}

TEST(Loss, StandsLargeLogits) {
  for (const LossConfig& config : all_losses())
    expect_reference({{3, 3}, {1e4, -1e4, 0.0, -1e4, 1e4, 9999.0, 1e4, 1e4, -1e4}}, {1, 2, 0}, config);
  const LossResult wrong = run_loss({{1, 2}, {1e4, -1e4}}, {1});
  EXPECT_DOUBLE_EQ(wrong.loss, 2e4);
  EXPECT_EQ(wrong.diff_logits.values, (std::vector<double>{1.0, -1.0}));
  const LossResult right = run_loss({{1, 2}, {1e4, -1e4}}, {0});
  EXPECT_EQ(right.loss, 0.0);
  EXPECT_EQ(right.diff_logits.values, (std::vector<double>{0.0, 0.0}));
}

TEST(Loss, TakesTheFirstOfEqualLogits) {
  const Array equal = reference::full({4, 4}, -2.5);
  const LossResult result = run_loss(equal, {0, 1, 2, 3});
  EXPECT_EQ(result.correct, 1);
  EXPECT_NEAR(result.loss, std::log(4.0), 1e-12);
  expect_reference(equal, {0, 1, 2, 3});
  EXPECT_EQ(run_loss({{1, 3}, {1.0, 2.0, 2.0}}, {1}).correct, 1);
  EXPECT_EQ(run_loss({{1, 3}, {1.0, 2.0, 2.0}}, {2}).correct, 0);
}

TEST(Loss, OfOneClassIsZero) {
  const LossResult result = run_loss({{3, 1}, {-5.0, 0.0, 1e4}}, {0, 0, 0});
  EXPECT_EQ(result.loss, 0.0);
  EXPECT_EQ(result.correct, 3);
  EXPECT_EQ(result.diff_logits.values, (std::vector<double>{0.0, 0.0, 0.0}));
}

TEST(Loss, OfLogitsThatAreNotFiniteIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const std::int32_t label : {0, 1, 2})
    for (std::size_t place = 0; place < 3; ++place) {
      for (const double value : {nan, infinity}) {
        Array logits{{2, 3}, {0.5, 0.25, 1.0, 0.5, 0.25, 1.0}};
        logits.values[3 + place] = value;
        EXPECT_FALSE(std::isfinite(run_loss(logits, {0, label}).loss)) << value << " at " << place;
      }
      // A class that can't be is no error unless it is the one asked for.
      Array logits{{1, 3}, {0.5, 0.25, 1.0}};
      logits.values[place] = -infinity;
      EXPECT_EQ(std::isfinite(run_loss(logits, {label}).loss), static_cast<std::size_t>(label) != place);
    }
}

}  // namespace
}  // namespace bnlab::layer_testing
