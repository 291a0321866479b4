// Eigenvalues of the training loss's Hessian, against closed forms and differences in double precision.
#include "probes/hessian_product.h"
#include "probes/lanczos.h"
#include "probes/training_batch_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

config::ProbeConfig hessian_of(std::vector<config::CurvatureStatistics> statistics) {
  config::ProbeConfig probe = probe_of(ProbeType::hessian);
  probe.statistics = std::move(statistics);
  probe.tolerance = 1e-4;
  probe.iterations = 60;
  return probe;
}

using Vector = std::vector<double>;

double length(const Vector& v) {
  double sum = 0;
  for (const double value : v) sum += value * value;
  return std::sqrt(sum);
}

using Matrix = std::vector<Vector>;

Vector product_of(const Matrix& matrix, const Vector& v) {
  Vector result(v.size(), 0.0);
  for (std::size_t i = 0; i < v.size(); ++i)
    for (std::size_t j = 0; j < v.size(); ++j) result[i] += matrix[i][j] * v[j];
  return result;
}

/// Of the matrix plus `shift` on its diagonal: the eigenvalue of largest magnitude, by power iteration.
double dominant(const Matrix& matrix, double shift, int iterations) {
  Vector v(matrix.size());
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = std::sin(1.0 + static_cast<double>(i));
  double found = 0;
  for (int k = 0; k < iterations; ++k) {
    const double before = length(v);
    for (double& value : v) value /= before;
    Vector next = product_of(matrix, v);
    found = 0;
    for (std::size_t i = 0; i < v.size(); ++i) found += v[i] * (next[i] += shift * v[i]);
    v = next;
  }
  return found;
}

/// With the magnitude of all eigenvalues added, the largest is the one of largest magnitude.
double largest(const Matrix& matrix, int iterations) {
  const double shift = std::abs(dominant(matrix, 0, iterations));
  return dominant(matrix, shift, iterations) - shift;
}

TEST(Lanczos, OfADiagonal) {
  const auto product = [](const std::vector<float>& x, std::vector<float>& y) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * (i == 2 ? 5.0f : -static_cast<float>(i));
  };
  const Eigenvalue found = largest_eigenvalue(product, product, std::vector<float>(9, 1.0f), 20, 1e-5);
  EXPECT_NEAR(found.value, 5, 1e-5);
  EXPECT_LT(found.residual, 1e-4);
  EXPECT_LE(found.iterations, 9);
}

TEST(Lanczos, IsTheLargestAndNotThatOfTheLargestMagnitude) {
  const auto product = [](const std::vector<float>& x, std::vector<float>& y) {  // eigenvalues -1 and -3
    y[0] = -2 * x[0] + x[1];
    y[1] = x[0] - 2 * x[1];
  };
  EXPECT_NEAR(largest_eigenvalue(product, product, {1.0f, 0.5f}, 5, 1e-5).value, -1, 1e-6);
}

TEST(Lanczos, OfZeroAndOfWhatIsNotFinite) {
  const auto zero = [](const std::vector<float>&, std::vector<float>& y) { std::ranges::fill(y, 0.0f); };
  EXPECT_EQ(largest_eigenvalue(zero, zero, {1, 2, 3}, 5, 1e-3).value, 0);
  EXPECT_EQ(largest_eigenvalue(zero, zero, {1, 2, 3}, 5, 1e-3).iterations, 1);
  const auto overflow = [](const std::vector<float>&, std::vector<float>& y) { std::ranges::fill(y, INFINITY); };
  EXPECT_TRUE(std::isnan(largest_eigenvalue(overflow, overflow, {1, 2, 3}, 5, 1e-3).value));
}

