#include "network/initialization.h"

#include <cmath>

#include "network/network_testing.h"

namespace bnlab::network_testing {
namespace {

using config::Distribution;
using config::InitializationConfig;
using config::InitializationScheme;

layers::Parameter weights(const std::string& name = "dense1.weights") {
  return {.name = name, .kind = layers::ParameterKind::weights, .shape = {400, 300}, .fan_in = 300, .fan_out = 400};
}

struct Case {
  std::string name;
  InitializationConfig config;
  double std;
  bool normal;
};

class Initialization : public ::testing::TestWithParam<Case> {};

// Of n = 120,000 values the mean lies within 5 std / sqrt(n), the variance within 5 sqrt(2 / n) of it, relative.
TEST_P(Initialization, HasItsMoments) {
  const Case& c = GetParam();
  const std::vector<float> values = network::initial_value(weights(), c.config, 3);
  const auto n = static_cast<double>(values.size());
  ASSERT_EQ(values.size(), 120000U);
  double sum = 0, squares = 0, fourth = 0, largest = 0;
  for (const float value : values) sum += static_cast<double>(value);
  const double mean = sum / n;
  for (const float value : values) {
    const double d = static_cast<double>(value) - mean;
    squares += d * d;
    fourth += d * d * d * d;
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  const double variance = squares / n;
  EXPECT_NEAR(mean, 0.0, 5.0 * c.std / std::sqrt(n));
  EXPECT_NEAR(variance / (c.std * c.std), 1.0, 5.0 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourth / n / (variance * variance), c.normal ? 3.0 : 1.8, 0.1);
  if (c.normal)
    EXPECT_GT(largest, 3.5 * c.std);
  else
    EXPECT_LE(largest, std::sqrt(3.0) * c.std * (1.0 + 1e-6));
}

const double xavier = std::sqrt(2.0 / 700.0);
const double he = std::sqrt(2.0 / 300.0);

INSTANTIATE_TEST_SUITE_P(
    Schemes, Initialization,
    ::testing::Values(
        Case{"gaussian", {.scheme = InitializationScheme::gaussian, .std = 0.02}, 0.02, true},
        Case{"gaussian_gain", {.scheme = InitializationScheme::gaussian, .std = 0.02, .gain = 3.0}, 0.06, true},
        Case{"uniform", {.scheme = InitializationScheme::uniform, .bound = 0.3}, 0.3 / std::sqrt(3.0), false},
        Case{"uniform_gain",
             {.scheme = InitializationScheme::uniform, .bound = 0.3, .gain = 0.5},
             0.15 / std::sqrt(3.0),
             false},
        Case{"xavier_normal", {.scheme = InitializationScheme::xavier}, xavier, true},
        Case{"xavier_uniform",
             {.scheme = InitializationScheme::xavier, .distribution = Distribution::uniform},
             xavier,
             false},
        Case{"he_normal", {.scheme = InitializationScheme::he}, he, true},
        Case{"he_normal_gain", {.scheme = InitializationScheme::he, .gain = 2.0}, 2.0 * he, true},
        Case{"he_uniform", {.scheme = InitializationScheme::he, .distribution = Distribution::uniform}, he, false},
        Case{"he_uniform_gain",
             {.scheme = InitializationScheme::he, .distribution = Distribution::uniform, .gain = 0.1},
             0.1 * he,
             false}),
    [](const auto& test) { return test.param.name; });

TEST(InitialValues, DependOnSeedAndNameAlone) {
  const InitializationConfig config;
  const std::vector<float> values = network::initial_value(weights(), config, 3);
  EXPECT_EQ(network::initial_value(weights(), config, 3), values);
  EXPECT_NE(network::initial_value(weights(), config, 4), values);
  EXPECT_NE(network::initial_value(weights("dense2.weights"), config, 3), values);
}

TEST(InitialValues, OfBiasesGammaAndBetaAreConstant) {
  for (const auto kind : {layers::ParameterKind::bias, layers::ParameterKind::gamma, layers::ParameterKind::beta}) {
    const layers::Parameter parameter{.name = "any", .kind = kind, .shape = {5}, .initial_value = 0.75};
    EXPECT_EQ(network::initial_value(parameter, {.gain = 9.0}, 1), std::vector<float>(5, 0.75f));
  }
}

TEST(InitialValues, OfTwoArmsAreTheSameWeights) {
  const auto network = network_of(conv_block(17, config::Activation::relu), config::Flatten{},
                                  dense_block(20, config::Activation::relu), config::Dense{.units = 10});
  const data::DatasetInfo dataset = dataset_of(3, 6, 6, 10);
  const NpzArrays without = Network(run_config(network), dataset, 4).weights();
  for (const std::int64_t batch_size : {4, 9}) {  // nor on the layout that suits a batch
    const NpzArrays with =
        Network(run_config(network, config::NormalizationType::batch), dataset, batch_size).weights();
    for (const char* name : {"conv1.weights", "dense1.weights", "dense2.weights"})
      EXPECT_TRUE(with.at(name).values == without.at(name).values) << name;
  }
}

// The spread follows the fans of each layer: a convolution's are its window's, divided by the groups.
TEST(InitialValues, KnowTheFansOfEachLayer) {
  config::Conv grouped{.channels = 64, .kernel = {5, 3}, .groups = 2};
  Network network(
      run_config(network_of(config::Conv{.channels = 32}, grouped, config::Flatten{}, config::Dense{.units = 10})),
      dataset_of(3, 4, 4, 10), 2);
  const auto expect_fans = [&](std::size_t index, const std::string& name, std::int64_t fan_in, std::int64_t fan_out) {
    const layers::Parameter& parameter = *network.parameters().all()[index];
    EXPECT_EQ(parameter.name, name);
    EXPECT_EQ(parameter.fan_in, fan_in) << name;
    EXPECT_EQ(parameter.fan_out, fan_out) << name;
  };
  expect_fans(0, "conv1.weights", 3 * 9, 32 * 9);
  expect_fans(2, "conv2.weights", 16 * 15, 32 * 15);
  expect_fans(4, "dense1.weights", 64 * 16, 10);
}

}  // namespace
}  // namespace bnlab::network_testing
