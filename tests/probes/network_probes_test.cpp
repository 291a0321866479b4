// The probes that look inside the network, against the same network in double precision.
#include <fmt/format.h>

#include "data/batch_order.h"
#include "network/network_testing.h"
#include "probes/probe_testing.h"
#include "util/errors.h"
#include "util/random.h"

namespace bnlab::probes {
namespace {

using config::Activation;
using config::NormalizationType;
using config::ProbeType;
using reference::Array;
using reference::Mode;
using reference::Net;
using test::ProbeRun;
using test::Row;

config::ProbeConfig probe_of(ProbeType type) { return {.type = type, .every = 1, .examples = 0, .units = {}}; }

/// A small network, its twin in double precision with the same weights, and the batch that its probe looks at.
struct Twin {
  Twin(const config::RunConfig& run, const config::ProbeConfig& probe_config, Net twin)
      : probe(run, probe_config), net(std::move(twin)) {
    NpzArrays arrays = probe.network.weights();
    for (const std::string& name : net.parameter_names()) take(net.value(name), arrays.at(name));
    for (const std::string& name : net.state_names()) take(net.state(name), arrays.at(name));
    const std::int64_t size = run.training.batch_size;
    data::BatchOrder order(run.training.seed, probe.dataset.train.size(), size, RandomPurpose::probe);
    std::vector<float> floats(static_cast<std::size_t>(size * 24));
    labels.resize(static_cast<std::size_t>(size));
    probe.scaler.gather(probe.dataset.train, order.batch(0), floats.data(), labels.data());
    images = reference::from_floats({size, 2, 4, 3}, floats);
  }

  static void take(Array& array, const NpyArray& values) {
    const auto& floats = std::get<std::vector<float>>(values.values);
    ASSERT_EQ(static_cast<std::int64_t>(floats.size()), array.size());
    for (std::size_t i = 0; i < floats.size(); ++i) array.values[i] = static_cast<double>(floats[i]);
  }

  reference::Loss run(Mode mode = Mode::batch) { return net.gradients(images, labels, mode); }

  ProbeRun probe;
  Net net;
  Array images;
  std::vector<std::int32_t> labels;
};

config::RunConfig conv_run(NormalizationType type, double epsilon = 1e-5) {
  config::RunConfig run =
      test::small_config(type, {test::conv_block(3, Activation::tanh), test::conv_block(17, Activation::tanh),
                                test::block(config::Flatten{}), test::dense_block(5, Activation::sigmoid)});
  run.normalization.epsilon = epsilon;
  return run;
}

Net conv_twin(bool normalized, double epsilon = 1e-5) {
  const reference::ConvGeometry same{{1, 1}, {1, 1}, 1};
  reference::NormalizationOptions options;
  options.epsilon = epsilon;
  Net net;
  std::int64_t channels = 2;
  for (const std::int64_t outputs : {3, 17}) {
    net.conv(channels, outputs, {3, 3}, same, !normalized);
    if (normalized) net.normalization(outputs, options);
    net.activation(reference::Activation::tanh);
    channels = outputs;
  }
  net.flatten().dense(17 * 12, 5, !normalized);
  if (normalized) net.normalization(5, options);
  return net.activation(reference::Activation::sigmoid).dense(5, 5);
}

void expect_near(const Row& row, const std::string& column, double expected, double tolerance = 1e-4) {
  const double found = std::stod(row.at(column));
  EXPECT_NEAR(found, expected, tolerance * std::max(1e-3, std::abs(expected)))
      << row.at("step") << " " << column << " " << (row.contains("layer") ? row.at("layer") : "");
}

double squares(const Array& array) {
  double sum = 0;
  for (std::int64_t i = 0; i < array.size(); ++i) sum += array.values[i] * array.values[i];
  return sum;
}

TEST(ChannelMoments, AreThoseOfEachLayersOutput) {
  for (const bool normalized : {false, true}) {
    Twin twin(conv_run(normalized ? NormalizationType::batch : NormalizationType::none),
              probe_of(ProbeType::channel_moments), conv_twin(normalized));
    twin.run();
    const std::vector<Row> rows = twin.probe.measure("channel_moments", 3);
    const std::vector<std::string> layers = twin.net.layer_names();
    ASSERT_EQ(rows.size(), layers.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].at("layer"), layers[i]);
      const Array& dst = twin.net.dst(layers[i]);
      const reference::Statistics statistics = reference::batch_statistics(dst);
      double magnitude = 0, variance = 0;
      for (std::int64_t c = 0; c < dst.dim(1); ++c) {
        magnitude += std::abs(statistics.mean.values[c]) / static_cast<double>(dst.dim(1));
        variance += statistics.variance.values[c] / static_cast<double>(dst.dim(1));
      }
      expect_near(rows[i], "mean_magnitude", magnitude, 1e-3);
      expect_near(rows[i], "variance", variance);
      expect_near(rows[i], "second_moment", squares(dst) / static_cast<double>(dst.size()));
    }
    EXPECT_EQ(rows[0].at("type"), "conv");
    EXPECT_EQ(rows[normalized ? 1 : 0].at("type"), normalized ? "batch" : "conv");
  }
}

