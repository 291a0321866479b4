#include "network/initialization.h"

#include <cmath>

#include "layers/conv.h"
#include "network/initialization_testing.h"
#include "network/network_testing.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::network_testing {
namespace {

struct Case {
  std::string name;
  WeightInitialization config;
  double std;
  bool normal;
};

class Initialization : public ::testing::TestWithParam<Case> {};

// Of n = 120,000 values the mean lies within 5 std / sqrt(n), the variance within 5 sqrt(2 / n) of it, relative.
TEST_P(Initialization, HasItsMoments) {
  const Case& c = GetParam();
  const std::vector<float> values = network::initial_value(weights(), config_of(c.config), 3);
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
             false},
        Case{"xavier_fan_in", {.scheme = InitializationScheme::xavier, .fan = Fan::in}, std::sqrt(1.0 / 300.0), true},
        Case{"xavier_fan_out", {.scheme = InitializationScheme::xavier, .fan = Fan::out}, std::sqrt(1.0 / 400.0), true},
        Case{"he_fan_out", {.scheme = InitializationScheme::he, .fan = Fan::out}, std::sqrt(2.0 / 400.0), true},
        Case{"he_fan_average", {.scheme = InitializationScheme::he, .fan = Fan::average}, std::sqrt(2.0 / 350.0), true},
        Case{"pytorch", {.scheme = InitializationScheme::pytorch}, std::sqrt(1.0 / 900.0), false},
        Case{"pytorch_gain", {.scheme = InitializationScheme::pytorch, .gain = 3.0}, std::sqrt(1.0 / 100.0), false},
        Case{"fixup", {.scheme = InitializationScheme::fixup}, he, true},
        // Of an orthogonal matrix the squares of 400 x 300 values sum to 300.
        Case{"orthogonal", {.scheme = InitializationScheme::orthogonal}, std::sqrt(1.0 / 400.0), true}),
    [](const auto& test) { return test.param.name; });

// The same numbers since the first release: a run can be repeated.
TEST(InitialValues, StayTheSame) {
  const auto expect_first = [](const WeightInitialization& start, float first, float second) {
    const std::vector<float> values = network::initial_value(weights(), config_of(start), 77);
    EXPECT_FLOAT_EQ(values[0], first);
    EXPECT_FLOAT_EQ(values[1], second);
  };
  expect_first({.scheme = InitializationScheme::gaussian, .std = 0.5}, 0.551563978f, -0.931461036f);
  expect_first({.scheme = InitializationScheme::uniform, .bound = 0.25}, 0.202013329f, 0.167544261f);
  expect_first({.scheme = InitializationScheme::xavier}, 0.0589646697f, -0.0995773748f);
  expect_first({.scheme = InitializationScheme::xavier, .distribution = Distribution::uniform}, 0.0748112053f,
               0.0620463379f);
  expect_first({.scheme = InitializationScheme::he}, 0.0900700167f, -0.152106956f);
  expect_first({.scheme = InitializationScheme::he, .distribution = Distribution::uniform}, 0.114275999f,
               0.0947773457f);
}

TEST(InitialValues, DependOnSeedAndNameAlone) {
  const InitializationConfig config;
  const std::vector<float> values = network::initial_value(weights(), config, 3);
  EXPECT_EQ(network::initial_value(weights(), config, 3), values);
  EXPECT_NE(network::initial_value(weights(), config, 4), values);
  EXPECT_NE(network::initial_value(weights("dense2.weights"), config, 3), values);
}

TEST(InitialValues, OfBiasesGammaAndBetaAreConstant) {
  for (const auto kind : {layers::ParameterKind::bias, layers::ParameterKind::gamma, layers::ParameterKind::beta}) {
    const layers::Declaration parameter{.name = "any", .kind = kind, .shape = {5}, .initial_value = 0.75};
    EXPECT_EQ(network::initial_value(parameter, config_of({.gain = 9.0}), 1), std::vector<float>(5, 0.75f));
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
    const layers::Declaration& parameter = network.parameters().declarations()[index];
    EXPECT_EQ(parameter.name, name);
    EXPECT_EQ(parameter.fan_in, fan_in) << name;
    EXPECT_EQ(parameter.fan_out, fan_out) << name;
    EXPECT_EQ(network.parameters().declarations()[index + 1].fan_in, fan_in) << "bias of " << name;
  };
  expect_fans(0, "conv1.weights", 3 * 9, 32 * 9);
  expect_fans(2, "conv2.weights", 16 * 15, 32 * 15);
  expect_fans(4, "dense1.weights", 64 * 16, 10);
}

double product(const std::vector<float>& a, std::size_t first, std::size_t second, std::size_t stride,
               std::size_t length) {
  double sum = 0;
  for (std::size_t i = 0; i < length; ++i)
    sum += static_cast<double>(a[first + i * stride]) * static_cast<double>(a[second + i * stride]);
  return sum;
}

