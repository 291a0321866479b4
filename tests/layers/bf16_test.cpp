// Layers whose activations, gradients and copies of the weights are bf16.
#include "reference/bf16.h"
#include "layers/activation.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/layer_testing.h"
#include "layers/pool.h"
#include "normalization/normalization.h"

namespace bnlab::layer_testing {
namespace {

// The reference computes with the bf16 numbers that the layer sees. The layer's sums are f32; what it hands on is
// rounded once, by at most 2^-9 of each value. Twice that, of the largest value.
constexpr double once_rounded = 0x1p-8;
// Gradients of parameters and statistics are f32: as in an f32 program.
constexpr double not_rounded = tolerance;

class Bf16Layer : public ::testing::TestWithParam<Layout> {
 protected:
  void SetUp() override {
    if (!onednn::compat::has_fast_bf16())
      GTEST_SKIP() << "oneDNN has no bf16 instructions here: " << onednn::compat::cpu_isa();
  }
  static LayerRun run_of(const MakeLayer& make, const Shape& src_shape) {
    return LayerRun(make, src_shape, GetParam(), onednn::Mode::train, nullptr, onednn::DataType::bf16);
  }
  // In [low, 1), a bf16 each.
  static Array random(const Shape& shape, std::mt19937_64& generator, double low = -1.0) {
    return reference::to_bf16(reference::random_uniform(shape, generator, low, 1.0));
  }
  // The f32 values of the parameters stay as they are; primitives see the weights as bf16, biases as f32.
  static Values parameters_as_seen(LayerRun& run, std::mt19937_64& generator) {
    Values values = run.randomize(generator);
    if (values.count("weights")) values["weights"] = reference::to_bf16(values["weights"]);
    return values;
  }
};

TEST(Bf16Reference, RoundsToTheNearest) {
  EXPECT_EQ(reference::to_bf16(0.0), 0.0);
  EXPECT_EQ(reference::to_bf16(1.0), 1.0);
  EXPECT_EQ(reference::to_bf16(1.0 + 0x1p-7), 1.0 + 0x1p-7);
  EXPECT_EQ(reference::to_bf16(1.0 + 0x1p-8), 1.0);  // ties go to the even one
  EXPECT_EQ(reference::to_bf16(1.0 + 0x3p-8), 1.0 + 0x1p-6);
  EXPECT_EQ(reference::to_bf16(-1.0 - 0x1.01p-8), -1.0 - 0x1p-7);
  EXPECT_EQ(reference::to_bf16(0.1), 0.10009765625);
}

TEST_P(Bf16Layer, ConvEqualsTheReference) {
  struct Case {
    Shape src;
    std::int64_t channels;
    std::int64_t kernel = 3;
    std::int64_t stride = 1;
    std::int64_t groups = 1;
    bool bias = true;
    bool standardized = false;
  };
  for (const Case& c :
       {Case{.src = {2, 1, 9, 9}, .channels = 32}, Case{.src = {2, 1, 9, 9}, .channels = 8},
        Case{.src = {2, 8, 9, 9}, .channels = 8}, Case{.src = {2, 8, 9, 9}, .channels = 16, .stride = 2},
        Case{.src = {2, 32, 8, 8}, .channels = 64, .bias = false}, Case{.src = {2, 17, 7, 8}, .channels = 1},
        Case{.src = {1, 17, 7, 7}, .channels = 100}, Case{.src = {2, 100, 6, 5}, .channels = 17},
        Case{.src = {3, 17, 1, 1}, .channels = 17}, Case{.src = {3, 17, 5, 6}, .channels = 100, .kernel = 1},
        Case{.src = {2, 17, 9, 9}, .channels = 17, .stride = 2},
        Case{.src = {2, 34, 6, 6}, .channels = 20, .groups = 2},
        Case{.src = {2, 17, 6, 6}, .channels = 17, .groups = 17},
        Case{.src = {2, 16, 8, 8}, .channels = 33, .standardized = true},
        Case{.src = {2, 17, 6, 6}, .channels = 17, .groups = 17, .standardized = true}}) {
    SCOPED_TRACE(reference::to_string(c.src) + " to " + std::to_string(c.channels));
    std::mt19937_64 generator(2);
    const std::int64_t padding = c.kernel / 2;
    const config::Conv spec{.channels = c.channels,
                            .kernel = {c.kernel, c.kernel},
                            .stride = {c.stride, c.stride},
                            .padding = {.same = false, .extent = {padding, padding}},
                            .groups = c.groups};
    LayerRun run =
        run_of([&](const auto& context) { return layers::make_conv(context, spec, c.bias, c.standardized); }, c.src);
    // Weights are standardized in f32; the result is rounded to bf16.
    Values values = c.standardized ? run.randomize(generator) : parameters_as_seen(run, generator);
    const Array weights =
        c.standardized ? reference::to_bf16(reference::standardize(values["weights"])) : values["weights"];
    const Array src = random(c.src, generator);
    const reference::ConvGeometry geometry{{c.stride, c.stride}, {padding, padding}, c.groups};
    expect_close(run.forward(src), reference::conv_forward(src, weights, c.bias ? &values["bias"] : nullptr, geometry),
                 "dst", once_rounded);
    const Array diff_dst = random(run.dst_shape(), generator);
    auto expected = reference::conv_backward(src, weights, diff_dst, geometry);
    if (c.standardized)
      expected.diff_weights = reference::standardize_backward(values["weights"], expected.diff_weights);
    expect_close(run.backward(diff_dst), expected.diff_src, "diff_src", once_rounded);
    expect_close(run.diff("weights"), expected.diff_weights, "diff_weights", not_rounded);
    if (c.bias) expect_close(run.diff("bias"), expected.diff_bias, "diff_bias", not_rounded);
  }
}

TEST_P(Bf16Layer, DenseEqualsTheReference) {
  for (const std::int64_t batch : {1, 60})
    for (const std::int64_t inputs : {1, 17, 100, 784})
      for (const std::int64_t units : {1, 10, 100})
        for (const bool bias : {false, true}) {
          SCOPED_TRACE(reference::to_string({batch, inputs, units, bias}));
          std::mt19937_64 generator(1);
          const config::Dense spec{.units = units};
          LayerRun run =
              run_of([&](const auto& context) { return layers::make_dense(context, spec, bias); }, {batch, inputs});
          Values values = run.randomize(generator, -0.5);
          values["weights"] = reference::to_bf16(values["weights"]);
          const Array src = random({batch, inputs}, generator, -0.5);
          const Array diff_dst = random({batch, units}, generator, -0.5);
          expect_close(run.forward(src),
                       reference::dense_forward(src, values["weights"], bias ? &values["bias"] : nullptr), "dst",
                       once_rounded);
          const auto expected = reference::dense_backward(src, values["weights"], diff_dst);
          expect_close(run.backward(diff_dst), expected.diff_src, "diff_src", once_rounded);
          expect_close(run.diff("weights"), expected.diff_weights, "diff_weights", not_rounded);
          if (bias) expect_close(run.diff("bias"), expected.diff_bias, "diff_bias", not_rounded);
        }
}

TEST_P(Bf16Layer, PoolsEqualTheReference) {
  // oneDNN sums the gradients of overlapping windows in bf16: a pixel lies in up to four, each sum is rounded.
  constexpr double four_times_rounded = 4 * once_rounded;
  const config::Pool overlapping{.kernel = {3, 3}, .stride = config::Extent{2, 2}, .padding = {1, 1}};
  for (const Shape& shape : {Shape{2, 32, 8, 8}, Shape{2, 17, 7, 7}, Shape{1, 1, 6, 4}})
    for (const config::Pool& pool : {config::Pool{}, overlapping}) {
      SCOPED_TRACE(reference::to_string(shape) + (pool.stride ? " overlapping" : ""));
      const config::Extent stride = pool.stride.value_or(pool.kernel);
      const reference::Window window{{pool.kernel.height, pool.kernel.width},
                                     {stride.height, stride.width},
                                     {pool.padding.height, pool.padding.width}};
      const double allowed = pool.stride ? four_times_rounded : once_rounded;
      std::mt19937_64 generator(3);
      const Array src = random(shape, generator);
      LayerRun max = run_of([&](const auto& context) { return layers::make_max_pool(context, pool); }, shape);
      expect_close(max.forward(src), reference::max_pool_forward(src, window), "max dst", 0.0);
      const Array diff_dst = random(max.dst_shape(), generator);
      expect_close(max.backward(diff_dst), reference::max_pool_backward(src, diff_dst, window), "max diff_src",
                   allowed);
      LayerRun avg = run_of([&](const auto& context) { return layers::make_avg_pool(context, pool); }, shape);
      expect_close(avg.forward(src), reference::avg_pool_forward(src, window), "avg dst", once_rounded);
      expect_close(avg.backward(diff_dst), reference::avg_pool_backward(shape, diff_dst, window), "avg diff_src",
                   allowed);
    }
}

TEST_P(Bf16Layer, GlobalAverageEqualsTheReference) {
  for (const Shape& shape : {Shape{2, 32, 7, 7}, Shape{3, 17, 5, 4}}) {
    std::mt19937_64 generator(5);
    LayerRun run = run_of([](const auto& context) { return layers::make_global_avg_pool(context); }, shape);
    const Shape flat{shape[0], shape[1]};
    const Array src = random(shape, generator);
    const Array diff_dst = random({shape[0], shape[1], 1, 1}, generator);
    expect_close(run.forward(src), reference::reshape(reference::global_avg_pool_forward(src), flat), "dst",
                 once_rounded);
    expect_close(run.backward(reference::reshape(diff_dst, flat)), reference::global_avg_pool_backward(shape, diff_dst),
                 "diff_src", once_rounded);
  }
}

TEST_P(Bf16Layer, ActivationsEqualTheReference) {
  // The backward call takes the derivative, f(1 - f) or 1 - f^2, of the rounded output f. That is off by up to
  // 2^-9 |1 - 2f| f or 2^-8 f^2, for the sigmoid 2^-7 of its largest derivative, 1/4; and then comes the rounding.
  constexpr double derivative_of_rounded = 0x1p-7 + once_rounded;
  const std::pair<config::Activation, reference::Activation> functions[] = {
      {config::Activation::relu, reference::Activation::relu},
      {config::Activation::sigmoid, reference::Activation::sigmoid},
      {config::Activation::tanh, reference::Activation::tanh}};
  for (const auto& [function, expected] : functions)
    for (const Shape& shape : {Shape{60, 100}, Shape{2, 17, 5, 4}, Shape{2, 32, 4, 4}}) {
      SCOPED_TRACE(reference::to_string(shape));
      std::mt19937_64 generator(7);
      LayerRun run = run_of(
          [&, f = function](const auto& context) { return layers::make_activation(context, f, 0.01, false); }, shape);
      const Array src = reference::to_bf16(reference::random_uniform(shape, generator, -4.0, 4.0));
      const Array diff_dst = random(shape, generator);
      expect_close(run.forward(src), reference::activation_forward(src, expected), "dst", once_rounded);
      expect_close(run.backward(diff_dst), reference::activation_backward(src, diff_dst, expected), "diff_src",
                   function == config::Activation::relu ? 0.0 : derivative_of_rounded);
    }
}

TEST_P(Bf16Layer, BatchNormalizationEqualsTheReference) {
  for (const Shape& shape : {Shape{60, 100}, Shape{60, 17}, Shape{3, 17, 5, 4}, Shape{4, 8, 14, 14}, Shape{2, 32, 8, 8},
                             Shape{60, 16, 1, 1}})
    for (const bool affine : {true, false}) {
      SCOPED_TRACE(reference::to_string(shape));
      std::mt19937_64 generator(11);
      config::NormalizationConfig config;
      config.type = config::NormalizationType::batch;
      config.affine = affine;
      normalization::NormalizationStates states;
      LayerRun run = run_of(
          [&](const auto& context) {
            return normalization::make_normalization({context, config, states, false});
          },
          shape);
      Values values = parameters_as_seen(run, generator);
      const Array* gamma = affine ? &values["gamma"] : nullptr;
      const Array* beta = affine ? &values["beta"] : nullptr;
      const Array src = random(shape, generator);
      const Array diff_dst = random(shape, generator);
      const auto expected = reference::batch_norm_forward(src, gamma, beta, config.epsilon);
      expect_close(run.forward(src), expected.dst, "dst", once_rounded);
      const auto statistics = [&](const std::vector<float>& of) { return reference::from_floats({shape[1]}, of); };
      expect_close(statistics(states[0]->batch_mean), expected.statistics.mean, "mean", not_rounded);
      expect_close(statistics(states[0]->batch_variance), expected.statistics.variance, "variance", not_rounded);
      const auto gradients = reference::batch_norm_backward(src, diff_dst, gamma, config.epsilon);
      expect_close(run.backward(diff_dst), gradients.diff_src, "diff_src", once_rounded);
      if (!affine) continue;
      expect_close(run.diff("gamma"), gradients.diff_gamma, "diff_gamma", not_rounded);
      expect_close(run.diff("beta"), gradients.diff_beta, "diff_beta", not_rounded);
    }
}

INSTANTIATE_TEST_SUITE_P(Layouts, Bf16Layer, ::testing::Values(Layout::row_major, Layout::blocked),
                         [](const auto& test) { return test.param == Layout::row_major ? "plain" : "blocked"; });

}  // namespace
}  // namespace bnlab::layer_testing