TEST(LayerGradients, AreThoseOfEachLayersOutput) {
  for (const bool normalized : {false, true}) {
    Twin twin(conv_run(normalized ? NormalizationType::batch : NormalizationType::none),
              probe_of(ProbeType::layer_gradients), conv_twin(normalized));
    twin.run();
    const std::vector<Row> rows = twin.probe.measure("layer_gradients", 3);
    const std::vector<std::string> layers = twin.net.layer_names();
    ASSERT_EQ(rows.size(), layers.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].at("layer"), layers[i]);
      const Array& diff = twin.net.diff_dst(layers[i]);
      const auto count = static_cast<double>(diff.size());
      double mean = 0;
      for (std::int64_t k = 0; k < diff.size(); ++k) mean += diff.values[k] / count;
      const double variance = squares(diff) / count - mean * mean;
      EXPECT_NEAR(std::stod(rows[i].at("gradient_norm")) / std::sqrt(squares(diff)), 1, 1e-4) << layers[i];
      EXPECT_NEAR(std::stod(rows[i].at("squared_norm")) / squares(diff), 1, 1e-4) << layers[i];
      EXPECT_NEAR(std::stod(rows[i].at("variance")) / variance, 1, 1e-4) << layers[i];
    }
  }
}

TEST(Representations, EffectiveRankAndCosine) {
  Twin twin(conv_run(NormalizationType::batch), probe_of(ProbeType::representations), conv_twin(true));
  twin.run();
  const std::vector<Row> rows = twin.probe.measure("representations", 1);
  const std::vector<std::string> layers = twin.net.layer_names();
  ASSERT_EQ(rows.size(), layers.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Array& h = twin.net.dst(layers[i]);
    const std::int64_t n = h.dim(0), d = h.size() / n;
    std::vector<std::vector<double>> gram(static_cast<std::size_t>(n),
                                          std::vector<double>(static_cast<std::size_t>(n)));
    for (std::int64_t a = 0; a < n; ++a)
      for (std::int64_t b = 0; b < n; ++b)
        for (std::int64_t k = 0; k < d; ++k)
          gram[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)] += h.values[a * d + k] * h.values[b * d + k];
    double trace = 0, frobenius = 0, cosines = 0;
    for (std::size_t a = 0; a < gram.size(); ++a)
      for (std::size_t b = 0; b < gram.size(); ++b) {
        if (a == b) trace += gram[a][a];
        if (a != b) cosines += gram[a][b] / std::sqrt(gram[a][a] * gram[b][b]);
        frobenius += gram[a][b] * gram[a][b];
      }
    expect_near(rows[i], "effective_rank", trace * trace / frobenius);
    expect_near(rows[i], "mean_cosine", cosines / static_cast<double>(n * (n - 1)), 1e-3);
  }
}

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

