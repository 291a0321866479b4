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

}  // namespace
}  // namespace bnlab::probes
