// Loss and gradient along the negative gradient, against closed forms and the twin in double precision.
#include "probes/training_batch_testing.h"

namespace bnlab::probes {
namespace {

/// The value in the smallest row above which the loss lies, with the rule of the probe's contract.
double rate_at(const std::vector<std::pair<double, double>>& rates_and_losses, double level) {
  for (std::size_t i = 0; i < rates_and_losses.size(); ++i) {
    const auto [rate, loss] = rates_and_losses[i];
    if (loss < level) continue;
    if (i == 0) return rate;
    const auto [rate_below, loss_below] = rates_and_losses[i - 1];
    const double part = (std::log(level) - std::log(loss_below)) / (std::log(loss) - std::log(loss_below));
    return std::exp(std::log(rate_below) + part * (std::log(rate) - std::log(rate_below)));
  }
  return INFINITY;
}

config::ProbeConfig landscape_of(std::vector<double> multipliers) {
  config::ProbeConfig probe = probe_of(ProbeType::landscape);
  probe.multipliers = std::move(multipliers);
  return probe;
}

/// One dense layer with squared error: L(w) is a quadratic function, so along the gradient
/// L(w - m eta g) = L - m eta |g|^2 + (m eta)^2 / 2 g^T H g, and the gradient changes by m eta |H g|.
TEST(Landscape, OfALinearNetwork) {
  config::RunConfig run = test::small_config(NormalizationType::none, {test::block(config::Flatten{})});
  run.loss.type = config::LossType::squared_error;
  config::ProbeConfig probe_config = landscape_of({30, 2, 0.5, 1, 8, 120});
  probe_config.ratio = 10;
  probe_config.points = true;
  ProbeRun probe(run, probe_config);
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  const layers::Parameter& weights = *probe.network.parameters().all()[0];
  const layers::Parameter& bias = *probe.network.parameters().all()[1];
  const std::vector<float> w = weights.row_major_value(), b = bias.row_major_value();
  const float* x = probe.network.train().images();
  const std::int32_t* labels = probe.network.train().labels();
  constexpr int images = 6, inputs = 24, units = 5;
  using Matrix = std::vector<std::vector<double>>;
  const auto empty = [] { return Matrix(units, std::vector<double>(inputs + 1, 0.0)); };  // the last column: biases
  const auto outputs_of = [&](const Matrix& theta, int n, int k) {
    double sum = theta[k][inputs];
    for (int i = 0; i < inputs; ++i) sum += theta[k][i] * static_cast<double>(x[n * inputs + i]);
    return sum;
  };
  Matrix theta = empty();
  for (int k = 0; k < units; ++k) {
    for (int i = 0; i < inputs; ++i) theta[k][i] = w[static_cast<std::size_t>(k * inputs + i)];
    theta[k][inputs] = b[static_cast<std::size_t>(k)];
  }
  // 2 / (N K) sum_n error_n x_n^T; of the errors of theta it is the gradient, of outputs of v it is H v.
  const auto pulled_back = [&](const auto& error) {
    Matrix sums = empty();
    for (int n = 0; n < images; ++n)
      for (int k = 0; k < units; ++k)
        for (int i = 0; i <= inputs; ++i)
          sums[k][i] += 2.0 / (images * units) * error(n, k) * (i < inputs ? double{x[n * inputs + i]} : 1.0);
    return sums;
  };
  const auto product = [](const Matrix& a, const Matrix& c) {
    double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k)
      for (std::size_t i = 0; i < a[k].size(); ++i) sum += a[k][i] * c[k][i];
    return sum;
  };
  const auto error = [&](int n, int k) { return outputs_of(theta, n, k) - (labels[n] == k ? 1.0 : 0.0); };
  double loss = 0;
  for (int n = 0; n < images; ++n)
    for (int k = 0; k < units; ++k) loss += error(n, k) * error(n, k) / (images * units);
  const Matrix g = pulled_back(error);
  const Matrix hg = pulled_back([&](int n, int k) { return outputs_of(g, n, k); });
  const double size = std::sqrt(product(g, g)), moved = std::sqrt(product(hg, hg));

  const double eta = 0.25;
  probe.probe->gradients_ready(7, eta);
  probe.probe->step_done(7);
  const std::vector<Row> rows = test::read_rows(probe.folder / "run/landscape.csv");
  ASSERT_EQ(rows.size(), 1u);
  std::vector<std::pair<double, double>> points;
  for (const double m : {0.5, 1.0, 2.0, 8.0, 30.0, 120.0})
    points.emplace_back(m * eta, loss - m * eta * size * size + m * m * eta * eta / 2 * product(g, hg));
  double smallest = points[0].second, largest = smallest;
  for (const auto& [rate, value] : points) smallest = std::min(smallest, value), largest = std::max(largest, value);
  EXPECT_EQ(rows[0].at("step"), "7");
  expect_near(rows[0], "loss", loss, 1e-5);
  expect_near(rows[0], "gradient_norm", size, 1e-5);
  expect_near(rows[0], "loss_minimum", smallest);
  expect_near(rows[0], "loss_maximum", largest);
  expect_near(rows[0], "loss_range", largest - smallest);
  expect_near(rows[0], "gradient_change", 120 * eta * moved);
  expect_near(rows[0], "relative_change", 120 * eta * moved / size);
  expect_near(rows[0], "smoothness", moved / size);
  expect_near(rows[0], "critical_rate", rate_at(points, 10 * loss));
  expect_near(rows[0], "rise_rate", rate_at(points, loss));
  expect_near(rows[0], "best_ratio", smallest / loss);