TEST(NormalizationGradients, CosinesAndIdentity) {
  for (const bool frozen : {false, true}) {
    Twin twin(conv_run(frozen ? NormalizationType::frozen : NormalizationType::batch, 0),
              probe_of(ProbeType::normalization_gradients), conv_twin(true, 0));
    // Gamma and beta that are not 1 and 0.
    for (const auto& parameter : twin.probe.network.parameters().all())
      if (parameter->kind == layers::ParameterKind::gamma || parameter->kind == layers::ParameterKind::beta)
        parameter->set_plain_value(test::numbers(static_cast<std::size_t>(parameter->count()), 7));
    for (const std::string& name : twin.net.parameter_names())
      Twin::take(twin.net.value(name), twin.probe.network.weights().at(name));
    twin.run(frozen ? Mode::frozen : Mode::batch);
    const std::vector<Row> rows = twin.probe.measure("normalization_gradients", 1);
    ASSERT_EQ(rows.size(), 3u);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string layer = fmt::format("normalization{}", i + 1);
      EXPECT_EQ(rows[i].at("layer"), layer);
      const Array& y = twin.net.src(layer);
      const Array& dy = twin.net.diff_src(layer);
      const Array& g = twin.net.diff_dst(layer);
      const Array& gamma = twin.net.value(layer + ".gamma");
      reference::Statistics statistics = reference::batch_statistics(y);
      if (frozen) statistics.mean.values.assign(statistics.mean.values.size(), 0.0);
      if (frozen) statistics.variance.values.assign(statistics.variance.values.size(), 1.0);
      const auto channels = static_cast<std::size_t>(y.dim(1));
      std::vector<double> ones(channels), hat(channels), dy2(channels), hat2(channels), g1(channels), gh(channels),
          g2(channels);
      reference::for_each_in_channel(y.shape, [&](std::int64_t channel, std::int64_t k) {
        const auto c = static_cast<std::size_t>(channel);
        const double h =
            (y.values[k] - statistics.mean.values[channel]) / std::sqrt(statistics.variance.values[channel]);
        ones[c] += dy.values[k];
        hat[c] += h * dy.values[k];
        dy2[c] += dy.values[k] * dy.values[k];
        hat2[c] += h * h;
        g1[c] += g.values[k];
        gh[c] += h * g.values[k];
        g2[c] += g.values[k] * g.values[k];
      });
      const double m = static_cast<double>(y.size()) / static_cast<double>(channels);
      double largest_ones = 0, largest_hat = 0, largest_error = 0, mean_ones = 0, mean_hat = 0;
      for (std::size_t c = 0; c < channels; ++c) {
        const double one = std::abs(ones[c]) / std::sqrt(m * dy2[c]);
        const double normalized = std::abs(hat[c]) / std::sqrt(hat2[c] * dy2[c]);
        const double scale = gamma.values[static_cast<std::int64_t>(c)];
        const double expected = scale * scale / statistics.variance.values[static_cast<std::int64_t>(c)] *
                                (g2[c] - g1[c] * g1[c] / m - gh[c] * gh[c] / m);
        largest_error = std::max(largest_error, std::abs(dy2[c] - expected) / dy2[c]);
        largest_ones = std::max(largest_ones, one);
        largest_hat = std::max(largest_hat, normalized);
        mean_ones += one / static_cast<double>(channels);
        mean_hat += normalized / static_cast<double>(channels);
      }
      for (const auto& [column, expected] :
           std::vector<std::pair<std::string, double>>{{"ones_cosine", largest_ones},
                                                       {"normalized_cosine", largest_hat},
                                                       {"identity_error", largest_error},
                                                       {"ones_cosine_mean", mean_ones},
                                                       {"normalized_cosine_mean", mean_hat}})
        EXPECT_NEAR(std::stod(rows[i].at(column)), expected, 1e-4 * std::max(1.0, expected)) << layer << " " << column;
      if (!frozen) {
        EXPECT_LT(largest_error, 1e-9);  // the theorem, in double precision
        EXPECT_LT(largest_hat, 1e-9);
      } else {
        EXPECT_GT(std::stod(rows[i].at("ones_cosine_mean")), 0.01);
        EXPECT_GT(largest_error, 0.01);
      }
    }
  }
}

TEST(WeightGrowth, OfAStep) {
  config::RunConfig run = conv_run(NormalizationType::batch, 0);
  run.optimizer.learning_rate = 0.5;
  ProbeRun probe(run, probe_of(ProbeType::weight_growth));
  test::run_first_batch(probe.network, probe.dataset, probe.scaler);
  probe.probe->step_done(0);  // writes nothing
  probe.probe->gradients_ready(4, 0.5);
  std::vector<double> before, product, gradient, growth;
  std::vector<layers::Parameter*> weights;
  for (const auto& parameter : probe.network.parameters().all())
    if (parameter->kind == layers::ParameterKind::weights) weights.push_back(parameter.get());
  for (layers::Parameter* parameter : weights) {
    std::vector<float> w = parameter->plain_value();
    const std::vector<float> g = parameter->plain_diff();
    product.push_back(0);
    growth.push_back(0);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double weight = w[i], slope = g[i];
      product.back() += weight * slope;
      growth.back() += std::pow(weight - 0.5 * slope, 2) - std::pow(weight, 2);
    }
    before.push_back(test::l2_norm(w));
    gradient.push_back(test::l2_norm(g));
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= 0.5f * g[i];
    w[0] += 0.25f;  // what an optimizer or rounding does besides is no part of growth
    parameter->set_plain_value(w);
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
    const double after = test::l2_norm(weights[i]->plain_value());
    EXPECT_NEAR(std::stod(rows[i].at("stored_growth")), after * after - before[i] * before[i], 1e-7);
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
  }
}

