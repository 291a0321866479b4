// Probes of what a normalization does to its values, its gradients and its statistics.
#include <fmt/format.h>

#include "probes/twin_testing.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

TEST(IdentityRecovery, OfEachNormalization) {
  Twin twin(conv_run(NormalizationType::batch), probe_of(ProbeType::identity_recovery), conv_twin(true));
  const NpzArrays before = twin.probe.network.weights();
  const std::vector<Row> rows = twin.probe.measure("identity_recovery", 1);
  ASSERT_EQ(rows.size(), 3u);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("layer"), fmt::format("normalization{}", i + 1));
    EXPECT_LT(std::stod(rows[i].at("error")), 1e-6);
  }
  EXPECT_EQ(twin.probe.network.weights(), before);
}

TEST(IdentityRecovery, NeedsBatchNormalizationWithGammaAndBeta) {
  config::RunConfig run = conv_run(NormalizationType::group);
  run.probes = {probe_of(ProbeType::identity_recovery)};
  EXPECT_THROW(check(run, {}), ConfigError);
  run.normalization.type = NormalizationType::batch;
  EXPECT_NO_THROW(check(run, {}));
  run.normalization.affine = false;
  EXPECT_THROW(check(run, {}), ConfigError);
}

/// What normalization_gradients says of one layer, from its definition.
struct ExpectedGradients {
  double ones = 0, normalized = 0, error = 0;  // the largest of all channels
  double mean_ones = 0, mean_normalized = 0;
};

/// y, dy: the layer's input and its gradient; g: the gradient of its output.
ExpectedGradients expected_gradients(const Array& y, const Array& dy, const Array& g, const Array& gamma,
                                     const reference::Statistics& statistics) {
  const auto channels = static_cast<std::size_t>(y.dim(1));
  std::vector<double> ones(channels), hat(channels), dy2(channels), hat2(channels), g1(channels), gh(channels),
      g2(channels);
  reference::for_each_in_channel(y.shape, [&](std::int64_t channel, std::int64_t k) {
    const auto c = static_cast<std::size_t>(channel);
    const double h = (y.values[k] - statistics.mean.values[channel]) / std::sqrt(statistics.variance.values[channel]);
    ones[c] += dy.values[k];
    hat[c] += h * dy.values[k];
    dy2[c] += dy.values[k] * dy.values[k];
    hat2[c] += h * h;
    g1[c] += g.values[k];
    gh[c] += h * g.values[k];
    g2[c] += g.values[k] * g.values[k];
  });
  const double m = static_cast<double>(y.size()) / static_cast<double>(channels);
  ExpectedGradients all;
  for (std::size_t c = 0; c < channels; ++c) {
    const double one = std::abs(ones[c]) / std::sqrt(m * dy2[c]);
    const double normalized = std::abs(hat[c]) / std::sqrt(hat2[c] * dy2[c]);
    const double scale = gamma.values[static_cast<std::int64_t>(c)];
    const double expected = scale * scale / statistics.variance.values[static_cast<std::int64_t>(c)] *
                            (g2[c] - g1[c] * g1[c] / m - gh[c] * gh[c] / m);
    all.error = std::max(all.error, std::abs(dy2[c] - expected) / dy2[c]);
    all.ones = std::max(all.ones, one);
    all.normalized = std::max(all.normalized, normalized);
    all.mean_ones += one / static_cast<double>(channels);
    all.mean_normalized += normalized / static_cast<double>(channels);
  }
  return all;
}

void expect_row(const Row& row, const ExpectedGradients& expected) {
  const std::vector<std::pair<std::string, double>> columns{{"ones_cosine", expected.ones},
                                                            {"normalized_cosine", expected.normalized},
                                                            {"identity_error", expected.error},
                                                            {"ones_cosine_mean", expected.mean_ones},
                                                            {"normalized_cosine_mean", expected.mean_normalized}};
  for (const auto& [column, value] : columns)
    EXPECT_NEAR(std::stod(row.at(column)), value, 1e-4 * std::max(1.0, value)) << row.at("layer") << " " << column;
}

