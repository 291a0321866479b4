// Probes of single weights and biases: their scale, their effect, their growth.
#include "probes/twin_testing.h"

namespace bnlab::probes {
namespace {

TEST(ScaleInvariance, OfEachLayer) {
  config::ProbeConfig probe = probe_of(ProbeType::scale_invariance);
  probe.factors = {0.3, 30};
  Twin twin(conv_run(NormalizationType::batch, 0), probe, conv_twin(true, 0));
  const NpzArrays before = twin.probe.network.weights();
  const reference::Loss loss = twin.run();
  const Array output = twin.net.dst("dense2");
  const Array gradient = twin.net.gradient("dense2.weights");
  const std::vector<Row> rows = twin.probe.measure("scale_invariance", 1);
  ASSERT_EQ(rows.size(), 8u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(rows[i].at("normalized"), "yes");
    for (const char* column : {"output_error", "gradient_error", "loss_change"})
      EXPECT_LT(std::stod(rows[i].at(column)), 1e-4) << rows[i].at("parameter") << " " << column;
    EXPECT_GT(std::stod(rows[i].at("gradient_error")), 0);  // they are not the same numbers
  }
  EXPECT_EQ(rows[0].at("factor"), "0.3");
  // The last layer has none behind it: what a factor does there is known from the twin.
  for (std::size_t i = 6; i < 8; ++i) {
    const double factor = i == 6 ? 0.3 : 30;
    EXPECT_EQ(rows[i].at("parameter"), "dense2.weights");
    EXPECT_EQ(rows[i].at("normalized"), "no");
    const Array weights = twin.net.value("dense2.weights");
    for (std::int64_t k = 0; k < weights.size(); ++k) twin.net.value("dense2.weights").values[k] *= factor;
    const reference::Loss scaled = twin.run();
    double difference = 0, moved = 0;
    for (std::int64_t k = 0; k < output.size(); ++k)
      difference += std::pow(twin.net.dst("dense2").values[k] - output.values[k], 2);
    for (std::int64_t k = 0; k < gradient.size(); ++k)
      moved += std::pow(factor * twin.net.gradient("dense2.weights").values[k] - gradient.values[k], 2);
    expect_near(rows[i], "output_error", std::sqrt(difference / squares(output)));
    expect_near(rows[i], "gradient_error", std::sqrt(moved / squares(gradient)));
    expect_near(rows[i], "loss_change", std::abs(scaled.loss - loss.loss) / loss.loss, 1e-3);
    twin.net.value("dense2.weights") = weights;
  }
  EXPECT_EQ(twin.probe.network.weights(), before);
}

TEST(BiasEffect, OfEachBias) {
  config::RunConfig run = conv_run(NormalizationType::batch);
  std::get<config::ConvBlock>(run.network.layers[1].spec).bias = true;
  Net net;
  const reference::ConvGeometry same{{1, 1}, {1, 1}, 1};
  net.conv(2, 3, {3, 3}, same, false).normalization(3).activation(reference::Activation::tanh);
  net.conv(3, 17, {3, 3}, same, true).normalization(17).activation(reference::Activation::tanh);
  net.flatten().dense(17 * 12, 5, false).normalization(5).activation(reference::Activation::sigmoid).dense(5, 5);
  Twin twin(run, probe_of(ProbeType::bias_effect), net);
  const NpzArrays before = twin.probe.network.weights();
  const reference::Loss loss = twin.run();
  const double ratio =
      std::sqrt(squares(twin.net.gradient("dense2.bias")) / squares(twin.net.gradient("dense2.weights")));
  const std::vector<Row> rows = twin.probe.measure("bias_effect", 1);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("parameter"), "conv2.bias");
  EXPECT_EQ(rows[0].at("normalized"), "yes");
  EXPECT_LT(std::stod(rows[0].at("gradient_ratio")), 1e-5);
  EXPECT_LT(std::stod(rows[0].at("loss_change")), 1e-5);
  EXPECT_EQ(rows[1].at("parameter"), "dense2.bias");
  EXPECT_EQ(rows[1].at("normalized"), "no");
  expect_near(rows[1], "gradient_ratio", ratio);
  RandomStream random(run.training.seed, RandomPurpose::probe, RandomStream::substream_of("dense2.bias"));
  for (std::int64_t k = 0; k < 5; ++k) twin.net.value("dense2.bias").values[k] += random.normal();
  expect_near(rows[1], "loss_change", std::abs(twin.run().loss - loss.loss) / loss.loss, 1e-3);
  EXPECT_EQ(twin.probe.network.weights(), before);
}

/// From the distance of the vectors of length 1.
double angle_between(const std::vector<float>& a, const std::vector<float>& b) {
  double distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    distance += std::pow(double{a[i]} / test::l2_norm(a) - double{b[i]} / test::l2_norm(b), 2);
  return 2 * std::asin(std::sqrt(distance) / 2);
}

TEST(WeightGrowth, OfAStep) {
  config::RunConfig run = conv_run(NormalizationType::batch, 0);
  run.optimizer.learning_rate = 0.5;
  ProbeRun probe(run, probe_of(ProbeType::weight_growth));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  probe.probe->step_done(0);  // writes nothing
  probe.probe->gradients_ready(4, 0.5);
  std::vector<double> before, product, gradient, growth;
  std::vector<std::vector<float>> old;
  std::vector<layers::Parameter*> weights;
  for (const auto& parameter : probe.network.parameters().all())
    if (parameter->kind == layers::ParameterKind::weights) weights.push_back(parameter.get());
  for (layers::Parameter* parameter : weights) {
    std::vector<float> w = parameter->row_major_value();
    const std::vector<float> g = parameter->row_major_diff();
    product.push_back(0);
    growth.push_back(0);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double weight = w[i], slope = g[i];
      product.back() += weight * slope;
      growth.back() += std::pow(weight - 0.5 * slope, 2) - std::pow(weight, 2);
    }
    before.push_back(test::l2_norm(w));
    old.push_back(w);
    gradient.push_back(test::l2_norm(g));
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= 0.5f * g[i];
    w[0] += 0.25f;  // what an optimizer or rounding does besides is no part of growth
    parameter->set_row_major_value(w);
  }
  probe.probe->step_done(4);
  const std::vector<Row> rows = test::read_rows(probe.folder / "run/weight_growth.csv");
  ASSERT_EQ(rows.size(), weights.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("step"), "4");
    EXPECT_EQ(rows[i].at("parameter"), weights[i]->name);
    EXPECT_EQ(rows[i].at("normalized"), i + 1 < rows.size() ? "yes" : "no");
    expect_near(rows[i], "squared_norm", before[i] * before[i]);
    EXPECT_NEAR(std::stod(rows[i].at("cosine")), product[i] / (before[i] * gradient[i]), 1e-6);
    const double after = test::l2_norm(weights[i]->row_major_value());
    EXPECT_NEAR(std::stod(rows[i].at("stored_growth")), after * after - before[i] * before[i], 1e-7);
    EXPECT_NEAR(std::stod(rows[i].at("rotation")) / angle_between(old[i], weights[i]->row_major_value()), 1, 1e-6);
    EXPECT_NEAR(std::stod(rows[i].at("growth")) / growth[i], 1, 1e-8);
    EXPECT_NEAR(std::stod(rows[i].at("stored_ratio")),
                std::stod(rows[i].at("stored_growth")) / std::stod(rows[i].at("squared_step")), 1e-6);
    EXPECT_NEAR(std::stod(rows[i].at("squared_step")) / (0.25 * gradient[i] * gradient[i]), 1, 1e-6);
    EXPECT_NEAR(std::stod(rows[i].at("ratio")), std::stod(rows[i].at("growth")) / std::stod(rows[i].at("squared_step")),
                1e-6);
    if (i + 1 < rows.size()) {
      EXPECT_LT(std::abs(std::stod(rows[i].at("cosine"))), 1e-5);
    } else {
      EXPECT_GT(std::abs(std::stod(rows[i].at("cosine"))), 1e-3);
    }
  }
}

