// Whole networks with each type of normalization, with smooth functions throughout: all gradients and a few steps of
// training against double precision, and the noisy types, which no reference knows, against differences of their loss.
#include "config/names.h"
#include "network/network_testing.h"
#include "training/optimizer.h"

namespace bnlab::network_testing {
namespace {

using config::Activation;
using config::LpNorm;
using config::NormalizationConfig;
using config::NormalizationType;
using config::RampUnit;
using reference::Method;
using reference::Mode;
using reference::Net;
using reference::NormalizationOptions;
using reference::StepStatistics;

/// A type and its reference.
struct Kind {
  std::string name;
  NormalizationConfig config;
  NormalizationOptions options;
  bool has_bias = false;  // the linear layer before it
  Mode mode = Mode::train;
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }

NormalizationConfig config_of(NormalizationType type) {
  NormalizationConfig config;
  config.type = type;
  return config;
}

Kind kind_of(NormalizationType type) {
  Kind kind;
  kind.name = config::name_of(type);
  kind.config = config_of(type);
  return kind;
}

/// Its limits rise over the first three training steps.
Kind batch_renorm() {
  Kind kind = kind_of(NormalizationType::batch_renorm);
  kind.config.r_max = {.initial = 1.1, .final = 1.5, .begin = 1, .end = 3, .unit = RampUnit::steps};
  kind.config.d_max = {.initial = 0.1, .final = 0.5, .begin = 1, .end = 3, .unit = RampUnit::steps};
  kind.options.method = Method::renorm;
  kind.options.r_max = {1.1, 1.3, 1.5};
  kind.options.d_max = {0.1, 0.3, 0.5};
  return kind;
}

Kind ghost(std::int64_t images) {
  Kind kind = kind_of(NormalizationType::ghost);
  kind.name += "_" + std::to_string(images);
  kind.config.virtual_batch_size = kind.options.virtual_batch_size = images;
  kind.config.epsilon = kind.options.epsilon = 0.1;  // few values may have next to no variance
  kind.options.method = Method::ghost;
  return kind;
}

Kind lp(LpNorm norm) {
  Kind kind = kind_of(NormalizationType::lp);
  kind.name += "_" + config::name_of(norm);
  kind.config.norm = norm;
  kind.options.method = Method::lp;
  kind.options.norm = norm == LpNorm::l1   ? reference::Norm::l1
                      : norm == LpNorm::l2 ? reference::Norm::l2
                                           : reference::Norm::linf;
  return kind;
}

Kind layer(config::LayerNormOver over) {
  Kind kind = kind_of(NormalizationType::layer);
  kind.name += "_over_" + config::name_of(over);
  kind.config.over = over;
  kind.options.method = over == config::LayerNormOver::image ? Method::group : Method::positions;
  kind.has_bias = true;
  return kind;
}

Kind group() {
  Kind kind = kind_of(NormalizationType::group);
  kind.config.groups = kind.options.groups = 3;
  kind.options.method = Method::group;
  kind.has_bias = true;
  return kind;
}

/// Of 18 channels.
Kind instance() {
  Kind kind = kind_of(NormalizationType::instance);
  kind.options.method = Method::group;
  kind.options.groups = 18;
  return kind;
}

Kind local_response() {
  Kind kind = kind_of(NormalizationType::local_response);
  kind.config.local_response = {.size = 3, .alpha = 0.5, .beta = 0.75, .k = 1.0};
  kind.options.method = Method::local_response;
  kind.options.local_response_constants = {3, 0.5, 0.75, 1.0};
  kind.has_bias = true;
  return kind;
}

Kind frozen() {
  Kind kind = kind_of(NormalizationType::frozen);
  kind.mode = Mode::frozen;
  return kind;
}

/// A network and its twin.
struct Example {
  config::RunConfig config;
  data::DatasetInfo dataset;
  Net net;
};

Example conv_network(const Kind& kind) {
  Example example{
      run_config(network_of(conv_block(18, Activation::tanh), config::AvgPool{}, conv_block(18, Activation::tanh),
                            config::Flatten{}, config::Dense{.units = 5})),
      dataset_of(2, 6, 8, 5),
      {}};
  const reference::ConvGeometry same{{1, 1}, {1, 1}, 1};
  example.net.conv(2, 18, {3, 3}, same, kind.has_bias).normalization(18, kind.options);
  example.net.activation(reference::Activation::tanh).avg_pool();
  example.net.conv(18, 18, {3, 3}, same, kind.has_bias).normalization(18, kind.options);
  example.net.activation(reference::Activation::tanh).flatten().dense(18 * 12, 5);
  example.config.normalization = kind.config;
  return example;
}

Example dense_network(const Kind& kind) {
  Example example{run_config(network_of(config::Flatten{}, dense_block(18, Activation::tanh),
                                        dense_block(12, Activation::tanh), config::Dense{.units = 5})),
                  dataset_of(1, 3, 7, 5),
                  {}};
  example.net.flatten().dense(21, 18, kind.has_bias).normalization(18, kind.options);
  example.net.activation(reference::Activation::tanh).dense(18, 12, kind.has_bias).normalization(12, kind.options);
  example.net.activation(reference::Activation::tanh).dense(12, 5);
  example.config.normalization = kind.config;
  return example;
}

Example recurrent_network(const Kind& kind, StepStatistics statistics) {
  Example example{
      run_config(network_of(config::Recurrent{.units = 18}, config::Dense{.units = 5})), dataset_of(2, 4, 3, 5), {}};
  example.net.recurrent(6, 18, 4, reference::Activation::tanh, statistics, kind.options).dense(18, 5);
  example.config.normalization = kind.config;
  if (statistics == StepStatistics::shared)
    example.config.normalization.recurrent_statistics = config::RecurrentStatistics::shared;
  return example;
}

// A smaller ghost batch comes last, of three examples, of two, or of one image.
constexpr std::int64_t batch_size = 11;

/// Four steps with momentum: the loss and all gradients of each, and what parameters and statistics have become.
void expect_training_equals(const Example& of, Mode mode) {
  Net net = of.net;
  std::mt19937_64 generator(51);
  reference::fill(net, generator, 1.2);
  constexpr std::int64_t steps = 4;
  Network network(of.config, of.dataset, batch_size);
  copy_weights(net, network);
  const config::OptimizerConfig optimizer_config = with_momentum(0.5, 0.0);
  const auto optimizer = training::make_optimizer(optimizer_config, network.parameters(), 1);
  for (std::int64_t step = 1; step <= steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const Batch batch = random_batch(of.dataset, batch_size, generator);
    network.train().set_step(step, steps);
    forward_backward(network.train(), batch);
    network.update_running_statistics();
    const double expected = net.gradients(batch.images, batch.labels, mode).loss;
    EXPECT_NEAR(network.train().loss(), expected, tolerance * expected);
    expect_same_gradients(network, net);
    optimizer->step(0.05);
    net.sgd_step({.learning_rate = 0.05, .momentum = 0.5});
  }
  expect_same_weights(network, net, tolerance);
}

/// From statistics of other data, and over steps of training.
void expect_equals(const Example& example, Mode mode) {
  Net net = example.net;
  expect_reference(example.config, example.dataset, net, batch_size, mode);
  expect_training_equals(example, mode);
}

class NormalizedNetwork : public ::testing::TestWithParam<Kind> {
 protected:
  static void check(const Example& example) { expect_equals(example, GetParam().mode); }
};

TEST_P(NormalizedNetwork, OfConvBlocksEqualsTheReference) { check(conv_network(GetParam())); }

TEST_P(NormalizedNetwork, OfDenseBlocksEqualsTheReference) {
  const NormalizationConfig& config = GetParam().config;
  if (config.type == NormalizationType::instance) return;                        // of vectors there is none
  if (batch_size % config.virtual_batch_size.value_or(batch_size) == 1) return;  // nor of one vector
  check(dense_network(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(All, NormalizedNetwork,
                         ::testing::Values(kind_of(NormalizationType::batch), frozen(), batch_renorm(), ghost(5),
                                           ghost(4), layer(config::LayerNormOver::image),
                                           layer(config::LayerNormOver::position), instance(), group(), lp(LpNorm::l1),
                                           lp(LpNorm::l2), lp(LpNorm::linf), local_response()),
                         [](const auto& test) { return test.param.name; });

// ---- recurrent blocks ----------------------------------------------------------------------------------------------

// gamma and beta are the block's, applied once to what the normalization of a step gives.
class NormalizedRecurrentBlock : public ::testing::TestWithParam<std::tuple<Kind, StepStatistics>> {};

TEST_P(NormalizedRecurrentBlock, EqualsTheReference) {
  const auto& [kind, statistics] = GetParam();
  expect_equals(recurrent_network(kind, statistics), kind.mode);
}

INSTANTIATE_TEST_SUITE_P(All, NormalizedRecurrentBlock,
                         ::testing::Combine(::testing::Values(layer(config::LayerNormOver::image), batch_renorm(),
                                                              ghost(3), lp(LpNorm::l1), lp(LpNorm::l2),
                                                              lp(LpNorm::linf), group()),
                                            ::testing::Values(StepStatistics::per_step, StepStatistics::shared)),
                         [](const auto& test) {
                           return std::get<0>(test.param).name +
                                  (std::get<1>(test.param) == StepStatistics::shared ? "_shared" : "_per_step");
                         });

// ---- noise ---------------------------------------------------------------------------------------------------------

// The noise of a step is a constant for the gradient, so the loss of the step is a function of the parameters like any
// other. It is f32: its rounding of 1e-7 makes 1e-5 of fourth-order differences with steps of 0.01, and the gradients
// are 0.1 to 1 long. 4e-5 of their length is measured; a factor s or gamma left out would be 0.1 and more.
constexpr double of_differences = 3e-4;

void expect_gradients_of_own_loss(const config::RunConfig& config, const data::DatasetInfo& dataset) {
  Network network(config, dataset, batch_size);
  std::mt19937_64 generator(52);
  for (const auto& parameter : network.parameters().all()) {
    const bool is_gamma = parameter->kind == layers::ParameterKind::gamma;
    parameter->set_row_major_value(reference::to_floats(
        reference::random_uniform(parameter->shape, generator, is_gamma ? 0.8 : -0.4, is_gamma ? 1.2 : 0.4)));
  }
  const Batch batch = random_batch(dataset, batch_size, generator);
  network.train().set_step(3, 10);
  forward_backward(network.train(), batch);
  const NpzArrays gradients = network.gradients();
  for (const auto& parameter : network.parameters().all()) {
    const Array gradient = to_array(gradients.at(parameter->name));
    const double length = std::sqrt(reference::dot(gradient, gradient));
    ASSERT_GT(length, 1e-3) << parameter->name;
    Array value = reference::from_floats(parameter->shape, parameter->row_major_value());
    // Along the gradient, and aside of it.
    Array direction = layer_testing::random_array(gradient.shape, generator);
    const double random_length = std::sqrt(reference::dot(direction, direction));
    for (const double share : {0.0, 0.5}) {
      Array along = gradient;
      for (std::size_t i = 0; i < along.values.size(); ++i)
        along.values[i] = (1 - share) * gradient.values[i] / length + share * direction.values[i] / random_length;
      const double slope = reference::directional_derivative(
          [&] {
            parameter->set_row_major_value(reference::to_floats(value));
            return loss_of(network.train(), batch);
          },
          value, along, 0.01);
      parameter->set_row_major_value(reference::to_floats(value));
      const double expected = reference::dot(gradient, along);
      ::testing::Test::RecordProperty(parameter->name + (share > 0 ? " aside" : " along"),
                                      std::to_string(std::abs(slope - expected) / length * 1e6) + "e-6");
      EXPECT_NEAR(slope, expected, of_differences * length) << parameter->name << " " << share;
    }
  }
}

class NoisyNetwork : public ::testing::TestWithParam<NormalizationType> {};

TEST_P(NoisyNetwork, HasTheGradientsOfItsLoss) {
  Kind kind = kind_of(GetParam());
  for (const Example& network : {conv_network(kind), dense_network(kind)})
    expect_gradients_of_own_loss(network.config, network.dataset);
}

TEST_P(NoisyNetwork, WithARecurrentBlockHasTheGradientsOfItsLoss) {
  const Example network = recurrent_network(kind_of(GetParam()), StepStatistics::per_step);
  expect_gradients_of_own_loss(network.config, network.dataset);
}

INSTANTIATE_TEST_SUITE_P(All, NoisyNetwork, ::testing::Values(NormalizationType::noise, NormalizationType::noisy_batch),
                         [](const auto& test) { return config::name_of(test.param); });

}  // namespace
}  // namespace bnlab::network_testing
