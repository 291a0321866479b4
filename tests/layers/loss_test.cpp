#include "layers/loss.h"

#include <cmath>
#include <limits>

#include "layers/layer_testing.h"

namespace bnlab::layer_testing {
namespace {

struct LossResult {
  double mean_loss = 0;
  std::int64_t correct = 0;
  Array diff_logits;
};

LossResult run_loss(const Array& logits, const std::vector<std::int32_t>& labels) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  layers::LossBuffers buffers;
  onednn::Builder builder(engine, onednn::Pass::train);
  const dnnl::memory src = builder.allocate_kept(onednn::plain_desc(logits.shape));
  const layers::Forward forward = layers::build_cross_entropy(builder, {src, logits.shape, true}, buffers);
  builder.begin_backward();
  const layers::Tensor diff = forward.backward(builder, {});
  builder.keep(diff.memory);
  const onednn::Program program = builder.finish();
  write(src, logits);
  buffers.labels = labels;
  program.run_forward(stream);
  return {buffers.mean_loss, buffers.correct, read(diff.memory, logits.shape)};
}

void expect_reference(const Array& logits, const std::vector<std::int32_t>& labels) {
  const LossResult result = run_loss(logits, labels);
  const reference::Loss expected = reference::softmax_cross_entropy(logits, labels);
  EXPECT_NEAR(result.mean_loss, expected.loss, 1e-6 * std::max(1.0, expected.loss));
  EXPECT_DOUBLE_EQ(static_cast<double>(result.correct) / static_cast<double>(labels.size()), expected.accuracy);
  expect_close(result.diff_logits, expected.diff_logits, "diff_logits");
}

TEST(Loss, EqualsTheReference) {
  std::mt19937_64 generator(9);
  for (const std::int64_t batch : {1, 3, 60})
    for (const std::int64_t classes : {2, 10, 17, 100}) {
      const Array logits = reference::random_uniform({batch, classes}, generator, -3.0, 3.0);
      std::vector<std::int32_t> labels;
      for (std::int64_t n = 0; n < batch; ++n) labels.push_back(static_cast<std::int32_t>((7 * n + 1) % classes));
      expect_reference(logits, labels);
    }
}

TEST(Loss, StandsLargeLogits) {
  expect_reference({{3, 3}, {1e4, -1e4, 0.0, -1e4, 1e4, 9999.0, 1e4, 1e4, -1e4}}, {1, 2, 0});
  const LossResult wrong = run_loss({{1, 2}, {1e4, -1e4}}, {1});
  EXPECT_DOUBLE_EQ(wrong.mean_loss, 2e4);
  EXPECT_EQ(wrong.diff_logits.values, (std::vector<double>{1.0, -1.0}));
  const LossResult right = run_loss({{1, 2}, {1e4, -1e4}}, {0});
  EXPECT_EQ(right.mean_loss, 0.0);
  EXPECT_EQ(right.diff_logits.values, (std::vector<double>{0.0, 0.0}));
}

TEST(Loss, TakesTheFirstOfEqualLogits) {
  const Array equal = reference::full({4, 4}, -2.5);
  const LossResult result = run_loss(equal, {0, 1, 2, 3});
  EXPECT_EQ(result.correct, 1);
  EXPECT_NEAR(result.mean_loss, std::log(4.0), 1e-12);
  expect_reference(equal, {0, 1, 2, 3});
  EXPECT_EQ(run_loss({{1, 3}, {1.0, 2.0, 2.0}}, {1}).correct, 1);
  EXPECT_EQ(run_loss({{1, 3}, {1.0, 2.0, 2.0}}, {2}).correct, 0);
}

TEST(Loss, OfOneClassIsZero) {
  const LossResult result = run_loss({{3, 1}, {-5.0, 0.0, 1e4}}, {0, 0, 0});
  EXPECT_EQ(result.mean_loss, 0.0);
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
        EXPECT_FALSE(std::isfinite(run_loss(logits, {0, label}).mean_loss)) << value << " at " << place;
      }
      // A class that can't be is no error unless it is the one asked for.
      Array logits{{1, 3}, {0.5, 0.25, 1.0}};
      logits.values[place] = -infinity;
      EXPECT_EQ(std::isfinite(run_loss(logits, {label}).mean_loss), static_cast<std::size_t>(label) != place);
    }
}

}  // namespace
}  // namespace bnlab::layer_testing