/// One dense layer with squared error: for each unit 2 / (N K) X^T X, X with a column of ones for the bias.
TEST(Hessian, OfLeastSquares) {
  config::RunConfig run = test::small_config(NormalizationType::none, {test::block(config::Flatten{})});
  run.loss.type = config::LossType::squared_error;
  config::ProbeConfig probe_config = hessian_of({config::CurvatureStatistics::batch});
  probe_config.examples = 17;
  ProbeRun probe(run, probe_config);
  const Row row = probe.measure("hessian", 3).at(0);
  data::BatchOrder order(run.training.seed, probe.dataset.train.size(), 17, RandomPurpose::probe);
  std::vector<float> images(17 * 24);
  std::vector<std::int32_t> labels(17);
  probe.scaler.gather(probe.dataset.train, order.batch(0), images.data(), labels.data());
  const auto input = [&](int n, int i) { return i < 24 ? double{images[static_cast<std::size_t>(n * 24 + i)]} : 1.0; };
  Matrix matrix(25, Vector(25, 0.0));
  for (int i = 0; i < 25; ++i)
    for (int j = 0; j < 25; ++j)
      for (int n = 0; n < 17; ++n) matrix[i][j] += 2.0 / (17 * 5) * input(n, i) * input(n, j);
  EXPECT_EQ(row.at("step"), "3");
  EXPECT_EQ(row.at("statistics"), "batch");
  expect_near(row, "eigenvalue", largest(matrix, 500));
  EXPECT_LT(std::stod(row.at("residual")), 1e-2);
  EXPECT_EQ(row.at("weight_norm"), "0");
  EXPECT_EQ(row.at("eigenvalue_normalized"), "nan");
  expect_near(row, "eigenvalue_rate", std::stod(row.at("eigenvalue")) * run.optimizer.learning_rate / 2, 1e-6);
}

/// The rate of the step, which a schedule changes, and not that of the config; before the first step there is no other.
TEST(Hessian, UsesTheRateOfTheStep) {
  config::RunConfig run = test::small_config(NormalizationType::none, {test::block(config::Flatten{})});
  run.optimizer.learning_rate = 0.5;
  ProbeRun probe(run, hessian_of({config::CurvatureStatistics::batch}));
  probe.probe->step_done(0);
  probe.probe->gradients_ready(1, 0.02);
  probe.probe->step_done(1);
  const std::vector<Row> rows = test::read_rows(probe.folder / "run/hessian.csv");
  expect_near(rows.at(0), "eigenvalue_rate", std::stod(rows[0].at("eigenvalue")) * 0.25, 1e-6);
  expect_near(rows.at(1), "eigenvalue_rate", std::stod(rows[1].at("eigenvalue")) * 0.01, 1e-6);
}

/// Constant statistics: those of the batch that the twin has just seen, biased.
void freeze_statistics(Net& net, const Array& src) {
  const std::int64_t channels = src.dim(1);
  const auto values = static_cast<double>(src.size() / channels);
  Array mean = reference::zeros({channels}), variance = mean;
  reference::for_each_in_channel(src.shape,
                                 [&](std::int64_t c, std::int64_t i) { mean.values[c] += src.values[i] / values; });
  reference::for_each_in_channel(src.shape, [&](std::int64_t c, std::int64_t i) {
    variance.values[c] += std::pow(src.values[i] - mean.values[c], 2) / values;
  });
  net.state("normalization1.running_mean") = mean;
  net.state("normalization1.running_variance") = variance;
}

/// By differences of the twin's gradients in double precision.
Matrix hessian_of(Net net, const Twin& twin, Mode mode) {
  const double h = 1e-5;
  Matrix rows;
  for (const std::string& name : net.parameter_names())
    for (std::int64_t i = 0; i < net.value(name).size(); ++i) {
      const double value = net.value(name).values[i];
      Vector row;
      for (const double side : {-1.0, 1.0}) {
        net.value(name).values[i] = value + side * h;
        net.gradients(twin.images, twin.labels, mode);
        std::size_t k = 0;
        for (const std::string& other : net.parameter_names())
          for (const double slope : net.gradient(other).values) {
            if (side < 0) row.push_back(0.0);
            row[k++] += side * slope / (2 * h);
          }
      }
      net.value(name).values[i] = value;
      rows.push_back(row);
    }
  return rows;
}

