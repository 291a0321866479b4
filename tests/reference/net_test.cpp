// The network references: names, whole-network gradients against central differences, state over steps.

#include "reference/net.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "reference/array.h"
#include "reference/finite_differences.h"
#include "reference/networks.h"

namespace bnlab::reference {
namespace {

using Names = std::vector<std::string>;

std::vector<std::int32_t> cyclic_labels(std::int64_t batch, std::int64_t classes) {
  std::vector<std::int32_t> labels;
  for (std::int64_t n = 0; n < batch; ++n) labels.push_back(static_cast<std::int32_t>((3 * n + 1) % classes));
  return labels;
}

/// Running statistics that are not those of any batch, so that frozen differs from batch.
void disturb_states(Net& net, std::mt19937_64& generator) {
  for (const std::string& name : net.state_names()) {
    const bool variance = name.ends_with("variance");
    net.state(name) = random_uniform(net.state(name).shape, generator, variance ? 0.5 : -0.2, variance ? 1.5 : 0.2);
  }
}

/// Everything that decides on which linear piece a net with relu and max pools is: signs and winners.
std::vector<std::int64_t> piece(const Net& net, const Names& layers) {
  std::vector<std::int64_t> choices;
  for (const std::string& layer : layers) {
    if (layer.starts_with("activation"))
      for (const double x : net.src(layer).values) choices.push_back(x > 0.0);
    if (layer.starts_with("max_pool"))
      for (const std::int64_t winner : max_pool_winners(net.src(layer), {})) choices.push_back(winner);
  }
  return choices;
}

// ---- names and shapes ----------------------------------------------------------------------------------------------

TEST(ReferenceNet, M3HasTheNamesOfTheRunner) {
  EXPECT_EQ(m3(Placement::none).parameter_names(),
            (Names{"dense1.weights", "dense1.bias", "dense2.weights", "dense2.bias", "dense3.weights", "dense3.bias",
                   "dense4.weights", "dense4.bias"}));
  Net before = m3(Placement::before_activation);
  EXPECT_EQ(before.parameter_names(),
            (Names{"dense1.weights", "normalization1.gamma", "normalization1.beta", "dense2.weights",
                   "normalization2.gamma", "normalization2.beta", "dense3.weights", "normalization3.gamma",
                   "normalization3.beta", "dense4.weights", "dense4.bias"}));
  EXPECT_EQ(before.state_names(), (Names{"normalization1.running_mean", "normalization1.running_variance",
                                         "normalization2.running_mean", "normalization2.running_variance",
                                         "normalization3.running_mean", "normalization3.running_variance"}));
  EXPECT_EQ(before.value("dense1.weights").shape, (Shape{100, 784}));
  Names layers = m3(Placement::after_activation).layer_names();
  layers.resize(5);
  EXPECT_EQ(layers, (Names{"flatten1", "dense1", "activation1", "normalization1", "dense2"}));
  EXPECT_EQ(m3(Placement::after_activation).value("dense1.bias").shape, (Shape{100}));
}

TEST(ReferenceNet, V6HasTheShapesOfTheRunner) {
  Net net = v6(Placement::before_activation);
  EXPECT_EQ(net.value("conv1.weights").shape, (Shape{32, 1, 3, 3}));
  EXPECT_EQ(net.value("conv6.weights").shape, (Shape{128, 128, 3, 3}));
  EXPECT_EQ(net.value("normalization6.gamma").shape, (Shape{128}));
  EXPECT_EQ(net.value("dense1.weights").shape, (Shape{10, 1152}));
  EXPECT_THROW(net.value("conv1.bias"), std::invalid_argument);
  EXPECT_THROW(net.value("conv7.weights"), std::invalid_argument);
  EXPECT_THROW(net.value("conv1"), std::invalid_argument);
  EXPECT_THROW(net.state("normalization1.gamma"), std::invalid_argument);
}

// ---- gradients -----------------------------------------------------------------------------------------------------

struct NetCase {
  const char* name;
  Placement placement;
  Mode mode;
};
void PrintTo(const NetCase& c, std::ostream* out) { *out << c.name; }

class ReferenceNetGradients : public testing::TestWithParam<NetCase> {};

// M3 is smooth: the derivative along one random direction for each parameter checks all of its elements.
TEST_P(ReferenceNetGradients, M3AlongRandomDirections) {
  const Placement placement = GetParam().placement;
  const Mode mode = GetParam().mode;
  std::mt19937_64 generator(31);
  Net net = m3(placement);
  fill(net, generator);
  disturb_states(net, generator);
  Array src = random_uniform({7, 784}, generator, 0, 1);
  const std::vector<std::int32_t> labels = cyclic_labels(7, 10);
  net.gradients(src, labels, mode);
  const Array diff_src = net.diff_src("flatten1");
  const auto loss = [&] { return net.loss(src, labels, mode).loss; };
  const auto expect = [&](Array& x, const Array& gradient) {
    const Array direction = random_uniform(x.shape, generator, -1, 1);
    const double length = std::sqrt(dot(direction, direction));
    const double numeric = directional_derivative(loss, x, direction, 1e-2 / length);
    EXPECT_NEAR(dot(gradient, direction), numeric, 1e-7 * std::sqrt(dot(gradient, gradient)) * length);
  };
  for (const std::string& name : net.parameter_names()) {
    SCOPED_TRACE(name);
    const Array gradient = net.gradient(name);
    expect(net.value(name), gradient);
  }
  expect(src, diff_src);
}

// V6 with few channels on small images: single elements, and only where no relu or max pool changes its mind on the
// way.
TEST_P(ReferenceNetGradients, SmallV6ElementByElement) {
  const Placement placement = GetParam().placement;
  const Mode mode = GetParam().mode;
  std::mt19937_64 generator(32);
  Net net = conv_net({2, 9, 8}, {3, 4, 5}, 10, Activation::relu, placement, {.epsilon = 1e-3});
  fill(net, generator, 2.0);
  disturb_states(net, generator);
  Array src = random_uniform({4, 2, 9, 8}, generator, -1, 1);
  const std::vector<std::int32_t> labels = cyclic_labels(4, 10);
  net.gradients(src, labels, mode);
  const Array diff_src = net.diff_src("conv1");
  const Names layers = net.layer_names();
  const std::vector<std::int64_t> home = piece(net, layers);
  const double h = 1e-4;

  int checked = 0, skipped = 0;
  const auto expect = [&](Array& x, const Array& gradient) {
    for (int draw = 0; draw < 12; ++draw) {
      const std::size_t i = generator() % x.values.size();
      bool kink = false;
      const double numeric = central_difference(
          [&] {
            const double loss = net.loss(src, labels, mode).loss;
            kink = kink || piece(net, layers) != home;
            return loss;
          },
          x.values[i], h);
      if (kink) {
        ++skipped;
        continue;
      }
      ++checked;
      EXPECT_NEAR(gradient.values[i], numeric, 1e-7 * max_abs(gradient)) << "element " << i;
    }
  };
  for (const std::string& name : net.parameter_names()) {
    SCOPED_TRACE(name);
    const Array gradient = net.gradient(name);
    ASSERT_GT(max_abs(gradient), 0.0);
    expect(net.value(name), gradient);
  }
  expect(src, diff_src);
  EXPECT_GE(checked, 2 * skipped) << "too few elements lie away from kinks";
}

INSTANTIATE_TEST_SUITE_P(Arms, ReferenceNetGradients,
                         testing::Values(NetCase{"none_train", Placement::none, Mode::train},
                                         NetCase{"before_train", Placement::before_activation, Mode::train},
                                         NetCase{"before_batch", Placement::before_activation, Mode::batch},
                                         NetCase{"before_frozen", Placement::before_activation, Mode::frozen},
                                         NetCase{"after_train", Placement::after_activation, Mode::train},
                                         NetCase{"after_frozen", Placement::after_activation, Mode::frozen}),
                         [](const auto& instance) { return std::string(instance.param.name); });

// Every kind of layer that M3 and V6 don't have.
TEST(ReferenceNet, OtherLayersInAChain) {
  std::mt19937_64 generator(33);
  Net net;
  net.conv(2, 4, {3, 1}, {{2, 1}, {1, 0}, 2}).activation(Activation::tanh).avg_pool({{3, 3}, {2, 2}, {1, 1}});
  net.normalization(4, {.affine = false}).conv(4, 3, {1, 1}, {}).global_avg_pool().flatten().dense(3, 5);
  fill(net, generator);
  Array src = random_uniform({3, 2, 7, 6}, generator, -1, 1);
  const std::vector<std::int32_t> labels = cyclic_labels(3, 5);
  net.gradients(src, labels, Mode::train);
  const auto loss = [&] { return net.loss(src, labels, Mode::train).loss; };
  const Array diff_src = net.diff_src("conv1");
  EXPECT_LE(max_relative_error(diff_src, numeric_gradient(loss, src)), 1e-7);
  for (const std::string& name : net.parameter_names()) {
    SCOPED_TRACE(name);
    const Array gradient = net.gradient(name);
    EXPECT_LE(max_relative_error(gradient, numeric_gradient(loss, net.value(name))), 1e-7);
  }
}

/// Every gradient of a smooth net, element by element.
void expect_gradients(Net net, const Shape& src_shape, std::int64_t classes, Mode mode, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  fill(net, generator);
  disturb_states(net, generator);
  Array src = random_uniform(src_shape, generator, -1, 1);
  const std::vector<std::int32_t> labels = cyclic_labels(src_shape[0], classes);
  net.gradients(src, labels, mode);
  const Array diff_src = net.diff_src(net.layer_names().front());
  const auto loss = [&] { return net.loss(src, labels, mode).loss; };
  EXPECT_LE(max_relative_error(diff_src, numeric_gradient(loss, src)), 1e-7) << "src";
  for (const std::string& name : net.parameter_names()) {
    const Array gradient = net.gradient(name);
    EXPECT_GT(max_abs(gradient), 0.0) << name;
    EXPECT_LE(max_relative_error(gradient, numeric_gradient(loss, net.value(name))), 1e-7) << name;
  }
}

Net smooth_block(std::int64_t inputs, std::int64_t outputs, std::int64_t stride) {
  Net net;
  net.conv(inputs, outputs, {3, 3}, {{stride, stride}, {1, 1}, 1}, false).normalization(outputs);
  return net.activation(Activation::tanh);
}

TEST(ReferenceNet, ResidualBlocks) {
  Net projection;
  projection.conv(3, 4, {1, 1}, {{2, 2}, {0, 0}, 1}, false).normalization(4);
  Net net;
  net.conv(2, 3, {3, 3}, {{1, 1}, {1, 1}, 1}).residual(smooth_block(3, 3, 1), {}, true);
  net.residual(smooth_block(3, 4, 2), projection).residual(smooth_block(4, 5, 2), Net().padding_shortcut(5, 2));
  net.global_avg_pool().flatten();
  EXPECT_EQ(net.parameter_names(),
            (Names{"conv1.weights", "conv1.bias", "residual1.scalar", "conv2.weights", "normalization1.gamma",
                   "normalization1.beta", "conv3.weights", "normalization2.gamma", "normalization2.beta",
                   "conv4.weights", "normalization3.gamma", "normalization3.beta", "conv5.weights",
                   "normalization4.gamma", "normalization4.beta"}));
  for (const Mode mode : {Mode::train, Mode::frozen}) expect_gradients(net, {3, 2, 5, 4}, 5, mode, 41);
}

TEST(ReferenceNet, ResidualAddsItsShortcut) {
  Net net;
  net.residual(Net().activation(Activation::tanh), {}, true);
  net.value("residual1.scalar").values[0] = 0.5;
  const Array src{{1, 2}, {1.0, -2.0}};
  EXPECT_EQ(net.forward(src, Mode::train).values,
            (std::vector<double>{1.0 + 0.5 * std::tanh(1.0), -2.0 + 0.5 * std::tanh(-2.0)}));
}

TEST(ReferenceNet, PaddingShortcutTakesEveryOtherPixelAndNewChannelsAreZero) {
  Net net;
  net.padding_shortcut(2, 2);
  const Array dst = net.forward({{1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}}, Mode::train);
  EXPECT_EQ(dst.shape, (Shape{1, 2, 2, 2}));
  EXPECT_EQ(dst.values, (std::vector<double>{1, 3, 7, 9, 0, 0, 0, 0}));
}

TEST(ReferenceNet, ConcatOfBranches) {
  Net inner;
  inner.residual(smooth_block(2, 2, 1), {}).conv(2, 3, {1, 1}, {});
  Net net;
  net.concat({smooth_block(2, 4, 1), {}, inner}).activation(Activation::sigmoid).conv(9, 3, {1, 1}, {});
  net.global_avg_pool().flatten();
  for (const Mode mode : {Mode::train, Mode::frozen}) expect_gradients(net, {3, 2, 3, 4}, 3, mode, 42);
}

TEST(ReferenceNet, ConcatKeepsTheOrderOfItsBranches) {
  Net net;
  net.concat({{}, Net().activation(Activation::relu)});
  const Array dst = net.forward({{2, 2}, {1, -2, -3, 4}}, Mode::train);
  EXPECT_EQ(dst.shape, (Shape{2, 4}));
  EXPECT_EQ(dst.values, (std::vector<double>{1, -2, 1, 0, -3, 4, 0, 4}));
}

TEST(ReferenceNet, RecurrentLayers) {
  for (const StepStatistics statistics : {StepStatistics::none, StepStatistics::per_step, StepStatistics::shared})
    for (const Mode mode : {Mode::train, Mode::frozen}) {
      Net net;
      net.recurrent(6, 5, 4, Activation::tanh, statistics, {.epsilon = 1e-2}).dense(5, 3);
      expect_gradients(net, {4, 2, 4, 3}, 3, mode, 43);
    }
}

// Two steps of one unit, by hand: h_2 = tanh(w_x x_2 + w_h tanh(w_x x_1 + b) + b).
TEST(ReferenceNet, RecurrentLayerByHand) {
  Net net;
  net.recurrent(1, 1, 2, Activation::tanh, StepStatistics::none);
  net.value("recurrent1.input_weights").values = {0.5};
  net.value("recurrent1.hidden_weights").values = {2.0};
  net.value("recurrent1.bias").values = {0.25};
  const Array dst = net.forward({{1, 1, 2, 1}, {1.0, -3.0}}, Mode::train);
  EXPECT_NEAR(dst.values[0], std::tanh(-1.5 + 2.0 * std::tanh(0.75) + 0.25), 1e-15);
}

TEST(ReferenceNet, RecurrentStatisticsOfEachStepOrTheirAverage) {
  std::mt19937_64 generator(44);
  const Array src = random_uniform({4, 1, 3, 2}, generator, -1, 1);
  Net each, shared;
  each.recurrent(2, 3, 3, Activation::tanh, StepStatistics::per_step, {.running_average_decay = 0.75});
  shared.recurrent(2, 3, 3, Activation::tanh, StepStatistics::shared, {.running_average_decay = 0.75});
  fill(each, generator);
  for (const std::string& name : each.parameter_names()) shared.value(name) = each.value(name);
  EXPECT_EQ(each.forward(src, Mode::train).values, shared.forward(src, Mode::train).values);
  EXPECT_EQ(each.state_names().size(), 6U);
  EXPECT_EQ(shared.state_names(), (Names{"normalization1.running_mean", "normalization1.running_variance"}));
  for (std::size_t u = 0; u < 3; ++u)
    for (const char* state : {"running_mean", "running_variance"}) {
      double sum = 0.0;
      for (const char* step : {"step1.", "step2.", "step3."})
        sum += each.state(std::string("normalization1.") + step + state).values[u];
      EXPECT_NEAR(shared.state(std::string("normalization1.") + state).values[u], sum / 3.0, 1e-15) << state;
    }
}

TEST(ReferenceNet, DropoutTakesItsMaskInTrainingAlone) {
  Net net;
  net.dropout({{1, 3}, {1, 0, 1}}, 0.75);
  const Array src{{1, 3}, {1, 2, 3}};
  EXPECT_EQ(net.forward(src, Mode::train).values, (std::vector<double>{4, 0, 12}));
  EXPECT_EQ(net.backward({{1, 3}, {1, 1, 1}}).values, (std::vector<double>{4, 0, 4}));
  EXPECT_EQ(net.forward(src, Mode::frozen).values, src.values);
}

// BN((aW)u) = BN(Wu) where epsilon is 0, so the loss doesn't change along W: <W, dL/dW> = 0, at full size.
TEST(ReferenceNet, V6GradientIsOrthogonalToNormalizedWeights) {
  std::mt19937_64 generator(34);
  Net net = v6(Placement::before_activation, {.epsilon = 0.0});
  fill(net, generator);
  const Loss result = net.gradients(random_uniform({2, 1, 28, 28}, generator, 0, 1), {3, 8}, Mode::train);
  EXPECT_TRUE(std::isfinite(result.loss));
  for (int layer = 1; layer <= 6; ++layer) {
    const std::string name = "conv" + std::to_string(layer) + ".weights";
    const Array& gradient = net.gradient(name);
    EXPECT_GT(max_abs(gradient), 1e-6);
    EXPECT_LE(std::abs(dot(net.value(name), gradient)), 1e-10 * max_abs(gradient)) << name;
  }
}

// ---- state ---------------------------------------------------------------------------------------------------------

TEST(ReferenceNet, OnlyTrainingForwardsMoveTheRunningStatistics) {
  std::mt19937_64 generator(35);
  Net net = mlp({6, 5, 3}, Activation::tanh, Placement::before_activation, {.running_average_decay = 0.75});
  fill(net, generator);
  const std::vector<std::int32_t> labels = cyclic_labels(4, 3);
  Array mean = zeros({5}), variance = full({5}, 1.0);
  for (int step = 0; step < 3; ++step) {
    const Array src = random_uniform({4, 6}, generator, -1, 1);
    net.train_step(src, labels, {});
    update_running_statistics(mean, variance, batch_statistics(net.src("normalization1")), 0.75, true);
    net.gradients(random_uniform({2, 6}, generator, 5, 6), {0, 1}, Mode::frozen);
    net.gradients(random_uniform({2, 6}, generator, 5, 6), {0, 1}, Mode::batch);
    EXPECT_EQ(net.state("normalization1.running_mean").values, mean.values);
    EXPECT_EQ(net.state("normalization1.running_variance").values, variance.values);
  }
}

TEST(ReferenceNet, ActivationsAndTheirGradientsCanBeRead) {
  std::mt19937_64 generator(36);
  Net net = mlp({4, 3, 2}, Activation::sigmoid, Placement::none);
  fill(net, generator);
  const Array src = random_uniform({5, 4}, generator, -1, 1);
  net.gradients(src, cyclic_labels(5, 2), Mode::train);
  EXPECT_EQ(net.src("activation1").values, net.dst("dense1").values);
  EXPECT_EQ(net.dst("activation1").values, activation_forward(net.src("activation1"), Activation::sigmoid).values);
  EXPECT_EQ(net.diff_src("activation1").values, net.diff_dst("dense1").values);
  EXPECT_EQ(net.gradient("dense2.bias").shape, (Shape{2}));
}

TEST(ReferenceNet, DecayLeavesNormalizationAndBiasesAloneUnlessToldOtherwise) {
  std::mt19937_64 generator(37);
  Net net = mlp({4, 3, 2}, Activation::tanh, Placement::before_activation);
  fill(net, generator);
  Net other = net;  // gradients are 0: only decay moves anything
  const Sgd sgd{.learning_rate = 1.0, .weight_decay = 0.5};
  net.sgd_step(sgd);
  for (const char* name : {"normalization1.gamma", "normalization1.beta", "dense2.bias"})
    EXPECT_EQ(net.value(name).values, other.value(name).values) << name;
  EXPECT_DOUBLE_EQ(net.value("dense1.weights").values[0], 0.5 * other.value("dense1.weights").values[0]);
  net = other;
  net.sgd_step({.learning_rate = 1.0, .weight_decay = 0.5, .decay_normalization_and_biases = true});
  for (const std::string& name : net.parameter_names())
    EXPECT_DOUBLE_EQ(net.value(name).values[0], 0.5 * other.value(name).values[0]) << name;
}

TEST(ReferenceNet, StepsLearnABatchByHeart) {
  std::mt19937_64 generator(38);
  Net net = conv_net({1, 8, 8}, {4, 4}, 3, Activation::relu, Placement::before_activation);
  fill(net, generator);
  const Array src = random_uniform({6, 1, 8, 8}, generator, -1, 1);
  const std::vector<std::int32_t> labels = cyclic_labels(6, 3);
  const double before = net.loss(src, labels, Mode::train).loss;
  for (int step = 0; step < 60; ++step) net.train_step(src, labels, {.learning_rate = 0.1, .momentum = 0.9});
  const Loss batch = net.loss(src, labels, Mode::batch), frozen = net.loss(src, labels, Mode::frozen);
  EXPECT_LT(batch.loss, 0.01 * before);
  EXPECT_EQ(batch.accuracy, 1.0);
  EXPECT_EQ(frozen.accuracy, 1.0) << "the running statistics have come close to those of the one batch";
}

}  // namespace
}  // namespace bnlab::reference
