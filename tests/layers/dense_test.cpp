#include "layers/dense.h"

#include "layers/layer_testing.h"

namespace bnlab::layer_testing {
namespace {

struct Case {
  std::int64_t batch;
  std::int64_t inputs;
  std::int64_t units;
  bool bias;
};

class DenseLayer : public ::testing::TestWithParam<Case> {};

TEST_P(DenseLayer, EqualsTheReference) {
  const Case& c = GetParam();
  std::mt19937_64 generator(1);
  const config::Dense spec{.units = c.units};
  LayerRun run([&](const auto& context) { return layers::make_dense(context, spec, c.bias); }, {c.batch, c.inputs},
               Layout::row_major);
  // More above zero than below: a lone sum of terms that cancel has few digits to compare.
  Values values = run.randomize(generator, -0.5);
  ASSERT_EQ(values.count("bias"), c.bias ? 1U : 0U);
  const Array src = reference::random_uniform({c.batch, c.inputs}, generator, -0.5, 1.0);
  const Array diff_dst = reference::random_uniform({c.batch, c.units}, generator, -0.5, 1.0);

  expect_close(run.forward(src), reference::dense_forward(src, values["weights"], c.bias ? &values["bias"] : nullptr),
               "dst");
  const auto expected = reference::dense_backward(src, values["weights"], diff_dst);
  expect_close(run.backward(diff_dst), expected.diff_src, "diff_src");
  expect_close(run.diff("weights"), expected.diff_weights, "diff_weights");
  if (c.bias) expect_close(run.diff("bias"), expected.diff_bias, "diff_bias");
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::int64_t batch : {1, 60})
    for (const std::int64_t inputs : {1, 17, 100, 784})
      for (const std::int64_t units : {1, 17, 100})
        for (const bool bias : {false, true}) all.push_back({batch, inputs, units, bias});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, DenseLayer, ::testing::ValuesIn(cases()), [](const auto& test) {
  const Case& c = test.param;
  return "batch_" + std::to_string(c.batch) + "_" + std::to_string(c.inputs) + "_to_" + std::to_string(c.units) +
         (c.bias ? "_bias" : "");
});

}  // namespace
}  // namespace bnlab::layer_testing