TEST(Hessian, OfATwin) {
  using config::CurvatureStatistics;
  const config::RunConfig run = test::small_config(
      NormalizationType::batch, {test::conv_block(3, Activation::tanh), test::block(config::Flatten{})});
  Net net;
  net.conv(2, 3, {3, 3}, {{1, 1}, {1, 1}, 1}, false).normalization(3).activation(reference::Activation::tanh);
  net.flatten().dense(36, 5);
  Twin twin(run, hessian_of({CurvatureStatistics::batch, CurvatureStatistics::frozen}), net);
  const std::vector<Row> rows = twin.probe.measure("hessian", 0);
  ASSERT_EQ(rows.size(), 2u);
  twin.run();
  freeze_statistics(twin.net, twin.net.src("normalization1"));
  const double weights = squares(twin.net.value("conv1.weights"));
  for (const Row& row : rows) {
    const Mode mode = row.at("statistics") == "batch" ? Mode::batch : Mode::frozen;
    expect_near(row, "eigenvalue", largest(hessian_of(twin.net, twin, mode), 1000));
    expect_near(row, "weight_norm", std::sqrt(weights), 1e-5);
    expect_near(row, "eigenvalue_normalized", std::stod(row.at("eigenvalue")) * weights, 1e-5);
    EXPECT_LT(std::stod(row.at("residual")), 1e-2);
  }
  EXPECT_NE(rows[0].at("eigenvalue"), rows[1].at("eigenvalue"));
}

/// g(a w) = g(w) / a, differentiated: H w = -g in the block of w, and 0 elsewhere.
TEST(Hessian, OfScaleInvariantWeights) {
  ProbeRun probe(conv_run(NormalizationType::batch, 0), probe_of(ProbeType::hessian));
  const ProbeContext context{probe.network, probe.dataset, probe.scaler, probe.run, {}};
  const NetworkGuard guard(probe.network);
  TrainingLoss loss(context, 6, GradientOf::trainable_parameters);
  const std::vector<std::uint32_t> indices{4, 9, 2, 0, 17, 8};
  loss.load(1, indices);
  loss.keep_parameters();
  HessianProduct product(context, loss, 1e-3);
  loss.evaluate(loss.kept());
  const std::span<const float> diffs = probe.network.parameters().diffs();
  const std::vector<float> gradient(diffs.begin(), diffs.end());
  for (const layers::Segment& segment : probe.network.parameters().segments()) {
    const bool invariant =
        segment.parameter->kind == layers::ParameterKind::weights && probe.network.is_normalized(*segment.parameter);
    if (!invariant) continue;
    std::vector<float> w(gradient.size()), hw, expected(gradient.size());
    for (std::size_t i = segment.offset; i < segment.offset + segment.length; ++i) {
      w[i] = loss.kept()[i];
      expected[i] = -gradient[i];
    }
    product(w, hw);
    EXPECT_LT(distance(hw, expected), 2e-3 * norm(expected)) << segment.parameter->name;
    double along = 0;
    for (std::size_t i = 0; i < w.size(); ++i) along += static_cast<double>(w[i]) * static_cast<double>(hw[i]);
    EXPECT_LT(std::abs(along), 2e-3 * norm(w) * norm(expected)) << segment.parameter->name;
  }
}

TEST(Hessian, RefusesStatisticsThatCannotBeFrozenAndBatchesOfOneValue) {
  const auto error = [](NormalizationType type, std::int64_t examples) {
    config::RunConfig run = test::small_mlp(type);
    run.dataset.name = "gaussian_clusters";
    run.dataset.synthetic.outputs = 5;
    config::ProbeConfig probe = hessian_of({config::CurvatureStatistics::frozen});
    probe.examples = examples;
    run.probes = {probe};
    return test::error_text<ConfigError>([&] { check(run, {}); });
  };
  test::expect_contains(error(NormalizationType::ghost, 0),
                        "probes.0.statistics: frozen needs normalization.type batch");
  test::expect_contains(error(NormalizationType::batch, 1), "probes.0.examples: ");
}

}  // namespace
}  // namespace bnlab::probes
