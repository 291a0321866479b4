// The probe's numbers against a sort, plain sums and counts over the same tensors.

#include "probes/activation_distribution.h"

#include <algorithm>

#include "data/batch_order.h"
#include "probes/probe_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

using config::Activation;
using config::NormalizationType;
using test::expect_value;
using test::ProbeRun;
using test::Row;

config::ProbeConfig probe_config(std::int64_t examples, std::vector<std::int64_t> units) {
  return {
      .type = config::ProbeType::activation_distribution, .every = 1, .examples = examples, .units = std::move(units)};
}

/// Percentile p of 0 to 100, linear between order statistics.
double percentile(std::vector<float> values, double p) {
  std::sort(values.begin(), values.end());
  const double position = p / 100.0 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(position));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double share = position - std::floor(position);
  return (1 - share) * static_cast<double>(values[below]) + share * static_cast<double>(values[above]);
}

constexpr double negative_slope = 0.01;  // the default of leaky_relu

/// |f'| is below a twentieth of its maximum, from the input x.
bool saturated(Activation function, double x) {
  switch (function) {
    case Activation::sigmoid: {
      const double y = 1 / (1 + std::exp(-x));
      return y * (1 - y) < 0.0125;
    }
    case Activation::tanh:
      return 1 - std::tanh(x) * std::tanh(x) < 0.05;
    case Activation::relu:
    case Activation::leaky_relu:  // 0.01 of the slope above 0
      return x <= 0;
    case Activation::elu:
      return x < 0 && std::exp(x) < 0.05;
    case Activation::softplus:
      return 1 / (1 + std::exp(-x)) < 0.05;
    case Activation::gelu: {  // the derivative by differences; its maximum is 1.128904 at the square root of 2
      const double h = 1e-5;
      const auto gelu = [](double at) { return at * std::erfc(-at / std::sqrt(2.0)) / 2; };
      return std::abs(gelu(x + h) - gelu(x - h)) / (2 * h) < 0.05 * 1.128904;
    }
    case Activation::identity:
      break;
  }
  return false;
}

double apply(Activation function, double x) {
  switch (function) {
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::leaky_relu:
      return x > 0 ? x : negative_slope * x;
    case Activation::elu:
      return x > 0 ? x : std::expm1(x);
    case Activation::softplus:
      return std::log1p(std::exp(x));
    case Activation::gelu:
      return x * std::erfc(-x / std::sqrt(2.0)) / 2;
    case Activation::identity:
      break;
  }
  return x;
}

/// The inputs of each activation layer over the probe's batches, by unit.
std::vector<std::vector<std::vector<float>>> inputs_by_layer(ProbeRun& probe, std::int64_t batches) {
  const std::int64_t size = probe.run.training.batch_size;
  data::BatchOrder order(probe.run.training.seed, probe.dataset.train.size(), size, RandomPurpose::probe);
  const auto program = probe.network.build(onednn::Mode::observe, size);
  std::vector<std::vector<std::vector<float>>> layers;
  for (std::int64_t b = 0; b < batches; ++b) {
    probe.scaler.gather(probe.dataset.train, order.batch(b), program->images(), program->labels());
    program->forward();
    std::size_t layer = 0;
    for (const auto& observation : program->observations()) {
      if (std::string(observation.tensor) != "input") continue;
      const auto channels = static_cast<std::size_t>(observation.shape[1]);
      std::size_t plane = 1;
      for (std::size_t d = 2; d < observation.shape.size(); ++d)
        plane *= static_cast<std::size_t>(observation.shape[d]);
      if (layers.size() <= layer) layers.emplace_back(channels);
      for (std::size_t i = 0; i < static_cast<std::size_t>(size) * channels * plane; ++i)
        layers[layer][i / plane % channels].push_back(observation.data()[i]);
      ++layer;
    }
  }
  return layers;
}

void expect_distribution(const Row& row, const std::vector<float>& values, double fraction_saturated, double dead) {
  expect_value(row, "p5", percentile(values, 5));
  expect_value(row, "p15", percentile(values, 15));
  expect_value(row, "p50", percentile(values, 50));
  expect_value(row, "p85", percentile(values, 85));
  expect_value(row, "p95", percentile(values, 95));
  double mean = 0, variance = 0;
  for (const float v : values) mean += static_cast<double>(v) / static_cast<double>(values.size());
  for (const float v : values)
    variance += std::pow(static_cast<double>(v) - mean, 2) / static_cast<double>(values.size());
  expect_value(row, "mean", mean);
  expect_value(row, "standard_deviation", std::sqrt(variance));
  expect_value(row, "fraction_saturated", fraction_saturated);
  expect_value(row, "fraction_dead", dead);
}