// A channel without variance has no deviation to measure by. The means are over the others.
TEST(StatisticsGap, WithoutChannelsOfOneValue) {
  for (const std::size_t constant : {1u, 17u}) {
    config::RunConfig run = test::small_mlp(NormalizationType::batch);
    run.normalization.precise_batches = 2;
    ProbeRun probe(run, probe_of(ProbeType::statistics_gap));
    layers::Parameter& weights = *probe.network.parameters().all()[0];  // (17, 24)
    std::vector<float> values = weights.plain_value();
    std::fill_n(values.begin(), constant * 24, 0.0f);
    weights.set_plain_value(values);
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
  std::vector<float> values = weights.plain_value();
  std::fill_n(values.begin(), 24, 0.0f);
  weights.set_plain_value(values);
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
  const std::vector<float> weights = probe.network.parameters().all()[0]->plain_value();  // (17, 24)
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

config::RunConfig residual_run(bool zero_gamma) {
  config::Residual same;
  same.body = {test::dense_block(9, Activation::tanh), test::dense(9), test::block(config::Normalization{})};
  config::Residual wider = same;
  std::get<config::Dense>(wider.body[1].spec).units = 13;
  config::RunConfig run = test::small_config(
      NormalizationType::batch,
      {test::block(config::Flatten{}), test::dense_block(9, Activation::tanh), test::block(same), test::block(wider)});
  run.normalization.zero_gamma_residual = zero_gamma;
  return run;
}

TEST(ResidualBranches, AddNothingWithZeroGamma) {
  for (const bool zero : {true, false}) {
    ProbeRun probe(residual_run(zero), probe_of(ProbeType::residual_branches));
    const std::vector<Row> rows = probe.measure("residual_branches", 0);
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].at("layer"), "residual1");
    for (const Row& row : rows) {
      EXPECT_EQ(row.at("branch_magnitude") == "0", zero);
      EXPECT_EQ(row.at("branch_share") == "0", zero);
    }
    EXPECT_EQ(rows[0].at("identity_error") == "0", zero);
    EXPECT_EQ(rows[1].at("identity_error"), "nan");
  }
}

TEST(ResidualBranches, KnownNumbers) {
  ProbeRun probe(residual_run(false), probe_of(ProbeType::residual_branches));
  // The body of the first block gives its last beta alone, the same for each image.
  std::vector<float> beta{0, 1, -3, 0, 0, 0, 0, 0, 2};
  double from_body = 0;
  for (const auto& parameter : probe.network.parameters().all()) {
    if (parameter->name == "normalization3.gamma") parameter->set_plain_value(std::vector<float>(9, 0.0f));
    if (parameter->name == "normalization3.beta") parameter->set_plain_value(beta);
  }
  for (const float value : beta) from_body += 6.0 * static_cast<double>(value) * static_cast<double>(value);
  const auto program = probe.network.build(onednn::Pass::observe, 6, false, {"src", "dst"});
  data::BatchOrder order(1, probe.dataset.train.size(), 6, RandomPurpose::probe);
  probe.scaler.gather(probe.dataset.train, order.batch(0), program->images(), program->labels());
  program->forward();
  double sum = 0, largest = 0;
  for (const auto& seen : program->observations()) {
    if (seen.layer != "residual1") continue;
    for (std::size_t i = 0; i < 54; ++i) {
      const auto value = static_cast<double>(seen.data()[i]);
      if (seen.tensor == "dst") sum += value * value;
      if (seen.tensor == "src") largest = std::max(largest, std::abs(value));
    }
  }
  const Row row = probe.measure("residual_branches", 0)[0];
  EXPECT_EQ(row.at("branch_magnitude"), "3");
  expect_near(row, "branch_share", from_body / sum);
  expect_near(row, "identity_error", 3 / largest);
}

TEST(ResidualBranches, NeedResidualLayers) {
  config::RunConfig run = conv_run(NormalizationType::batch);
  run.probes = {probe_of(ProbeType::residual_branches)};
  EXPECT_THROW(check(run, {}), ConfigError);
  EXPECT_NO_THROW(check(run, {{"residual1", layers::LayerKind::residual, {1, 3}}}));
}

