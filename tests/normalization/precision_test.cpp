// Batch statistics and gradients against double precision: far from zero, in few and in many values, with outliers, in
// each layout, and for channels without variance.
#include <fmt/format.h>
#include <omp.h>

#include <array>
#include <cmath>

#include "normalization/batch_testing.h"
#include "reference/bf16.h"

namespace bnlab::layer_testing {
namespace {

using config::NormalizationType;

constexpr std::array layouts{Layout::row_major, Layout::blocked, Layout::blocked_by_8, Layout::channels_last};

Array normal_array(const Shape& shape, std::mt19937_64& generator, double mean, double deviation) {
  std::normal_distribution<double> normal(mean, deviation);
  Array array = reference::zeros(shape);
  for (double& value : array.values) value = static_cast<float>(normal(generator));
  return array;
}

/// A batch normalization that a ReLU may follow in the same call.
LayerRun run_of(const config::NormalizationConfig& config, normalization::NormalizationStates& states,
                const Shape& shape, Layout layout, bool relu_follows, onednn::DataType type = onednn::DataType::f32) {
  return LayerRun(
      [&](const auto& context) {
        return normalization::make_normalization({context, config, states, relu_follows});
      },
      shape, layout, onednn::Mode::train, nullptr, type);
}

/// Expects each channel's statistics to be as near to those in double precision as `variance_error` of the variance,
/// and 1e-6 deviations and the rounding to f32 of the mean.
void expect_statistics(const normalization::NormalizationState& state, const Array& src, double variance_error) {
  const reference::Statistics expected = reference::batch_statistics(src);
  for (std::size_t c = 0; c < expected.mean.values.size(); ++c) {
    const double mean = expected.mean.values[c], variance = expected.variance.values[c];
    EXPECT_NEAR(static_cast<double>(state.batch_mean[c]), mean, 1e-6 * std::sqrt(variance) + 0x1p-24 * std::abs(mean))
        << "channel " << c;
    EXPECT_NEAR(static_cast<double>(state.batch_variance[c]), variance, variance_error * variance) << "channel " << c;
  }
}

struct Case {
  Shape shape;
  double mean;  // in deviations
};

/// So many values that one mean and two layouts must do.
bool is_large(const Shape& shape) { return reference::volume(shape) > 1000000; }
std::vector<Layout> layouts_of(const Shape& shape) {
  if (is_large(shape)) return {Layout::row_major, Layout::blocked};
  return {layouts.begin(), layouts.end()};
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Shape& shape :
       {Shape{2, 1}, Shape{2, 17}, Shape{60, 100}, Shape{1024, 16}, Shape{128, 33}, Shape{512, 3}, Shape{2, 1, 1, 2},
        Shape{3, 17, 5, 4}, Shape{1024, 16, 3, 3}, Shape{128, 32, 28, 28}, Shape{60, 100, 1, 1}, Shape{4, 8, 14, 14},
        Shape{512, 20, 2, 2}, Shape{6, 2, 7, 7}, Shape{6, 4, 7, 5}})
    for (const double mean : {0.0, 1e2, 1e4, 1e6})
      if (!is_large(shape) || mean == 1e6) all.push_back({shape, mean});
  return all;
}

class BatchPrecision : public ::testing::TestWithParam<Case> {
 protected:
  // From 1e5 deviations on, the values themselves have so few digits that a variance of few has, too.
  static double variance_error() { return GetParam().mean < 1e5 ? 1e-6 : 1e-5; }
};

TEST_P(BatchPrecision, StatisticsAreThoseOfDoublePrecision) {
  const Shape& shape = GetParam().shape;
  for (const NormalizationType type :
       {NormalizationType::batch, NormalizationType::batch_renorm, NormalizationType::lp, NormalizationType::ghost})
    for (const Layout layout : layouts_of(shape)) {
      SCOPED_TRACE(fmt::format("type {}, layout {}", static_cast<int>(type), static_cast<int>(layout)));
      std::mt19937_64 generator(51);
      config::NormalizationConfig config = config_of(type);
      config.epsilon = 0;
      config.affine = false;
      config.norm = config::LpNorm::l2;
      config.virtual_batch_size = shape[0];
      NormalizationRun normalization(config, shape, layout);
      const Array src = normal_array(shape, generator, GetParam().mean, 1.0);
      const Array dst = normalization.run.forward(src);
      expect_statistics(normalization.state(), src, variance_error());
      if (type == NormalizationType::batch_renorm) continue;
      const reference::Statistics of_dst = reference::batch_statistics(dst);
      for (const double mean : of_dst.mean.values) EXPECT_NEAR(mean, 0.0, 1e-6);
      for (std::size_t c = 0; c < of_dst.variance.values.size(); ++c)  // two values may be equal
        EXPECT_NEAR(of_dst.variance.values[c], normalization.state().batch_variance[c] > 0 ? 1.0 : 0.0, 1e-6);
    }
}

TEST_P(BatchPrecision, GradientsOfGammaAndBetaAreThoseOfDoublePrecision) {
  const Shape& shape = GetParam().shape;
  for (const Layout layout : layouts_of(shape))
    for (const bool relu : {false, true}) {
      SCOPED_TRACE(fmt::format("layout {}, ReLU {}", static_cast<int>(layout), relu));
      std::mt19937_64 generator(52);
      const config::NormalizationConfig config = config_of(NormalizationType::batch);
      normalization::NormalizationStates states;
      LayerRun run = run_of(config, states, shape, layout, relu);
      const Values values = run.randomize(generator);
      const Array src = normal_array(shape, generator, GetParam().mean, 1.0);
      Array diff_dst = normal_array(shape, generator, 0.1, 1.0);
      const Array dst = run.forward(src);
      const Array diff_src = run.backward(diff_dst);
      if (relu)  // of the values as they came out: one that rounding moves across 0 has no place here
        for (std::size_t i = 0; i < dst.values.size(); ++i)
          if (!(dst.values[i] > 0)) diff_dst.values[i] = 0;
      const auto expected = reference::batch_norm_backward(src, diff_dst, &values.at("gamma"), config.epsilon);
      expect_close(run.diff("gamma"), expected.diff_gamma, "diff_gamma", 1e-6);
      expect_close(run.diff("beta"), expected.diff_beta, "diff_beta", 1e-6);
      if (src.size() / shape[1] > 2) expect_close(diff_src, expected.diff_src, "diff_src", 2e-6);
    }
}

INSTANTIATE_TEST_SUITE_P(All, BatchPrecision, ::testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = "shape";
  for (const std::int64_t extent : test.param.shape) name += "_" + std::to_string(extent);
  return name + "_mean_" + std::to_string(static_cast<std::int64_t>(test.param.mean));
});