// Rows, or columns where there are fewer, are orthonormal; in f32 each product is off by no more than 1e-7.
TEST(Orthogonal, IsOrthogonal) {
  const std::vector<Shape> shapes{{1, 1},   {7, 1},     {1, 7},        {17, 17},       {100, 17},
                                  {17, 99}, {300, 300}, {17, 3, 5, 3}, {100, 3, 3, 3}, {64, 16, 3, 3}};
  for (const Shape& shape : shapes)
    for (const double gain : {1.0, 1.5}) {
      layers::Declaration parameter = weights();
      parameter.shape = shape;
      const std::vector<float> values =
          network::initial_value(parameter, config_of({.scheme = InitializationScheme::orthogonal, .gain = gain}), 5);
      const auto rows = static_cast<std::size_t>(shape[0]);
      const std::size_t columns = values.size() / rows;
      const bool wide = rows <= columns;
      for (std::size_t i = 0; i < std::min(rows, columns); ++i)
        for (std::size_t j = 0; j <= i; ++j) {
          const double sum =
              wide ? product(values, i * columns, j * columns, 1, columns) : product(values, i, j, columns, rows);
          EXPECT_NEAR(sum, i == j ? gain * gain : 0.0, 1e-6) << reference::to_string(shape) << " " << i << " " << j;
        }
    }
}

// A = Q R with the diagonal of R positive: the k-th column of Q lies on the side of the k-th of A, and no column of A
// reaches beyond the first k of Q.
TEST(Orthogonal, IsTheQOfTheGaussianMatrix) {
  layers::Declaration parameter = weights();
  for (const Shape& shape : std::vector<Shape>{{40, 17}, {17, 40}, {23, 23}}) {
    parameter.shape = shape;
    const std::vector<float> a =
        network::initial_value(parameter, config_of({.scheme = InitializationScheme::gaussian, .std = 1.0}), 5);
    const std::vector<float> q =
        network::initial_value(parameter, config_of({.scheme = InitializationScheme::orthogonal}), 5);
    const auto rows = static_cast<std::size_t>(shape[0]), columns = static_cast<std::size_t>(shape[1]);
    const bool wide = rows < columns;
    const std::size_t count = std::min(rows, columns), length = std::max(rows, columns);
    const auto at = [&](const std::vector<float>& m, std::size_t k, std::size_t i) {
      return static_cast<double>(wide ? m[k * columns + i] : m[i * columns + k]);
    };
    for (std::size_t k = 0; k < count; ++k) {
      std::vector<double> rest(length);
      double last = 0;
      for (std::size_t i = 0; i < length; ++i) rest[i] = at(a, k, i);
      for (std::size_t j = 0; j <= k; ++j) {
        double r = 0;
        for (std::size_t i = 0; i < length; ++i) r += at(q, j, i) * at(a, k, i);
        for (std::size_t i = 0; i < length; ++i) rest[i] -= r * at(q, j, i);
        last = r;
      }
      EXPECT_GT(last, 0.0) << k;
      EXPECT_LT(reference::max_abs(rest), 1e-5) << k;
    }
  }
}

TEST(Identity, OfDenseLayers) {
  layers::Declaration parameter = weights();
  for (const Shape& shape : std::vector<Shape>{{3, 3}, {3, 5}, {5, 3}}) {
    parameter.shape = shape;
    parameter.fan_out = shape[0];
    const std::vector<float> values =
        network::initial_value(parameter, config_of({.scheme = InitializationScheme::identity, .gain = 0.5}), 1);
    for (std::int64_t o = 0; o < shape[0]; ++o)
      for (std::int64_t i = 0; i < shape[1]; ++i)
        EXPECT_EQ(values[static_cast<std::size_t>(o * shape[1] + i)], o == i ? 0.5f : 0.0f) << o << " " << i;
  }
}

// Output d of each group is input d of the group; further outputs are zero.
TEST(Identity, OfConvolutionsPassesTheImageOn) {
  const Shape images{2, 4, 6, 7};
  std::mt19937_64 generator(1);
  const Array src = layer_testing::random_array(images, generator);
  for (const std::int64_t groups : {1, 2, 4})
    for (const std::int64_t channels : {4, 8, 12}) {
      const config::Conv spec{.channels = channels, .kernel = {3, 5}, .groups = groups};
      layer_testing::LayerRun run(
          [&](const layers::LayerContext& context) { return layers::make_conv(context, spec, false); }, images,
          layer_testing::Layout::row_major);
      run.parameters().all()[0]->set_row_major_value(network::initial_value(
          run.parameters().declarations()[0], config_of({.scheme = InitializationScheme::identity}), 1));
      const Array dst = run.forward(src);
      const std::int64_t inputs = 4 / groups, outputs = channels / groups;
      for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t c = 0; c < channels; ++c)
          for (std::int64_t i = 0; i < 42; ++i) {
            const std::int64_t d = c % outputs, input = c / outputs * inputs + d;
            const double expected = d < inputs ? src.values[static_cast<std::size_t>((n * 4 + input) * 42 + i)] : 0.0;
            EXPECT_EQ(dst.values[static_cast<std::size_t>((n * channels + c) * 42 + i)], expected)
                << groups << " groups, " << channels << " channels, channel " << c;
          }
    }
}