  const std::vector<Row> of_points = test::read_rows(probe.folder / "run/landscape_points.csv");
  ASSERT_EQ(of_points.size(), points.size());
  EXPECT_EQ(of_points[0].at("multiplier"), "0.5");
  EXPECT_EQ(of_points[5].at("multiplier"), "120");
  for (std::size_t i = 0; i < points.size(); ++i) {
    expect_near(of_points[i], "rate", points[i].first);
    expect_near(of_points[i], "loss", points[i].second);
    expect_near(of_points[i], "loss_ratio", points[i].second / loss);
    expect_near(of_points[i], "gradient_change", points[i].first * moved);
    expect_near(of_points[i], "relative_change", points[i].first * moved / size);
    expect_near(of_points[i], "smoothness", moved / size, 1e-3);  // a small change of large numbers
  }
}

/// Of every parameter, gamma and beta included, or with trainable.select normalization of these alone.
TEST(Landscape, OfATwin) {
  for (const bool all : {true, false}) {
    config::RunConfig run = conv_run(NormalizationType::batch);
    if (!all) run.optimizer.trainable.select = config::Trainable::normalization;
    config::ProbeConfig probe_config = landscape_of({1, 4});
    probe_config.unit = config::StepUnit::one;
    Twin twin(run, probe_config, conv_twin(true));
    give_batch(twin);
    const double loss = twin.run().loss;
    const Gradients g = gradients_of(twin.net, all);
    const Values theta = values_of(twin.net);
    double change = 0, smoothness = 0, smallest = INFINITY, largest = 0;
    for (const double m : {1.0, 4.0}) {
      for (const auto& [name, gradient] : g)
        for (std::int64_t i = 0; i < gradient.size(); ++i)
          twin.net.value(name).values[i] = theta.at(name).values[i] - m * gradient.values[i];
      const double there = twin.run().loss;
      const double moved = distance(gradients_of(twin.net, all), g);
      smallest = std::min(smallest, there), largest = std::max(largest, there);
      change = std::max(change, moved), smoothness = std::max(smoothness, moved / (m * size_of(g)));
    }
    twin.probe.probe->gradients_ready(3, 0.125);  // unit one: the rate has no part in it
    twin.probe.probe->step_done(3);
    const Row row = test::read_rows(twin.probe.folder / "run/landscape.csv").at(0);
    expect_near(row, "loss", loss);
    expect_near(row, "gradient_norm", size_of(g));
    expect_near(row, "loss_minimum", smallest);
    expect_near(row, "loss_maximum", largest);
    expect_near(row, "loss_range", largest - smallest, 1e-3);
    expect_near(row, "gradient_change", change);
    expect_near(row, "relative_change", change / size_of(g));
    expect_near(row, "smoothness", smoothness);
  }
}

/// With weights a w behind batch normalization and rate a^2 eta: gradients are 1/a of those, and losses are the same.
TEST(Landscape, OfScaledWeights) {
  config::RunConfig run = test::small_config(NormalizationType::batch, {});
  run.network.layers = {test::block(config::Flatten{}), test::dense_block(17, Activation::tanh),
                        test::dense_block(5, Activation::identity)};
  run.normalization.epsilon = 0;
  run.normalization.affine = false;
  std::vector<Row> rows;
  const double a = 8;
  for (const double factor : {1.0, a}) {
    ProbeRun probe(run, landscape_of({0.5, 1, 4}));
    for (const auto& parameter : probe.network.parameters().all()) {
      std::vector<float> values = parameter->row_major_value();
      for (float& value : values) value *= static_cast<float>(factor);
      parameter->set_row_major_value(values);
    }
    test::run_first_batch(probe.network, probe.dataset, probe.scaler);
    probe.probe->gradients_ready(1, 0.5 * factor * factor);
    probe.probe->step_done(1);
    rows.push_back(test::read_rows(probe.folder / "run/landscape.csv").at(0));
  }
  const auto value = [&](std::size_t i, const char* column) { return std::stod(rows[i].at(column)); };
  expect_near(rows[1], "loss_range", value(0, "loss_range"), 1e-6);
  expect_near(rows[1], "gradient_change", value(0, "gradient_change") / a, 1e-6);
  expect_near(rows[1], "relative_change", value(0, "relative_change"), 1e-6);
  expect_near(rows[1], "smoothness", value(0, "smoothness") / (a * a), 1e-6);
  EXPECT_GT(value(0, "loss_range"), 0.01);
}

/// To first order the loss falls by m eta |g|^2.
TEST(Landscape, OfSmallSteps) {
  ProbeRun probe(conv_run(NormalizationType::batch), probe_of(ProbeType::landscape));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  const double eta = 3e-3;
  probe.probe->gradients_ready(1, eta);
  probe.probe->step_done(1);
  const Row row = test::read_rows(probe.folder / "run/landscape.csv").at(0);
  const double gradient = std::stod(row.at("gradient_norm"));
  expect_near(row, "loss_range", 3.5 * eta * gradient * gradient, 0.05);
  EXPECT_EQ(row.at("critical_rate"), "inf");
  EXPECT_EQ(row.at("rise_rate"), "inf");
}

TEST(Landscape, CountsWhatIsNotFiniteAsInfinite) {
  ProbeRun probe(test::small_config(NormalizationType::none,
                                    {test::block(config::Flatten{}), test::dense_block(3, Activation::relu)}),
                 landscape_of({1e-3, 1e30}));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  probe.probe->gradients_ready(1, 1.0);
  probe.probe->step_done(1);
  const Row row = test::read_rows(probe.folder / "run/landscape.csv").at(0);
  for (const char* column : {"loss_maximum", "loss_range", "gradient_change", "relative_change", "smoothness"})
    EXPECT_EQ(row.at(column), "inf") << column;
  EXPECT_EQ(row.at("critical_rate"), "1e+30");
  EXPECT_LE(std::stod(row.at("best_ratio")), 1);
}

}  // namespace
}  // namespace bnlab::probes
