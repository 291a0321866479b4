#include "layers/activation.h"

#include <cmath>

#include "config/names.h"
#include "layers/flatten.h"
#include "layers/layer_testing.h"

namespace bnlab::layer_testing {
namespace {

struct Function {
  config::Activation function;
  reference::Activation expected;
};

using Case = std::tuple<Function, Shape, Layout>;

MakeLayer activation(config::Activation function) {
  return
      [=](const auto& context) { return layers::make_activation(context, function, reference::negative_slope, false); };
}

class ActivationLayer : public ::testing::TestWithParam<Case> {};

TEST_P(ActivationLayer, EqualsTheReference) {
  const auto& [function, shape, layout] = GetParam();
  std::mt19937_64 generator(7);
  LayerRun run(activation(function.function), shape, layout);
  const Array src = reference::random_uniform(shape, generator, -4.0, 4.0);
  const Array diff_dst = random_array(shape, generator);
  expect_close(run.forward(src), reference::activation_forward(src, function.expected), "dst");
  expect_close(run.backward(diff_dst), reference::activation_backward(src, diff_dst, function.expected), "diff_src");
}

// What lies far out must saturate, not turn into NaN, and relu's slope at zero is zero.
TEST_P(ActivationLayer, EqualsTheReferenceAtItsEnds) {
  const auto& [function, shape, layout] = GetParam();
  LayerRun run(activation(function.function), shape, layout);
  const double ends[] = {0.0, -0.0, 1e-30, -1e-30, 20.0, -20.0, 100.0, -100.0, 1e4, -1e4};
  Array src = reference::zeros(shape);
  for (std::size_t i = 0; i < src.values.size(); ++i) src.values[i] = static_cast<float>(ends[i % std::size(ends)]);
  const Array diff_dst = reference::full(shape, 1.0);
  expect_close(run.forward(src), reference::activation_forward(src, function.expected), "dst");
  expect_close(run.backward(diff_dst), reference::activation_backward(src, diff_dst, function.expected), "diff_src");
}

// A slope below zero or above one turns the output over, so that it no longer tells the input's sign.
TEST(LeakyRelu, TakesAnySlope) {
  const Array src{{1, 6}, {-2.0, -0.5, 0.0, 0.25, 1.0, 3.0}};
  for (const double slope : {-0.5, 0.0, 0.25, 1.0, 2.0}) {
    LayerRun run(
        [=](const auto& context) {
          return layers::make_activation(context, config::Activation::leaky_relu, slope, false);
        },
        src.shape, Layout::row_major);
    EXPECT_EQ(run.forward(src).values, (std::vector<double>{-2.0 * slope, -0.5 * slope, 0.0, 0.25, 1.0, 3.0}));
    EXPECT_EQ(run.backward(reference::full(src.shape, 2.0)).values,
              (std::vector<double>{2.0 * slope, 2.0 * slope, 2.0 * slope, 2.0, 2.0, 2.0}));
  }
}

const Function functions[] = {{config::Activation::identity, reference::Activation::identity},
                              {config::Activation::relu, reference::Activation::relu},
                              {config::Activation::leaky_relu, reference::Activation::leaky_relu},
                              {config::Activation::elu, reference::Activation::elu},
                              {config::Activation::softplus, reference::Activation::softplus},
                              {config::Activation::gelu, reference::Activation::gelu},
                              {config::Activation::sigmoid, reference::Activation::sigmoid},
                              {config::Activation::tanh, reference::Activation::tanh}};
const Shape shapes[] = {{1, 1},        {60, 100},      {3, 17},        {1, 1, 1, 1}, {2, 1, 5, 4},
                        {2, 17, 5, 4}, {1, 100, 1, 1}, {3, 100, 3, 3}, {2, 32, 4, 4}};

std::string name_of(const ::testing::TestParamInfo<Case>& test) {
  const auto& [function, shape, layout] = test.param;
  std::string name = config::name_of(function.function);
  for (const std::int64_t extent : shape) name.append("_").append(std::to_string(extent));
  return name + (layout == Layout::row_major ? "_plain" : "_blocked");
}

INSTANTIATE_TEST_SUITE_P(All, ActivationLayer,
                         ::testing::Combine(::testing::ValuesIn(functions), ::testing::ValuesIn(shapes),
                                            ::testing::Values(Layout::row_major, Layout::blocked)),
                         name_of);

TEST(FlattenLayer, KeepsTheOrderOfTheImage) {
  for (const Layout layout : {Layout::row_major, Layout::blocked}) {
    const Shape shape{2, 17, 3, 4};
    std::mt19937_64 generator(8);
    LayerRun run([](const auto& context) { return layers::make_flatten(context); }, shape, layout);
    const Shape flat{2, 17 * 3 * 4};
    const Array src = random_array(shape, generator);
    const Array diff_dst = random_array(flat, generator);
    expect_close(run.forward(src), reference::reshape(src, flat), "dst", 0.0);
    expect_close(run.backward(diff_dst), reference::reshape(diff_dst, shape), "diff_src", 0.0);
  }
}

}  // namespace
}  // namespace bnlab::layer_testing
