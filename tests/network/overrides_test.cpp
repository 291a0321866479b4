// Settings for some layers and parameters alone.
#include <cmath>

#include "network/initialization_testing.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::network_testing {
namespace {

TEST(InitializationOverrides, TheLastThatFitsCounts) {
  const auto std_of = [](const std::string& name, const std::vector<InitializationOverride>& overrides) {
    const auto values = network::initial_value(
        weights(name), config_of({.scheme = InitializationScheme::gaussian, .std = 1.0}, overrides), 1);
    double squares = 0;
    for (const float value : values) squares += std::pow(static_cast<double>(value), 2);
    return std::sqrt(squares / 120000.0);
  };
  const auto gaussian = [](const std::string& layers, double std) {
    return override_of(layers, {.scheme = InitializationScheme::gaussian, .std = std});
  };
  const std::vector<InitializationOverride> overrides{gaussian("*", 2), gaussian("conv*", 4), gaussian("conv*2", 8),
                                                      gaussian("d*s*1", 16)};
  const std::vector<std::pair<std::string, double>> expected{{"pool1", 2},    {"conv1", 4},  {"conv12", 8},
                                                             {"conv2", 8},    {"conv21", 4}, {"dense1", 16},
                                                             {"dense11", 16}, {"ds1", 16},   {"dense12", 2}};
  for (const auto& [layer, std] : expected)
    EXPECT_NEAR(std_of(layer + ".weights", overrides), std, 0.02 * std) << layer;
  EXPECT_NEAR(std_of("conv1.weights", {gaussian("conv", 2), gaussian("onv1", 2), gaussian("conv1*1", 2)}), 1.0, 0.02);
}

TEST(InitializationOverrides, ReachTheLayersOfANetwork) {
  const auto network =
      network_of(conv_block(17, config::Activation::relu), config::Flatten{}, config::Dense{.units = 10});
  config::RunConfig config = run_config(network);
  config.initialization = config_of({}, {override_of("dense1", {.scheme = InitializationScheme::uniform, .bound = 0.0}),
                                         override_of("conv1", {.scheme = InitializationScheme::pytorch})});
  const NpzArrays values = Network(config, dataset_of(3, 6, 6, 10), 2).weights();
  const auto largest = [&](const std::string& name) { return reference::max_abs(to_array(values.at(name))); };
  EXPECT_EQ(largest("dense1.weights"), 0.0);
  const double bound = 1.0 / std::sqrt(27.0);
  for (const char* name : {"conv1.weights", "conv1.bias"}) {
    EXPECT_LE(largest(name), bound) << name;
    EXPECT_GT(largest(name), 0.5 * bound) << name;
  }
  EXPECT_EQ(largest("dense1.bias"), 0.0);
}

TEST(InitializationOverrides, MustFitALayerWithWeights) {
  const auto network =
      network_of(conv_block(17, config::Activation::relu), config::Flatten{}, config::Dense{.units = 10});
  const auto text = [&](const std::string& pattern) {
    config::RunConfig config = run_config(network, config::NormalizationType::batch);
    config.initialization = config_of({}, {override_of("*", {}), override_of(pattern, {})});
    const data::DatasetInfo dataset = dataset_of(3, 6, 6, 10);
    const std::string checked = test::error_text<ConfigError>([&] { network::check(config, dataset); });
    EXPECT_EQ(test::error_text<ConfigError>([&] { Network(config, dataset, 2); }), checked);
    return checked;
  };
  EXPECT_EQ(text("cnv1"),
            "initialization.overrides.1.layers: \"cnv1\" matches no layer with weights; did you mean \"conv1\"?");
  EXPECT_EQ(text("desne*"),
            "initialization.overrides.1.layers: \"desne*\" matches no layer with weights; did you mean \"dense*\"?");
  test::expect_contains(text("normalization1"),
                        "\"normalization1\" matches no layer with weights; there are conv1, dense1");
  test::expect_contains(text("conv1.weights"), "\"conv1.weights\" matches no layer with weights");
}

TEST(OptimizerOverrides, MustFitAParameter) {
  const auto network =
      network_of(conv_block(17, config::Activation::relu), config::Flatten{}, config::Dense{.units = 10});
  const auto text = [&](const std::string& pattern) {
    config::RunConfig config = run_config(network, config::NormalizationType::batch);
    config.optimizer.overrides = {{.parameters = "*.gamma"}, {.parameters = pattern}};
    return test::error_text<ConfigError>([&] { network::check(config, dataset_of(3, 6, 6, 10)); });
  };
  EXPECT_EQ(
      text("dense1.wieghts"),
      "optimizer.overrides.1.parameters: \"dense1.wieghts\" matches no parameter; did you mean \"dense1.weights\"?");
  EXPECT_EQ(text("conv.weights"),
            "optimizer.overrides.1.parameters: \"conv.weights\" matches no parameter; did you mean \"conv1.weights\"?");
  test::expect_contains(text("scalar"), "there are conv1.weights, normalization1.gamma, normalization1.beta");
}

}  // namespace
}  // namespace bnlab::network_testing