// What is subtracted before the squares are summed must not be a value that says nothing of the others.
TEST(BatchNormalizationPrecision, SurvivesOutliersAndImagesThatDiffer) {
  for (const Shape& shape : {Shape{1024, 16}, Shape{1024, 17}, Shape{64, 16, 7, 7}, Shape{64, 20, 7, 7}})
    for (const Layout layout : layouts) {
      std::mt19937_64 generator(53);
      NormalizationRun normalization(config_of(NormalizationType::batch), shape, layout);
      Array src = normal_array(shape, generator, 1000.0, 1.0);
      const std::int64_t image = src.size() / shape[0];
      for (std::int64_t i = 0; i < image; ++i) src.values[static_cast<std::size_t>(i)] = 0;  // the first image
      normalization.run.forward(src);
      expect_statistics(normalization.state(), src, 1e-6);
      for (std::int64_t i = 0; i < image; ++i) src.values[static_cast<std::size_t>(i)] = 1e6;
      normalization.run.forward(src);
      expect_statistics(normalization.state(), src, 1e-6);
      for (std::size_t i = 0; i < src.values.size(); ++i)  // each image has a mean of its own
        src.values[i] =
            static_cast<float>(src.values[i] + 100.0 * static_cast<double>(static_cast<std::int64_t>(i) / image));
      normalization.run.forward(src);
      expect_statistics(normalization.state(), src, 1e-6);
    }
}