double saturated_fraction(Activation function, const std::vector<float>& values) {
  double count = 0;
  for (const float x : values) count += saturated(function, static_cast<double>(x));
  return count / static_cast<double>(values.size());
}

/// Two rows, of input and output, for the layer as a whole and for each unit in `units` that it has.
void expect_layer(std::vector<Row>::const_iterator& row, Activation function,
                  const std::vector<std::vector<float>>& inputs, const std::vector<std::int64_t>& units) {
  std::vector<float> all;
  double dead = 0;
  for (const auto& unit : inputs) {
    all.insert(all.end(), unit.begin(), unit.end());
    dead += saturated_fraction(function, unit) == 1.0;
  }
  for (const std::string tensor : {"input", "output"}) {
    const auto shown = [&](std::vector<float> values) {
      if (tensor == "output")
        for (float& v : values) v = static_cast<float>(apply(function, static_cast<double>(v)));
      return values;
    };
    EXPECT_EQ(row->at("unit"), "all");
    EXPECT_EQ(row->at("tensor"), tensor);
    expect_distribution(*row++, shown(all), saturated_fraction(function, all),
                        dead / static_cast<double>(inputs.size()));
    for (const std::int64_t unit : units) {
      if (unit >= static_cast<std::int64_t>(inputs.size())) continue;
      const auto& values = inputs[static_cast<std::size_t>(unit)];
      EXPECT_EQ(row->at("unit"), std::to_string(unit));
      const double share = saturated_fraction(function, values);
      expect_distribution(*row++, shown(values), share, share == 1.0 ? 1 : 0);
    }
  }
}

TEST(ActivationDistribution, Numbers) {
  const std::vector<std::int64_t> units{0, 2, 16};
  for (const Activation function : {Activation::sigmoid, Activation::tanh, Activation::relu, Activation::identity,
                                    Activation::leaky_relu, Activation::elu, Activation::softplus, Activation::gelu})
    for (const auto normalization : {NormalizationType::none, NormalizationType::batch}) {
      SCOPED_TRACE(static_cast<int>(function));
      auto run = test::small_mlp(normalization, function);
      run.initialization.gain = 3;                   // wide enough to saturate
      ProbeRun probe(run, probe_config(13, units));  // rounded up to 3 batches of 6
      const std::vector<Row> rows = probe.measure("activation_distribution", 5);
      ASSERT_EQ(rows.size(), 2u * 4u + 2u * 3u);
      const auto layers = inputs_by_layer(probe, 3);
      ASSERT_EQ(layers.size(), 2u);
      ASSERT_EQ(layers[0][0].size(), 18u);
      auto row = rows.begin();
      expect_layer(row, function, layers[0], units);
      expect_layer(row, function, layers[1], units);
      EXPECT_EQ(rows[0].at("layer"), "activation1");
      EXPECT_EQ(rows.back().at("layer"), "activation2");
      EXPECT_EQ(rows[0].at("step"), "5");
    }
}

TEST(ActivationDistribution, ChannelsOfImages) {
  ProbeRun probe(test::small_conv(NormalizationType::batch), probe_config(0, {1, 7}));
  const std::vector<Row> rows = probe.measure("activation_distribution", 0);
  const auto layers = inputs_by_layer(probe, 1);
  ASSERT_EQ(layers[0].size(), 3u);
  ASSERT_EQ(layers[1].size(), 17u);
  ASSERT_EQ(layers[1][0].size(), 6u * 4u * 3u);
  auto row = rows.begin();
  expect_layer(row, Activation::relu, layers[0], {1, 7});
  expect_layer(row, Activation::tanh, layers[1], {1, 7});
  EXPECT_EQ(row, rows.end());
}

TEST(ActivationDistribution, DeadUnits) {
  ProbeRun probe(test::small_mlp(NormalizationType::none, Activation::relu), probe_config(0, {0, 1, 2}));
  // The second hidden layer: unit 0 is pushed below zero for every image, unit 2 above it.
  for (const auto& parameter : probe.network.parameters().all())
    if (parameter->name == "dense2.bias") parameter->set_row_major_value(std::vector<float>{-1e3f, 0.0f, 1e3f});
  std::map<std::string, Row> output;
  for (const Row& row : probe.measure("activation_distribution", 1))
    if (row.at("layer") == "activation2" && row.at("tensor") == "output") output[row.at("unit")] = row;
  EXPECT_EQ(output["0"]["fraction_dead"], "1");
  EXPECT_EQ(output["0"]["fraction_saturated"], "1");
  EXPECT_EQ(output["2"]["fraction_dead"], "0");
  EXPECT_EQ(output["2"]["fraction_saturated"], "0");
  EXPECT_GE(std::stod(output["all"]["fraction_dead"]), 0.333);
}

