// Probes of what layers give and get: moments, gradients, representations.
#include "probes/twin_testing.h"

namespace bnlab::probes {
namespace {

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

TEST(Representations, RankCosineAndGapsOfTheGramMatrix) {
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
    double gap = 0, trace_gap = 0;  // squared, entry by entry
    for (std::size_t a = 0; a < gram.size(); ++a)
      for (std::size_t b = 0; b < gram.size(); ++b) {
        const double identity = a == b ? 1 : 0;
        const double difference = gram[a][b] / std::sqrt(frobenius) - identity / std::sqrt(static_cast<double>(n));
        const double of_trace = gram[a][b] / trace - identity / static_cast<double>(n);
        gap += difference * difference;
        trace_gap += of_trace * of_trace;
      }
    expect_near(rows[i], "orthogonality_gap", std::sqrt(gap));
    expect_near(rows[i], "trace_gap", std::sqrt(trace_gap));
  }
}

/// One dense layer of two units on two images, its weights W x + b as `weights_of` the images gives them.
template <class WeightsOf>
Row representation_of_two_images(const WeightsOf& weights_of) {
  config::RunConfig run = test::small_config(
      NormalizationType::none, {test::block(config::Flatten{}), test::dense_block(2, Activation::identity)});
  run.training.batch_size = 2;
  Net net;
  Twin twin(run, probe_of(ProbeType::representations), net.flatten().dense(24, 2).dense(2, 5));
  for (const auto& parameter : twin.probe.network.parameters().all())
    if (parameter->name == "dense1.weights") parameter->set_row_major_value(weights_of(twin.images.values));
  return twin.probe.measure("representations", 1).at(1);
}

TEST(Representations, GapsOfOrthogonalAndOfParallelImages) {
  const auto dual_basis =
      [](const std::vector<double>& x) {  // W x_i = e_i: the rows of the inverse Gram matrix times X
        double a = 0, b = 0, c = 0;
        for (std::size_t k = 0; k < 24; ++k) a += x[k] * x[k], b += x[k] * x[24 + k], c += x[24 + k] * x[24 + k];
        std::vector<float> weights(48);
        for (std::size_t k = 0; k < 24; ++k) {
          weights[k] = static_cast<float>((c * x[k] - b * x[24 + k]) / (a * c - b * b));
          weights[24 + k] = static_cast<float>((a * x[24 + k] - b * x[k]) / (a * c - b * b));
        }
        return weights;
      };
  const Row orthogonal = representation_of_two_images(dual_basis);
  EXPECT_EQ(orthogonal.at("layer"), "dense1");
  expect_near(orthogonal, "effective_rank", 2, 1e-5);
  EXPECT_NEAR(std::stod(orthogonal.at("orthogonality_gap")), 0, 1e-5);
  EXPECT_NEAR(std::stod(orthogonal.at("trace_gap")), 0, 1e-5);
  const auto line = [&](const std::vector<double>& x) {  // both rows alike: the images become (s, s) and (t, t)
    std::vector<float> weights = dual_basis(x);
    std::copy_n(weights.begin(), 24, weights.begin() + 24);
    for (std::size_t k = 0; k < 48; ++k) weights[k] += static_cast<float>(0.1 * x[k % 24]);
    return weights;
  };
  const Row parallel = representation_of_two_images(line);
  expect_near(parallel, "effective_rank", 1, 1e-5);
  expect_near(parallel, "orthogonality_gap", std::sqrt(2 - std::sqrt(2.0)), 1e-5);
  expect_near(parallel, "trace_gap", std::sqrt(0.5), 1e-5);
  const Row zero = representation_of_two_images([](const std::vector<double>&) { return std::vector<float>(48); });
  for (const char* column : {"effective_rank", "orthogonality_gap", "trace_gap"}) EXPECT_EQ(zero.at(column), "nan");
}

}  // namespace
}  // namespace bnlab::probes