// Squares that single precision can't hold.
TEST(BatchNormalizationPrecision, OfVeryLargeAndVerySmallValues) {
  for (const NormalizationType type :
       {NormalizationType::batch, NormalizationType::group, NormalizationType::instance, NormalizationType::layer})
    for (const Shape& shape : {Shape{60, 16}, Shape{60, 17}, Shape{6, 16, 7, 7}, Shape{6, 12, 5, 4}})
      for (const Layout layout : layouts)
        for (const double size : {1e25, 1e19, 1e-15, 1e-22}) {
          if (shape.size() == 2 && type != NormalizationType::batch) continue;
          if (type == NormalizationType::batch && (size > 1e18 || size < 1e-20)) continue;  // its variance is f32
          SCOPED_TRACE(fmt::format("type {}, {} channels, layout {}, size {}", static_cast<int>(type), shape[1],
                                   static_cast<int>(layout), size));
          std::mt19937_64 generator(58);
          config::NormalizationConfig config = config_of(type);
          config.epsilon = 0;
          config.affine = false;
          config.groups = 4;
          NormalizationRun normalization(config, shape, layout);
          const Array ordinary = random_array(shape, generator);
          Array src = ordinary;
          for (double& value : src.values) value = static_cast<float>(value * size);
          const Array dst = normalization.run.forward(src), expected = [&] {
            NormalizationRun of_ordinary(config, shape, layout);
            return of_ordinary.run.forward(ordinary);
          }();
          expect_close(dst, expected, "dst", 1e-5);
        }
}

// A variance that single precision can't hold is none.
TEST(BatchNormalizationPrecision, OfAVarianceBelowSinglePrecisionIsBeta) {
  for (const Layout layout : layouts) {
    const Shape shape{6, 16, 7, 7};
    std::mt19937_64 generator(59);
    config::NormalizationConfig config = config_of(NormalizationType::batch);
    config.epsilon = 0;
    NormalizationRun normalization(config, shape, layout);
    const Values values = normalization.run.randomize(generator);
    Array src = random_array(shape, generator);
    for (double& value : src.values) value = static_cast<float>(value * 1e-26);
    const Array dst = normalization.run.forward(src),
                diff_src = normalization.run.backward(random_array(shape, generator));
    reference::for_each_in_channel(shape, [&](std::size_t channel, std::size_t i) {
      ASSERT_EQ(dst.values[i], values.at("beta").values[channel]);
      ASSERT_EQ(diff_src.values[i], 0.0);
    });
  }
}

// 77 is exact, and so is its mean: what is left is beta, whatever epsilon is.
TEST(BatchNormalizationPrecision, OfAConstantChannelIsExactlyBetaAndPassesNoGradient) {
  for (const Shape& shape : {Shape{60, 17}, Shape{512, 16}, Shape{3, 17, 5, 4}, Shape{16, 16, 28, 28}})
    for (const Layout layout : layouts)
      for (const double epsilon : {1e-5, 0.0})
        for (const bool relu : {false, true})
          for (const double constant : {77.0, 0.7, 1e-3, 12345.678}) {
            std::mt19937_64 generator(54);
            config::NormalizationConfig config = config_of(NormalizationType::batch);
            config.epsilon = epsilon;
            normalization::NormalizationStates states;
            LayerRun run = run_of(config, states, shape, layout, relu);
            const Values values = run.randomize(generator);
            Array src = random_array(shape, generator);
            reference::for_each_in_channel(shape, [&](std::size_t channel, std::size_t i) {
              if (channel == 3) src.values[i] = static_cast<float>(constant);
            });
            const Array dst = run.forward(src);
            const Array diff_src = run.backward(random_array(shape, generator));
            const double beta = values.at("beta").values[3];
            EXPECT_EQ(states.front()->batch_mean[3], static_cast<float>(constant));
            EXPECT_EQ(states.front()->batch_variance[3], 0.0f);
            reference::for_each_in_channel(shape, [&](std::size_t channel, std::size_t i) {
              ASSERT_TRUE(std::isfinite(dst.values[i]) && std::isfinite(diff_src.values[i]));
              if (channel != 3) return;
              ASSERT_EQ(dst.values[i], relu ? std::max(beta, 0.0) : beta);
              if (epsilon == 0) {
                ASSERT_EQ(diff_src.values[i], 0.0);
              }
            });
            EXPECT_EQ(run.diff("gamma").values[3], 0.0);
          }
}

