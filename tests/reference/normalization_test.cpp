// The references of the normalizations: central differences, known values, and what the gradient must satisfy.

#include "reference/normalization.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "reference/array.h"
#include "reference/finite_differences.h"
#include "reference/net.h"
#include "reference/networks.h"

namespace bnlab::reference {
namespace {

constexpr double kTolerance = 1e-7;
constexpr double kRounding = 1e-11;  // of central differences of sums of about 100 at h = 1e-3
constexpr double kEpsilon = 1e-3;

/// Sums per channel of a * b.
Array channel_dot(const Array& a, const Array& b) {
  Array sums = zeros({a.dim(1)});
  for_each_in_channel(a.shape, [&](std::int64_t c, std::int64_t i) { sums.values[c] += a.values[i] * b.values[i]; });
  return sums;
}

class ReferenceNormalization : public testing::TestWithParam<Shape> {
 protected:
  std::mt19937_64 generator{11};
  Array src = random_uniform(GetParam(), generator, -1, 3);
  Array gamma = random_uniform({GetParam()[1]}, generator, 0.5, 2);
  Array beta = random_uniform({GetParam()[1]}, generator, -1, 1);
  const Array diff_dst = random_uniform(GetParam(), generator, -1, 1);
  const Statistics frozen{random_uniform({GetParam()[1]}, generator, -1, 1),
                          random_uniform({GetParam()[1]}, generator, 0.1, 2), 0};

  /// A gradient that is zero, as with one value a channel, has differences that are nothing but rounding.
  static void expect_close(const Array& analytic, const Array& numeric) {
    const bool zero = max_abs(numeric) < kRounding;
    EXPECT_LE(max_relative_error(analytic, zero ? zeros(numeric.shape) : numeric), zero ? kRounding : kTolerance);
  }