config::RunConfig without_biases(NormalizationType type) {
  config::RunConfig run = conv_run(type);
  for (config::Block& block : run.network.layers) {
    if (auto* conv = std::get_if<config::ConvBlock>(&block.spec)) conv->bias = false;
    if (auto* dense = std::get_if<config::DenseBlock>(&block.spec)) dense->bias = false;
  }
  return run;
}

TEST(Equivalence, OfLayerAndGroupNormalization) {
  config::ProbeConfig probe = probe_of(ProbeType::equivalence);
  probe.normalization.emplace();
  probe.normalization->type = NormalizationType::group;
  probe.normalization->groups = 1;
  ProbeRun run(without_biases(NormalizationType::layer), probe);
  const std::vector<Row> rows = run.measure("equivalence", 2);
  ASSERT_EQ(rows.size(), 2 + run.network.parameters().all().size());
  EXPECT_EQ(rows[0].at("tensor"), "output");
  EXPECT_EQ(rows[1].at("tensor"), "input");
  for (const Row& row : rows) {
    EXPECT_LT(std::stod(row.at("error")), 1e-5) << row.at("tensor");
    EXPECT_GT(std::stod(row.at("size")), 0) << row.at("tensor");
  }
}

// Against both networks in double precision: batch normalization with another epsilon.
TEST(Equivalence, TellsHowFarTwoNormalizationsLieApart) {
  config::ProbeConfig probe = probe_of(ProbeType::equivalence);
  probe.normalization.emplace();
  probe.normalization->type = NormalizationType::batch;
  probe.normalization->epsilon = 0.5;
  Twin twin(conv_run(NormalizationType::batch), probe, conv_twin(true));
  twin.run();
  Net other = conv_twin(true, 0.5);
  for (const std::string& name : other.parameter_names()) other.value(name) = twin.net.value(name);
  other.gradients(twin.images, twin.labels, Mode::batch);
  const auto error = [](const Array& own, const Array& against) {
    double difference = 0;
    for (std::int64_t k = 0; k < own.size(); ++k) difference += std::pow(own.values[k] - against.values[k], 2);
    return std::sqrt(difference / squares(own));
  };
  for (const Row& row : twin.probe.measure("equivalence", 0)) {
    const std::string& tensor = row.at("tensor");
    const auto of = [&](Net& net) -> const Array& {
      return tensor == "output" ? net.dst("dense2") : tensor == "input" ? net.diff_src("conv1") : net.gradient(tensor);
    };
    EXPECT_NEAR(std::stod(row.at("error")), error(of(twin.net), of(other)), 1e-4) << tensor;
    EXPECT_NEAR(std::stod(row.at("size")) / std::sqrt(squares(of(twin.net))), 1, 1e-4) << tensor;
    EXPECT_GT(std::stod(row.at("error")), 1e-3) << tensor;
  }
}

TEST(Equivalence, NeedsTheSameParameters) {
  config::ProbeConfig probe = probe_of(ProbeType::equivalence);
  probe.normalization.emplace();
  probe.normalization->type = NormalizationType::group;
  probe.normalization->channels_per_group = 1;
  EXPECT_THROW(ProbeRun(conv_run(NormalizationType::instance), probe), ConfigError);  // its layers have no biases
}

// Every probe on a network with dropout leaves weights, statistics and the loss of the next step as they are.
TEST(Probes, ChangeNothing) {
  for (const ProbeType type :
       {ProbeType::channel_moments, ProbeType::layer_gradients, ProbeType::representations, ProbeType::scale_invariance,
        ProbeType::bias_effect, ProbeType::identity_recovery, ProbeType::normalization_gradients,
        ProbeType::weight_growth, ProbeType::statistics_gap}) {
    config::RunConfig run = conv_run(NormalizationType::batch);
    run.network.layers.insert(run.network.layers.begin() + 2, test::block(config::Dropout{.rate = 0.3}));
    ProbeRun probe(run, probe_of(type));
    test::run_first_batch(probe.network, probe.dataset, probe.scaler);
    probe.network.update_running_statistics();
    const NpzArrays gradients = probe.network.gradients();
    probe.probe->gradients_ready(1, 0.1);
    EXPECT_EQ(probe.network.gradients(), gradients) << static_cast<int>(type);
    const NpzArrays weights = probe.network.weights();
    const std::vector<float> batch_mean = probe.network.states()[0]->batch_mean;
    probe.probe->step_done(1);
    EXPECT_EQ(probe.network.weights(), weights) << static_cast<int>(type);
    EXPECT_EQ(probe.network.states()[0]->batch_mean, batch_mean) << static_cast<int>(type);
  }
}

}  // namespace
}  // namespace bnlab::probes