double saturation_of(const config::RunConfig& run) {
  ProbeRun probe(run, probe_config(0, {}));
  return std::stod(probe.measure("activation_distribution", 1)[0].at("fraction_saturated"));
}

// Leaky ReLU has two slopes: where one is below a twentieth of the other, its side is saturated.
TEST(ActivationDistribution, SlopesOfLeakyReLU) {
  auto run = test::small_mlp(NormalizationType::none, Activation::leaky_relu);
  run.network.negative_slope = 0.049;
  const double below = saturation_of(run);
  EXPECT_GT(below, 0.1);
  EXPECT_LT(below, 0.9);
  for (const double slope : {-0.049, 0.0}) {
    run.network.negative_slope = slope;
    EXPECT_EQ(saturation_of(run), below) << slope;
  }
  for (const double slope : {0.051, -0.051, 1.0, 19.0}) {
    run.network.negative_slope = slope;
    EXPECT_EQ(saturation_of(run), 0) << slope;
  }
  run.network.negative_slope = -21;
  EXPECT_NEAR(saturation_of(run), 1 - below, 1e-6);
}

TEST(ActivationDistribution, RecurrentLayers) {
  config::Recurrent recurrent{.units = 7, .activation = Activation::relu};
  auto run = test::small_config(NormalizationType::none, {test::block(recurrent)});
  const double saturated = saturation_of(run);
  EXPECT_GT(saturated, 0);
  EXPECT_LT(saturated, 1);
  run.probes = {probe_config(0, {6})};
  EXPECT_NO_THROW(check(run, network::check(run, test::small_dataset().info)));
}

TEST(ActivationDistribution, NanIsShown) {
  ProbeRun probe(test::small_mlp(NormalizationType::none), probe_config(0, {}));
  layers::Parameter& weights = *probe.network.parameters().all()[0];
  std::vector<float> values = weights.row_major_value();
  values[0] = std::numeric_limits<float>::quiet_NaN();
  weights.set_row_major_value(values);
  const std::vector<Row> rows = probe.measure("activation_distribution", 1);
  for (const char* column : {"p5", "p50", "p95", "mean", "standard_deviation"})
    EXPECT_EQ(rows[0].at(column), "nan") << column;
}

TEST(ActivationDistribution, SameImagesAtEachMeasurement) {
  ProbeRun probe(test::small_mlp(NormalizationType::batch), probe_config(0, {0}));
  std::vector<Row> rows = probe.measure("activation_distribution", 1);
  const std::size_t count = rows.size();
  rows = probe.measure("activation_distribution", 1);
  ASSERT_EQ(rows.size(), 2 * count);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(rows[i], rows[i + count]);
}

TEST(ActivationDistribution, UnitsMustBeThere) {
  auto run = test::small_mlp(NormalizationType::batch);
  const auto layers = network::check(run, test::small_dataset().info);
  run.probes = {probe_config(0, {0, 16})};
  EXPECT_NO_THROW(check(run, layers));
  run.probes = {{.type = config::ProbeType::gradient_norm, .every = 1, .examples = 0, .units = {}},
                probe_config(0, {0, 17})};
  const std::string text = test::error_text<ConfigError>([&] { check(run, layers); });
  test::expect_contains(text, "probes.1.units");
  test::expect_contains(text, "17");
}

TEST(Probes, ChangeNothing) {
  for (const auto type : {config::ProbeType::activation_distribution, config::ProbeType::gradient_norm,
                          config::ProbeType::normalization_state}) {
    config::ProbeConfig config = probe_config(0, {});
    config.type = type;
    ProbeRun probe(test::small_conv(NormalizationType::batch), config);
    test::run_first_batch(probe.network, probe.dataset, probe.scaler);
    const NpzArrays weights = probe.network.weights();
    const NpzArrays gradients = probe.network.gradients();
    const auto mean = probe.network.states()[0]->batch_mean;
    probe.probe->step_done(1);
    for (const auto& [name, array] : probe.network.weights()) EXPECT_EQ(array.values, weights.at(name).values) << name;
    for (const auto& [name, array] : probe.network.gradients())
      EXPECT_EQ(array.values, gradients.at(name).values) << name;
    EXPECT_EQ(probe.network.states()[0]->batch_mean, mean);
  }
}

}  // namespace
}  // namespace bnlab::probes