// The same rule where the statistics are given.
TEST(BatchNormalizationPrecision, OfAGivenVarianceOfZeroIsBetaWithoutEpsilon) {
  for (const Shape& shape : {Shape{6, 17}, Shape{6, 16}, Shape{3, 17, 5, 4}, Shape{3, 16, 5, 4}})
    for (const Layout layout : layouts) {
      std::mt19937_64 generator(55);
      config::NormalizationConfig config = config_of(NormalizationType::frozen);
      config.epsilon = 0;
      NormalizationRun normalization(config, shape, layout);
      const Values values = normalization.run.randomize(generator);
      normalization.state().running_variance[3] = 0;
      const Array dst = normalization.run.forward(random_array(shape, generator));
      const Array diff_src = normalization.run.backward(random_array(shape, generator));
      reference::for_each_in_channel(shape, [&](std::size_t channel, std::size_t i) {
        if (channel != 3) return;
        EXPECT_EQ(dst.values[i], values.at("beta").values[3]);
        EXPECT_EQ(diff_src.values[i], 0.0);
      });
      EXPECT_EQ(normalization.run.diff("gamma").values[3], 0.0);
    }
}

TEST(BatchNormalizationPrecision, OfBf16InputsIsThatOfDoublePrecision) {
  if (!onednn::compat::has_fast_bf16())
    GTEST_SKIP() << "oneDNN has no bf16 instructions here: " << onednn::compat::cpu_isa();
  for (const Shape& shape : {Shape{128, 32}, Shape{3, 17, 5, 4}, Shape{64, 32, 14, 14}})
    for (const Layout layout : layouts)
      for (const bool relu : {false, true}) {
        std::mt19937_64 generator(56);
        const config::NormalizationConfig config = config_of(NormalizationType::batch);
        normalization::NormalizationStates states;
        LayerRun run = run_of(config, states, shape, layout, relu, onednn::DataType::bf16);
        const Values values = run.randomize(generator);
        const Array src = reference::to_bf16(normal_array(shape, generator, 5.0, 1.0));
        Array diff_dst = reference::to_bf16(normal_array(shape, generator, 0.1, 1.0));
        const Array dst = run.forward(src);
        const Array diff_src = run.backward(diff_dst);
        expect_statistics(*states.front(), src, 1e-6);
        if (relu)
          for (std::size_t i = 0; i < dst.values.size(); ++i)
            if (!(dst.values[i] > 0)) diff_dst.values[i] = 0;
        const auto expected = reference::batch_norm_backward(src, diff_dst, &values.at("gamma"), config.epsilon);
        expect_close(run.diff("gamma"), expected.diff_gamma, "diff_gamma", 1e-6);
        expect_close(run.diff("beta"), expected.diff_beta, "diff_beta", 1e-6);
        expect_close(diff_src, expected.diff_src, "diff_src", 0x1p-8);  // rounded once, by at most 2^-9
      }
}

TEST(BatchNormalizationPrecision, HasTheSameBitsWithAnyNumberOfThreads) {
  const int before = omp_get_max_threads();
  for (const Shape& shape : {Shape{1024, 100}, Shape{64, 17, 14, 14}})
    for (const Layout layout : layouts) {
      std::vector<Array> first;
      for (const int threads : {1, 2, 3}) {
        omp_set_num_threads(threads);
        std::mt19937_64 generator(57);
        NormalizationRun normalization(config_of(NormalizationType::batch), shape, layout);
        normalization.run.randomize(generator);
        std::vector<Array> results{normalization.run.forward(normal_array(shape, generator, 3.0, 1.0))};
        results.push_back(normalization.run.backward(random_array(shape, generator)));
        results.push_back(normalization.run.diff("gamma"));
        results.push_back(normalization.run.diff("beta"));
        results.push_back(state_array(normalization.state().batch_mean));
        results.push_back(state_array(normalization.state().batch_variance));
        if (first.empty()) first = results;
        for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(results[i].values, first[i].values) << threads << i;
      }
    }
  omp_set_num_threads(before);
}

}  // namespace
}  // namespace bnlab::layer_testing