  /// Expects the gradients of dot(forward(), diff_dst) with respect to src, gamma and beta.
  template <typename Forward>
  void expect_gradients(const Forward& forward, const NormalizationGradients& gradients, double h = 1e-3) {
    const auto objective = [&] { return dot(forward(), diff_dst); };
    expect_close(gradients.diff_src, numeric_gradient(objective, src, h));
    expect_close(gradients.diff_gamma, numeric_gradient(objective, gamma));
    expect_close(gradients.diff_beta, numeric_gradient(objective, beta));
  }
};

TEST_P(ReferenceNormalization, FrozenGradients) {
  expect_gradients([&] { return batch_norm_frozen_forward(src, frozen, &gamma, &beta, kEpsilon).dst; },
                   batch_norm_frozen_backward(src, diff_dst, frozen, &gamma, kEpsilon));
}

TEST_P(ReferenceNormalization, TrainingGradients) {
  expect_gradients([&] { return batch_norm_forward(src, &gamma, &beta, kEpsilon).dst; },
                   batch_norm_backward(src, diff_dst, &gamma, kEpsilon));
}

TEST_P(ReferenceNormalization, TrainingGradientsWithoutAffine) {
  const auto objective = [&] { return dot(batch_norm_forward(src, nullptr, nullptr, kEpsilon).dst, diff_dst); };
  const NormalizationGradients gradients = batch_norm_backward(src, diff_dst, nullptr, kEpsilon);
  expect_close(gradients.diff_src, numeric_gradient(objective, src));
  const Array ones = full({src.dim(1)}, 1.0);
  EXPECT_EQ(gradients.diff_src.values, batch_norm_backward(src, diff_dst, &ones, kEpsilon).diff_src.values);
}

TEST_P(ReferenceNormalization, OutputHasTheMomentsAskedFor) {
  const Normalized result = batch_norm_forward(src, &gamma, &beta, kEpsilon);
  const Statistics statistics = batch_statistics(result.dst);
  for (std::int64_t c = 0; c < src.dim(1); ++c) {
    const double variance = result.statistics.variance.values[c];
    EXPECT_NEAR(statistics.mean.values[c], beta.values[c], 1e-12);
    EXPECT_NEAR(statistics.variance.values[c], gamma.values[c] * gamma.values[c] * variance / (variance + kEpsilon),
                1e-12);
  }
}

// Adding a constant to a channel changes nothing; scaling it about its mean changes nothing where epsilon is 0, as it
// may be unless the variance is 0 too.
TEST_P(ReferenceNormalization, TrainingGradientIsOrthogonalToShiftAndScale) {
  const double epsilon = src.size() > src.dim(1) ? 0.0 : kEpsilon;
  const Array diff_src = batch_norm_backward(src, diff_dst, &gamma, epsilon).diff_src;
  const Array x_hat = batch_norm_forward(src, &gamma, &beta, epsilon).x_hat;
  const double scale = std::max(1.0, max_abs(diff_src)) * static_cast<double>(src.size());
  EXPECT_LE(max_abs(channel_dot(diff_src, full(src.shape, 1.0))), 1e-13 * scale);
  EXPECT_LE(max_abs(channel_dot(diff_src, x_hat)), 1e-13 * scale);
  const Array frozen_diff_src = batch_norm_frozen_backward(src, diff_dst, frozen, &gamma, epsilon).diff_src;
  EXPECT_GE(max_abs(channel_dot(frozen_diff_src, full(src.shape, 1.0))), 1e-3) << "frozen statistics have no such sum";
}

TEST_P(ReferenceNormalization, FrozenForwardWithTheBatchStatisticsIsTheTrainingForward) {
  EXPECT_EQ(batch_norm_frozen_forward(src, batch_statistics(src), &gamma, &beta, kEpsilon).dst.values,
            batch_norm_forward(src, &gamma, &beta, kEpsilon).dst.values);
}

TEST_P(ReferenceNormalization, GradientsOverOtherSets) {
  const std::int64_t channels = src.dim(1);
  for (const SetOf& sets : {virtual_batches(1), virtual_batches(2), virtual_batches(100), channel_groups(channels, 1),
                            channel_groups(channels, channels), positions()})
    expect_gradients([&] { return set_norm_forward(src, sets, &gamma, &beta, kEpsilon); },
                     set_norm_backward(src, diff_dst, sets, &gamma, kEpsilon));
}

TEST_P(ReferenceNormalization, OneVirtualBatchIsBatchNormalization) {
  const SetOf sets = virtual_batches(100);
  EXPECT_LE(max_relative_error(set_norm_forward(src, sets, &gamma, &beta, kEpsilon),
                               batch_norm_forward(src, &gamma, &beta, kEpsilon).dst),
            1e-12);
  expect_close(set_norm_backward(src, diff_dst, sets, &gamma, kEpsilon).diff_src,
               batch_norm_backward(src, diff_dst, &gamma, kEpsilon).diff_src);
}

TEST_P(ReferenceNormalization, LpGradients) {
  // Of two values either is the farther one, as they are moved: no derivative there.
  const bool has_peak = src.size() != 2 * src.dim(1);
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
    if (norm != Norm::linf || has_peak)
      expect_gradients([&] { return lp_norm_forward(src, norm, &gamma, &beta, kEpsilon).dst; },
                       lp_norm_backward(src, diff_dst, norm, &gamma, kEpsilon), 1e-4);  // no kink so near
  for (const Norm norm : {Norm::l1, Norm::l2})
    expect_gradients([&] { return lp_norm_forward(src, norm, &gamma, &beta, kEpsilon, NormOf::raw).dst; },
                     lp_norm_backward(src, diff_dst, norm, &gamma, kEpsilon, NormOf::raw), 1e-4);
}

TEST_P(ReferenceNormalization, LpGradientOfL2IsBatchNormalizations) {
  expect_close(lp_norm_backward(src, diff_dst, Norm::l2, &gamma, kEpsilon).diff_src,
               batch_norm_backward(src, diff_dst, &gamma, kEpsilon).diff_src);
}

// The correction stays what it was when the source moves.
TEST_P(ReferenceNormalization, RenormGradients) {
  const Correction correction = renorm_correction(batch_statistics(src), frozen, 1.5, 0.5, kEpsilon);
  expect_gradients([&] { return renorm_forward(src, correction, &gamma, &beta, kEpsilon); },
                   renorm_backward(src, diff_dst, correction, &gamma, kEpsilon));
}

// Ioffe 2017, equation 1: without clipping, training normalizes with the running statistics.
TEST_P(ReferenceNormalization, RenormWithoutLimitsIsFrozen) {
  const Correction correction = renorm_correction(batch_statistics(src), frozen, 1e9, 1e9, kEpsilon);
  EXPECT_LE(max_relative_error(renorm_forward(src, correction, &gamma, &beta, kEpsilon),
                               batch_norm_frozen_forward(src, frozen, &gamma, &beta, kEpsilon).dst),
            1e-10);
}

TEST_P(ReferenceNormalization, LocalResponseGradients) {
  for (const LocalResponseOptions& options :
       {LocalResponseOptions{}, LocalResponseOptions{3, 0.5, 0.75, 2.0}, LocalResponseOptions{1, 1.0, 1.5, 0.5}}) {
    const auto objective = [&] { return dot(local_response_forward(src, options), diff_dst); };
    expect_close(local_response_backward(src, diff_dst, options), numeric_gradient(objective, src));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ReferenceNormalization,
                         testing::Values(Shape{1, 1}, Shape{5, 1}, Shape{2, 3}, Shape{1, 17}, Shape{4, 17},
                                         Shape{3, 100}, Shape{1, 1, 1, 1}, Shape{1, 3, 1, 1}, Shape{1, 2, 3, 2},
                                         Shape{3, 17, 1, 1}, Shape{2, 3, 4, 5}, Shape{1, 100, 2, 2}),
                         [](const auto& instance) {
                           std::string name;
                           for (const std::int64_t extent : instance.param)
                             name += (name.empty() ? "" : "x") + std::to_string(extent);
                           return name;
                         });

TEST(ReferenceNormalizationKnown, VarianceIsBiasedAndEpsilonIsInsideTheRoot) {
  const Array src{{2, 2}, {1, 10, 5, 10}}, gamma{{2}, {3, 2}}, beta{{2}, {0.5, -1}};
  const Normalized result = batch_norm_forward(src, &gamma, &beta, 5.0);
  EXPECT_EQ(result.statistics.mean.values, (std::vector<double>{3, 10}));
  EXPECT_EQ(result.statistics.variance.values, (std::vector<double>{4, 0}));
  EXPECT_EQ(result.statistics.values, 2);
  const double x_hat = 2.0 / 3.0;  // (5 - 3) / sqrt(4 + 5)
  EXPECT_DOUBLE_EQ(result.x_hat.values[2], x_hat);
  EXPECT_DOUBLE_EQ(result.dst.values[0], -1.5);
  EXPECT_DOUBLE_EQ(result.dst.values[1], -1.0);
  EXPECT_DOUBLE_EQ(result.dst.values[2], 2.5);
  const NormalizationGradients gradients =
      batch_norm_frozen_backward(src, {{2, 2}, {1, 1, 2, 3}}, result.statistics, &gamma, 5.0);
  EXPECT_DOUBLE_EQ(gradients.diff_src.values[2], 2.0);
  EXPECT_DOUBLE_EQ(gradients.diff_gamma.values[0], x_hat);
  EXPECT_EQ(gradients.diff_beta.values, (std::vector<double>{3, 4}));
}

TEST(ReferenceNormalizationKnown, ChannelsOfImagesPoolOverPixels) {
  const Array src{{2, 2, 1, 2}, {1, 2, 10, 20, 3, 6, 30, 60}};
  const Statistics statistics = batch_statistics(src);
  EXPECT_EQ(statistics.mean.values, (std::vector<double>{3, 30}));
  EXPECT_DOUBLE_EQ(statistics.variance.values[0], 3.5);
  EXPECT_DOUBLE_EQ(statistics.variance.values[1], 350.0);
  EXPECT_EQ(statistics.values, 4);
}

// Virtual batches of two images and of one, which has no unbiased variance.
TEST(ReferenceNormalizationKnown, GhostBatchesGiveTheirMeanByTheirShareOfTheImages) {
  const Array src{{3, 1}, {1, 5, 12}};
  NormalizationOptions options{.method = Method::ghost, .virtual_batch_size = 2};
  const Statistics unbiased = running_term(options, src);
  EXPECT_DOUBLE_EQ(unbiased.mean.values[0], 6.0);
  EXPECT_DOUBLE_EQ(unbiased.variance.values[0], 2.0 / 3 * 8.0);
  options.unbiased_running_variance = false;
  EXPECT_DOUBLE_EQ(running_term(options, src).variance.values[0], 2.0 / 3 * 4.0);
}

TEST(ReferenceNormalizationKnown, OnlyVariancesAreMadeUnbiased) {
  const Array src{{4, 1}, {1, 2, 3, 6}};  // mean 3: -2 -1 0 3
  for (const auto& [norm, expected] :
       std::vector<std::pair<Norm, double>>{{Norm::l1, 2.25}, {Norm::l2, 14.0 / 3}, {Norm::linf, 9.0}})
    EXPECT_DOUBLE_EQ(running_term({.method = Method::lp, .norm = norm}, src).variance.values[0], expected);
}

TEST(ReferenceNormalizationKnown, NormsOfTheCentredValues) {
  const Array src{{4, 1}, {1, 2, 3, 6}};  // mean 3: -2 -1 0 3
  EXPECT_EQ(lp_statistics(src, Norm::l1).variance.values[0], 1.5 * 1.5);
  EXPECT_EQ(lp_statistics(src, Norm::l2).variance.values[0], 3.5);
  EXPECT_EQ(lp_statistics(src, Norm::linf).variance.values[0], 9.0);
  const Array raw{{4, 1}, {3, -1, 0, -4}};
  EXPECT_EQ(lp_statistics(raw, Norm::l1, NormOf::raw).variance.values[0], 4.0);
  EXPECT_EQ(lp_statistics(raw, Norm::l2, NormOf::raw).variance.values[0], 6.5);
  EXPECT_EQ(lp_statistics(raw, Norm::linf, NormOf::raw).variance.values[0], 16.0);
  EXPECT_EQ(lp_statistics(raw, Norm::l2, NormOf::raw).mean.values[0], -0.5);
}

TEST(ReferenceNormalizationKnown, CorrectionIsClippedBothWays) {
  const Statistics batch{{{4}, {1, -1, 9, -9}}, {{4}, {4, 1, 100, 0.01}}, 8}, running{zeros({4}), full({4}, 1.0), 0};
  const Correction correction = renorm_correction(batch, running, 3.0, 5.0, 0.0);
  EXPECT_EQ(correction.r.values, (std::vector<double>{2, 1, 3, 1.0 / 3.0}));
  EXPECT_EQ(correction.d.values, (std::vector<double>{1, -1, 5, -5}));
}

TEST(ReferenceNormalizationKnown, LocalResponseSumsNeighboursThatExist) {
  const Array src{{1, 3}, {1, 2, 3}};
  const Array dst = local_response_forward(src, {3, 3.0, 1.0, 1.0});
  EXPECT_DOUBLE_EQ(dst.values[0], 1.0 / 6.0);  // 1 + 1 + 4
  EXPECT_DOUBLE_EQ(dst.values[1], 2.0 / 15.0);
  EXPECT_DOUBLE_EQ(dst.values[2], 3.0 / 14.0);
}

TEST(ReferenceNormalizationKnown, OneValueAChannelGivesBetaAndNoGradient) {
  const Array src{{1, 2}, {7, -3}}, gamma{{2}, {2, 3}}, beta{{2}, {0.25, -1}};
  EXPECT_EQ(batch_norm_forward(src, &gamma, &beta, 1e-5).dst.values, beta.values);
  const NormalizationGradients gradients = batch_norm_backward(src, {{1, 2}, {1, 2}}, &gamma, 1e-5);
  EXPECT_EQ(max_abs(gradients.diff_src), 0.0);
  EXPECT_EQ(gradients.diff_beta.values, (std::vector<double>{1, 2}));
}

TEST(ReferenceRunningStatistics, DecayBiasAndCorrection) {
  const Statistics batch{{{2}, {1, 2}}, {{2}, {3, 6}}, 4};
  Array mean{{2}, {0, 10}}, variance{{2}, {1, 1}};
  update_running_statistics(mean, variance, batch, 0.75, false);
  EXPECT_EQ(mean.values, (std::vector<double>{0.25, 8}));
  EXPECT_EQ(variance.values, (std::vector<double>{1.5, 2.25}));
  update_running_statistics(mean, variance, batch, 0.5, true);  // 3 * 4/3 = 4, 6 * 4/3 = 8
  EXPECT_EQ(mean.values, (std::vector<double>{0.625, 5}));
  EXPECT_DOUBLE_EQ(variance.values[0], 2.75);
  EXPECT_DOUBLE_EQ(variance.values[1], 5.125);
}

TEST(ReferenceRunningStatistics, OneValueHasNoCorrection) {
  const Statistics batch{{{1}, {5}}, {{1}, {0}}, 1};
  EXPECT_EQ(unbiased_variance(batch).values, batch.variance.values);
  Array mean = zeros({1}), variance = full({1}, 1.0);
  update_running_statistics(mean, variance, batch, 0.5, true);
  EXPECT_EQ(variance.values[0], 0.5);
}

// ---- in a net ------------------------------------------------------------------------------------------------------

struct MethodCase {
  std::string name;
  NormalizationOptions options;
};

class ReferenceMethodInANet : public testing::TestWithParam<MethodCase> {
 protected:
  void expect_differences(Net& net, const Array& src) {
    const std::vector<std::int32_t> labels{2, 0, 1, 2, 1};
    fill(net, generator_);
    net.gradients(src, labels, Mode::train);  // a first step, that renorm has running statistics to correct by
    net.gradients(src, labels, Mode::train);
    for (const std::string& name : net.parameter_names()) {
      const auto loss = [&] { return net.loss(src, labels, Mode::batch).loss; };
      const Array gradient = net.gradient(name);
      EXPECT_LE(max_relative_error(gradient, numeric_gradient(loss, net.value(name), 1e-4)), 1e-6) << name;
    }
  }
  std::mt19937_64 generator_{17};
};

TEST_P(ReferenceMethodInANet, HasTheGradientsOfItsLoss) {
  Net net;
  net.conv(2, 4, {3, 3}, {{1, 1}, {1, 1}, 1}, false).normalization(4, GetParam().options);
  net.activation(Activation::tanh).flatten().dense(4 * 12, 3);
  expect_differences(net, random_uniform({5, 2, 4, 3}, generator_, -1, 1));
}

TEST_P(ReferenceMethodInANet, HasTheGradientsOfItsLossInEachTimeStep) {
  for (const StepStatistics statistics : {StepStatistics::per_step, StepStatistics::shared}) {
    if (GetParam().options.method == Method::local_response) return;  // without gamma and beta
    Net net;
    net.recurrent(6, 4, 3, Activation::tanh, statistics, GetParam().options).dense(4, 3);
    expect_differences(net, random_uniform({5, 2, 3, 3}, generator_, -1, 1));
  }
}

TEST_P(ReferenceMethodInANet, HasRunningStatisticsWhereItNeedsThem) {
  Net net;
  net.normalization(4, GetParam().options);
  EXPECT_EQ(net.state_names().size(), has_statistics(GetParam().options.method) ? 2u : 0u);
  const Array src = random_uniform({5, 4, 3, 3}, generator_, -1, 1);
  const Array before = net.forward(src, Mode::frozen), trained = net.forward(src, Mode::train);
  const bool differs = net.forward(src, Mode::frozen).values != before.values;
  EXPECT_EQ(differs, has_statistics(GetParam().options.method));
  EXPECT_EQ(net.forward(src, Mode::batch).values, trained.values);
}

INSTANTIATE_TEST_SUITE_P(
    All, ReferenceMethodInANet,
    testing::Values(MethodCase{"batch", {}}, MethodCase{"ghost", {.method = Method::ghost, .virtual_batch_size = 3}},
                    MethodCase{"l1", {.method = Method::lp, .norm = Norm::l1}},
                    MethodCase{"linf", {.method = Method::lp, .norm = Norm::linf}},
                    MethodCase{"renorm", {.method = Method::renorm, .r_max = {1, 1.2}, .d_max = {0, 0.1}}},
                    MethodCase{"group", {.method = Method::group, .groups = 2}},
                    MethodCase{"layer", {.method = Method::group}},
                    MethodCase{"positions", {.method = Method::positions}},
                    MethodCase{"local_response",
                               {.method = Method::local_response, .local_response_constants = {3, 0.5, 0.75, 1.0}}}),
    [](const auto& test) { return test.param.name; });

// The limits of each training step, the last of which stay.
TEST(ReferenceRenorm, LimitsAreThoseOfTheStep) {
  Net net;
  net.normalization(1, {.epsilon = 0, .method = Method::renorm, .r_max = {1, 2}, .d_max = {0, 1}});
  const Array src{{2, 1}, {5, 15}};  // mean 10, deviation 5: far beyond running 0 and 1
  EXPECT_EQ(net.forward(src, Mode::train).values, (std::vector<double>{-1, 1}));
  for (int step = 0; step < 2; ++step) {
    net.state("normalization1.running_mean").values = {0};
    net.state("normalization1.running_variance").values = {1};
    EXPECT_EQ(net.forward(src, Mode::train).values, (std::vector<double>{-1, 3}));  // 2 (-1) + 1 and 2 (1) + 1
  }
}

}  // namespace
}  // namespace bnlab::reference