network::BranchRole in_branch(int branches, int layers_in_branch, bool last = false) {
  return {.branches = branches, .layers_in_branch = layers_in_branch, .last_in_branch = last};
}

// Zhang et al. 2019, 3.2: L^(-1 / (2m - 2)).
TEST(Fixup, ScalesWhatIsInABranch) {
  const InitializationConfig fixup = config_of({.scheme = InitializationScheme::fixup});
  const std::vector<float> plain =
      network::initial_value(weights(), config_of({.scheme = InitializationScheme::he}), 1);
  const auto expect_factor = [&](const network::BranchRole& role, double factor) {
    const std::vector<float> values = network::initial_value(weights(), fixup, 1, role);
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(static_cast<double>(values[i]), factor * static_cast<double>(plain[i]), 1e-7) << i;
  };
  expect_factor({}, 1.0);
  expect_factor(in_branch(16, 2), 0.25);                   // 16^(-1/2)
  expect_factor(in_branch(16, 3), 0.5);                    // 16^(-1/4)
  expect_factor(in_branch(54, 2), 1.0 / std::sqrt(54.0));  // ResNet-110
  expect_factor(in_branch(1, 2), 1.0);
}

TEST(Fixup, StartsBranchesAndOutputAtZero) {
  const InitializationConfig fixup = config_of({.scheme = InitializationScheme::fixup});
  const network::BranchRole output{.is_output = true};
  for (const network::BranchRole& role : {in_branch(16, 2, true), in_branch(16, 3, true), in_branch(16, 1), output}) {
    const std::vector<float> values = network::initial_value(weights(), fixup, 1, role);
    EXPECT_EQ(std::count(values.begin(), values.end(), 0.0f), 120000);
    EXPECT_NE(network::initial_value(weights(), config_of({}), 1, role)[0], 0.0f);  // another scheme takes no notice
  }
}

// b = 1 / sqrt(fan in) of the layer, in which the gain has no part.
TEST(InitialValues, OfPyTorchDrawBiasesToo) {
  layers::Declaration bias{.name = "dense1.bias", .kind = layers::ParameterKind::bias, .shape = {10000}, .fan_in = 25};
  const auto start = config_of({.scheme = InitializationScheme::pytorch, .gain = 7.0});
  const std::vector<float> values = network::initial_value(bias, start, 1);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  EXPECT_NEAR(*low, -0.2f, 1e-3f);
  EXPECT_NEAR(*high, 0.2f, 1e-3f);
  EXPECT_GE(*low, -0.2f);
  EXPECT_LE(*high, 0.2f);
  for (const auto kind : {layers::ParameterKind::gamma, layers::ParameterKind::beta}) {
    bias.kind = kind;
    EXPECT_EQ(network::initial_value(bias, start, 1), std::vector<float>(10000, 0.0f));
  }
}

TEST(InitialValues, FollowTheParametersSchemeFirst) {
  layers::Declaration parameter = weights();
  parameter.scheme = InitializationScheme::identity;
  for (const auto& start : {config_of({}), config_of({}, {override_of("*", {.scheme = InitializationScheme::he})})}) {
    const std::vector<float> values = network::initial_value(parameter, start, 1);
    EXPECT_EQ(std::count(values.begin(), values.end(), 1.0f), 300);
    EXPECT_EQ(std::count(values.begin(), values.end(), 0.0f), 120000 - 300);
  }
}

TEST(Initialization, GammaIsDrawnWhereTheConfigSaysSo) {
  const auto network =
      network_of(conv_block(200, config::Activation::relu), config::Flatten{}, config::Dense{.units = 10});
  const auto weights = [&](std::optional<config::GammaDistribution> distribution, std::uint64_t seed = 1) {
    config::RunConfig config = run_config(network, config::NormalizationType::batch);
    config.training.seed = seed;
    config.normalization.initial_gamma = -0.5;
    config.normalization.gamma_distribution = distribution;
    return Network(config, dataset_of(3, 6, 6, 10), 2).weights();
  };
  const auto gamma = [](const NpzArrays& arrays) { return to_array(arrays.at("normalization1.gamma")).values; };
  const auto drawn = weights(config::GammaDistribution::uniform), plain = weights(std::nullopt);
  double mean = 0;
  for (const double value : gamma(drawn)) {
    EXPECT_LE(value, 0);
    EXPECT_GT(value, -0.5);
    mean += value / 200;
  }
  EXPECT_NEAR(mean, -0.25, 0.05);  // 5 of the mean's standard deviations, 0.5 / sqrt(12 * 200)
  for (const double value : gamma(plain)) EXPECT_EQ(value, -0.5);
  EXPECT_EQ(gamma(weights(config::GammaDistribution::constant)), gamma(plain));
  EXPECT_EQ(gamma(weights(config::GammaDistribution::uniform)), gamma(drawn));
  EXPECT_NE(gamma(weights(config::GammaDistribution::uniform, 2)), gamma(drawn));
  for (const char* other : {"conv1.weights", "dense1.weights", "normalization1.beta"})
    EXPECT_EQ(to_array(drawn.at(other)).values, to_array(plain.at(other)).values) << other;
}

}  // namespace
}  // namespace bnlab::network_testing