TEST(NormalizationGradients, CosinesAndIdentity) {
  for (const bool frozen : {false, true}) {
    Twin twin(conv_run(frozen ? NormalizationType::frozen : NormalizationType::batch, 0),
              probe_of(ProbeType::normalization_gradients), conv_twin(true, 0));
    // Gamma and beta that are not 1 and 0.
    for (const auto& parameter : twin.probe.network.parameters().all())
      if (parameter->kind == layers::ParameterKind::gamma || parameter->kind == layers::ParameterKind::beta)
        parameter->set_row_major_value(test::numbers(static_cast<std::size_t>(parameter->count()), 7));
    for (const std::string& name : twin.net.parameter_names())
      Twin::take(twin.net.value(name), twin.probe.network.weights().at(name));
    twin.run(frozen ? Mode::frozen : Mode::batch);
    const std::vector<Row> rows = twin.probe.measure("normalization_gradients", 1);
    ASSERT_EQ(rows.size(), 3u);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string layer = fmt::format("normalization{}", i + 1);
      EXPECT_EQ(rows[i].at("layer"), layer);
      const Array& y = twin.net.src(layer);
      reference::Statistics statistics = reference::batch_statistics(y);
      if (frozen) statistics.mean.values.assign(statistics.mean.values.size(), 0.0);
      if (frozen) statistics.variance.values.assign(statistics.variance.values.size(), 1.0);
      const ExpectedGradients expected = expected_gradients(y, twin.net.diff_src(layer), twin.net.diff_dst(layer),
                                                            twin.net.value(layer + ".gamma"), statistics);
      expect_row(rows[i], expected);
      if (!frozen) {
        EXPECT_LT(expected.error, 1e-9);  // the theorem, in double precision
        EXPECT_LT(expected.normalized, 1e-9);
      } else {
        EXPECT_GT(std::stod(rows[i].at("ones_cosine_mean")), 0.01);
        EXPECT_GT(expected.error, 0.01);
      }
    }
  }
}

// A channel without variance has no deviation to measure by. The means are over the others.
TEST(StatisticsGap, WithoutChannelsOfOneValue) {
  for (const std::size_t constant : {1u, 17u}) {
    config::RunConfig run = test::small_mlp(NormalizationType::batch);
    run.normalization.precise_batches = 2;
    ProbeRun probe(run, probe_of(ProbeType::statistics_gap));
    layers::Parameter& weights = *probe.network.parameters().all()[0];  // (17, 24)
    std::vector<float> values = weights.row_major_value();
    std::fill_n(values.begin(), constant * 24, 0.0f);
    weights.set_row_major_value(values);
    test::run_first_batch(probe.network, probe.dataset, probe.scaler);
    probe.network.update_running_statistics();
    const std::vector<Row> rows = probe.measure("statistics_gap", 1);
    const normalization::NormalizationState& state = *probe.network.states()[0];
    double gap = 0, ratio = 0;
    for (std::size_t c = constant; c < 17; ++c) {
      const auto variance = static_cast<double>(state.population_variance[c]);
      gap += std::abs(static_cast<double>(state.running_mean[c] - state.population_mean[c])) / std::sqrt(variance);
      ratio += std::log(variance / static_cast<double>(state.running_variance[c]));
    }
    const double none = std::numeric_limits<double>::quiet_NaN(), others = 17.0 - static_cast<double>(constant);
    test::expect_value(rows[0], "running_mean_gap", others > 0 ? gap / others : none);
    test::expect_value(rows[0], "running_variance_ratio", others > 0 ? std::exp(ratio / others) : none);
    EXPECT_EQ(rows[0].at("batch_variance_ratio") == "nan", others == 0);
  }
}

