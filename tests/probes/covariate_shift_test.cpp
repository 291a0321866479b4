// How earlier layers' updates change a gradient, against closed forms and the twin in double precision.
#include "probes/training_batch_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

struct Shift {
  double gradient_norm = 0, cosine = 0, difference = 0;
};

Shift shift_of(const std::vector<double>& before, const std::vector<double>& after) {
  double product = 0, size = 0, other = 0, difference = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    product += before[i] * after[i];
    size += before[i] * before[i];
    other += after[i] * after[i];
    difference += std::pow(before[i] - after[i], 2);
  }
  return {std::sqrt(size), product / std::sqrt(size * other), std::sqrt(difference)};
}

void expect_shift(const Row& row, const Shift& shift) {
  expect_near(row, "gradient_norm", shift.gradient_norm);
  expect_near(row, "cosine", shift.cosine);
  expect_near(row, "difference", shift.difference, 1e-3);
  expect_near(row, "relative_difference", shift.difference / shift.gradient_norm, 1e-3);
}

/// Adds numbers to all parameters, as an optimizer may.
void update(network::Network& network) {
  std::uint32_t seed = 3;
  for (const auto& parameter : network.parameters().all()) {
    std::vector<float> values = parameter->row_major_value();
    const std::vector<float> steps = test::numbers(values.size(), ++seed);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += 0.2f * steps[i];
    parameter->set_row_major_value(values);
  }
}

/// W_2 W_1 x with the squared error: G' = 2 / (N K) (W_2 W'_1 X - T) (W'_1 X)^T.
TEST(CovariateShift, OfTwoLinearLayers) {
  config::RunConfig run = test::small_config(NormalizationType::none, {});
  config::Dense first, second;
  first.units = 7;
  second.units = 5;
  first.bias = second.bias = false;
  run.network.layers = {test::block(config::Flatten{}), test::block(first), test::block(second)};
  run.loss.type = config::LossType::squared_error;
  ProbeRun probe(run, probe_of(ProbeType::covariate_shift));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  const auto parameters = probe.network.parameters().all();
  const std::vector<float> w2 = parameters[1]->row_major_value();
  const float* x = probe.network.train().images();
  const std::int32_t* labels = probe.network.train().labels();
  const auto gradient = [&](const std::vector<float>& w1) {
    std::vector<double> sums(5 * 7, 0.0);
    for (int n = 0; n < 6; ++n) {
      std::vector<double> hidden(7, 0.0);
      for (int j = 0; j < 7; ++j)
        for (int i = 0; i < 24; ++i) hidden[j] += double{w1[j * 24 + i]} * double{x[n * 24 + i]};
      for (int k = 0; k < 5; ++k) {
        double error = labels[n] == k ? -1.0 : 0.0;
        for (int j = 0; j < 7; ++j) error += double{w2[k * 7 + j]} * hidden[j];
        for (int j = 0; j < 7; ++j) sums[k * 7 + j] += 2.0 / 30 * error * hidden[j];
      }
    }
    return sums;
  };
  const std::vector<double> before = gradient(parameters[0]->row_major_value());
  probe.probe->step_done(0);  // writes nothing
  probe.probe->gradients_ready(5, 0.1);
  update(probe.network);
  const std::vector<double> after = gradient(parameters[0]->row_major_value());
  probe.probe->step_done(5);
  const std::vector<Row> rows = test::read_rows(probe.folder / "run/covariate_shift.csv");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("step"), "5");
  EXPECT_EQ(rows[0].at("layer"), "1");
  EXPECT_EQ(rows[0].at("parameter"), "dense1.weights");
  EXPECT_EQ(rows[0].at("cosine"), "1");
  EXPECT_EQ(rows[0].at("difference"), "0");
  EXPECT_EQ(rows[0].at("relative_difference"), "0");
  EXPECT_EQ(rows[1].at("layer"), "2");
  EXPECT_EQ(rows[1].at("normalized"), "no");
  expect_shift(rows[1], shift_of(before, after));
}

/// Every parameter before an array takes its new value, gamma and beta of earlier layers too, and no other.
TEST(CovariateShift, OfATwin) {
  config::ProbeConfig probe_config = probe_of(ProbeType::covariate_shift);
  probe_config.layers = {4, 2, 3};
  Twin twin(conv_run(NormalizationType::batch), probe_config, conv_twin(true));
  give_batch(twin);
  twin.run();
  const Gradients before = gradients_of(twin.net);
  twin.probe.probe->gradients_ready(2, 0.1);
  update(twin.probe.network);
  twin.probe.probe->step_done(2);
  const NpzArrays updated = twin.probe.network.weights();
  const std::vector<Row> rows = test::read_rows(twin.probe.folder / "run/covariate_shift.csv");
  ASSERT_EQ(rows.size(), 3u);
  std::size_t row = 0;
  for (const std::string& name : twin.net.parameter_names()) {
    if (name == "conv2.weights" || name == "dense1.weights" || name == "dense2.weights") {
      twin.run();
      EXPECT_EQ(rows[row].at("parameter"), name);
      EXPECT_EQ(rows[row].at("layer"), std::to_string(row + 2));
      EXPECT_EQ(rows[row].at("normalized"), row < 2 ? "yes" : "no");
      expect_shift(rows[row++], shift_of(before.at(name).values, twin.net.gradient(name).values));
    }
    Twin::take(twin.net.value(name), updated.at(name));
  }
  EXPECT_LT(std::stod(rows[0].at("cosine")), 0.999);
}

TEST(CovariateShift, IsNoneWithoutAnUpdate) {
  ProbeRun probe(conv_run(NormalizationType::batch), probe_of(ProbeType::covariate_shift));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  const std::vector<Row> rows = probe.measure("covariate_shift", 1);
  ASSERT_EQ(rows.size(), 4u);
  for (const Row& row : rows) {
    EXPECT_EQ(row.at("cosine"), "1");
    EXPECT_EQ(row.at("difference"), "0");
  }
}

TEST(CovariateShift, RefusesLayersThatTheNetworkHasNot) {
  config::RunConfig run = conv_run(NormalizationType::batch);
  run.dataset.name = "gaussian_clusters";
  run.dataset.synthetic.dimensions = 24;
  run.dataset.synthetic.outputs = 5;
  run.network = test::small_mlp(NormalizationType::batch).network;
  config::ProbeConfig probe = probe_of(ProbeType::covariate_shift);
  probe.layers = {1, 4};
  run.probes = {probe};
  test::expect_contains(test::error_text<ConfigError>([&] { check(run, {}); }),
                        "probes.0.layers: the network has 3 arrays of weights, counted from 1, got 4");
}

}  // namespace
}  // namespace bnlab::probes