TEST(WeightGrowth, HasNoRatioWithoutAStep) {
  ProbeRun probe(conv_run(NormalizationType::batch, 0), probe_of(ProbeType::weight_growth));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  probe.probe->gradients_ready(1, 0.0);
  probe.probe->step_done(1);
  for (const Row& row : test::read_rows(probe.folder / "run/weight_growth.csv")) {
    EXPECT_EQ(row.at("growth"), "0");
    EXPECT_EQ(row.at("stored_growth"), "0");
    EXPECT_EQ(row.at("ratio"), "nan");
    EXPECT_EQ(row.at("rotation"), "0");
  }
}

/// Small angles keep their digits, and a turn by more than a right angle is one.
TEST(WeightGrowth, RotationOfKnownAngles) {
  ProbeRun probe(test::small_mlp(NormalizationType::none), probe_of(ProbeType::weight_growth));
  layers::Parameter& last = *probe.network.parameters().all()[4];  // (5, 3)
  std::vector<Row> rows;
  for (const double angle : {1e-5, 0.5, 3.0}) {
    std::vector<float> w(15, 0.0f);
    w[0] = 2;
    last.set_row_major_value(w);
    probe.probe->gradients_ready(1, 0.1);
    w[0] = static_cast<float>(3 * std::cos(angle));  // of another length, too
    w[7] = static_cast<float>(3 * std::sin(angle));
    last.set_row_major_value(w);
    probe.probe->step_done(1);
    rows = test::read_rows(probe.folder / "run/weight_growth.csv");
    EXPECT_EQ(rows.back().at("parameter"), last.name);
    EXPECT_NEAR(std::stod(rows.back().at("rotation")) / angle, 1, 1e-6);
  }
  last.set_row_major_value(std::vector<float>(15, 0.0f));
  probe.probe->gradients_ready(1, 0.1);
  probe.probe->step_done(1);
  EXPECT_EQ(test::read_rows(probe.folder / "run/weight_growth.csv").back().at("rotation"), "nan");
}

}  // namespace
}  // namespace bnlab::probes