// The gradient of the input of a constant channel is 0, with frozen statistics too: nothing is left of it to compare.
TEST(NormalizationGradients, OfAConstantChannelWithoutEpsilon) {
  config::RunConfig run = test::small_mlp(NormalizationType::batch);
  run.normalization.epsilon = 0;
  ProbeRun probe(run, probe_of(ProbeType::normalization_gradients));
  layers::Parameter& weights = *probe.network.parameters().all()[0];
  std::vector<float> values = weights.row_major_value();
  std::fill_n(values.begin(), 24, 0.0f);
  weights.set_row_major_value(values);
  for (const Row& row : probe.measure("normalization_gradients", 1)) {
    for (const char* column : {"ones_cosine", "normalized_cosine", "identity_error"})
      EXPECT_LT(std::stod(row.at(column)), 1e-3) << column;
  }
}

TEST(StatisticsGap, BesidePreciseStatistics) {
  config::RunConfig run = test::small_mlp(NormalizationType::batch);
  run.normalization.precise_batches = 3;
  run.normalization.running_average_decay = 0.75;
  ProbeRun probe(run, probe_of(ProbeType::statistics_gap));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  probe.network.update_running_statistics();
  probe.probe->step_done(0);  // writes nothing
  const std::vector<Row> rows = probe.measure("statistics_gap", 1);
  ASSERT_EQ(rows.size(), 2u);
  // Precise statistics of the first layer, from its weights: means over three batches of their own order.
  data::BatchOrder order(run.training.seed, probe.dataset.train.size(), 6, RandomPurpose::precise_statistics);
  const std::vector<float> weights = probe.network.parameters().all()[0]->row_major_value();  // (17, 24)
  std::vector<double> mean(17), variance(17);
  for (std::int64_t b = 0; b < 3; ++b) {
    std::vector<float> images(6 * 24);
    std::vector<std::int32_t> labels(6);
    probe.scaler.gather(probe.dataset.train, order.batch(b), images.data(), labels.data());
    Array y = reference::zeros({6, 17});
    for (std::int64_t n = 0; n < 6; ++n)
      for (std::int64_t u = 0; u < 17; ++u)
        for (std::int64_t k = 0; k < 24; ++k)
          y.values[n * 17 + u] += static_cast<double>(weights[static_cast<std::size_t>(u * 24 + k)]) *
                                  static_cast<double>(images[static_cast<std::size_t>(n * 24 + k)]);
    const reference::Statistics statistics = reference::batch_statistics(y);
    for (std::size_t u = 0; u < 17; ++u) {
      mean[u] += statistics.mean.values[static_cast<std::int64_t>(u)] / 3;
      variance[u] += statistics.variance.values[static_cast<std::int64_t>(u)] * 6 / 5 / 3;  // unbiased
    }
  }
  const normalization::NormalizationState& state = *probe.network.states()[0];
  double running_gap = 0, running_ratio = 0, batch_gap = 0, batch_ratio = 0;
  for (std::size_t u = 0; u < 17; ++u) {
    const double sd = std::sqrt(variance[u]);
    running_gap += std::abs(static_cast<double>(state.running_mean[u]) - mean[u]) / sd / 17;
    running_ratio += std::log(variance[u] / static_cast<double>(state.running_variance[u])) / 17;
    batch_gap += std::abs(static_cast<double>(state.batch_mean[u]) - mean[u]) / sd / 17;
    batch_ratio += std::log(variance[u] / (static_cast<double>(state.batch_variance[u]) * 6 / 5)) / 17;
  }
  EXPECT_EQ(rows[0].at("layer"), "normalization1");
  expect_near(rows[0], "running_mean_gap", running_gap);
  expect_near(rows[0], "running_variance_ratio", std::exp(running_ratio));
  expect_near(rows[0], "batch_mean_gap", batch_gap);
  expect_near(rows[0], "batch_variance_ratio", std::exp(batch_ratio));
}

}  // namespace
}  // namespace bnlab::probes
