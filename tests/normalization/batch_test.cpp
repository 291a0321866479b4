#include "normalization/batch.h"

#include "normalization/batch_testing.h"

namespace bnlab::layer_testing {
namespace {

struct Case {
  std::string name;
  Shape shape;
  double epsilon = 1e-5;
  bool affine = true;
};

class BatchNormalization : public ::testing::TestWithParam<Case> {
 protected:
  static config::NormalizationConfig config(config::NormalizationType type) {
    config::NormalizationConfig config;
    config.type = type;
    config.epsilon = GetParam().epsilon;
    config.affine = GetParam().affine;
    return config;
  }

  static void check_training(Layout layout) {
    const Case& c = GetParam();
    std::mt19937_64 generator(11);
    NormalizationRun normalization(config(config::NormalizationType::batch), c.shape, layout);
    const Values values = normalization.run.randomize(generator);
    ASSERT_EQ(values.size(), c.affine ? 2U : 0U);
    const Array src = reference::random_uniform(c.shape, generator, -1.0, 2.0);
    const Array diff_dst = random_array(c.shape, generator);

    const auto expected = reference::batch_norm_forward(src, find(values, "gamma"), find(values, "beta"), c.epsilon);
    expect_close(normalization.run.forward(src), expected.dst, "dst");
    expect_close(state_array(normalization.state().batch_mean), expected.statistics.mean, "batch_mean");
    expect_close(state_array(normalization.state().batch_variance), expected.statistics.variance, "batch_variance");

    const auto gradients = reference::batch_norm_backward(src, diff_dst, find(values, "gamma"), c.epsilon);
    expect_close(normalization.run.backward(diff_dst), gradients.diff_src, "diff_src");
    expect_parameters(normalization, gradients);
  }

  static void check_frozen(Layout layout) {
    const Case& c = GetParam();
    std::mt19937_64 generator(12);
    NormalizationRun normalization(config(config::NormalizationType::frozen), c.shape, layout);
    const Values values = normalization.run.randomize(generator);
    const Shape channels{c.shape[1]};
    const reference::Statistics statistics{random_array(channels, generator),
                                           reference::random_uniform(channels, generator, 0.2, 2.0), 0};
    normalization::NormalizationState& state = normalization.state();
    // In place: the program holds the addresses.
    std::ranges::copy(reference::to_floats(statistics.mean), state.running_mean.begin());
    std::ranges::copy(reference::to_floats(statistics.variance), state.running_variance.begin());
    const Array src = reference::random_uniform(c.shape, generator, -1.0, 2.0);
    const Array diff_dst = random_array(c.shape, generator);

    const auto expected =
        reference::batch_norm_frozen_forward(src, statistics, find(values, "gamma"), find(values, "beta"), c.epsilon);
    expect_close(normalization.run.forward(src), expected.dst, "dst");
    const auto gradients =
        reference::batch_norm_frozen_backward(src, diff_dst, statistics, find(values, "gamma"), c.epsilon);
    expect_close(normalization.run.backward(diff_dst), gradients.diff_src, "diff_src");
    expect_parameters(normalization, gradients);
    expect_close(state_array(state.running_mean), statistics.mean, "running_mean", 0.0);
    expect_close(state_array(state.running_variance), statistics.variance, "running_variance", 0.0);
  }

  static void expect_parameters(NormalizationRun& normalization, const reference::NormalizationGradients& expected) {
    if (!GetParam().affine) return;
    expect_close(normalization.run.diff("gamma"), expected.diff_gamma, "diff_gamma");
    expect_close(normalization.run.diff("beta"), expected.diff_beta, "diff_beta");
  }
};

TEST_P(BatchNormalization, TrainsAsTheReferenceInRowMajorLayout) { check_training(Layout::row_major); }
TEST_P(BatchNormalization, TrainsAsTheReferenceInBlockedLayout) { check_training(Layout::blocked); }
TEST_P(BatchNormalization, FrozenEqualsTheReferenceInRowMajorLayout) { check_frozen(Layout::row_major); }
TEST_P(BatchNormalization, FrozenEqualsTheReferenceInBlockedLayout) { check_frozen(Layout::blocked); }

// Of two values x_hat is -1 and 1 whatever they are, so diff_src is only as large as epsilon makes it: a large one
// there.
INSTANTIATE_TEST_SUITE_P(
    Shapes, BatchNormalization,
    ::testing::Values(Case{"units_1", {60, 1}}, Case{"units_17", {60, 17}}, Case{"units_100", {60, 100}},
                      Case{"units_112_batch_3", {3, 112}}, Case{"units_112_batch_2", {2, 112}, 0.5},
                      Case{"batch_1", {1, 17}}, Case{"batch_1_units_1", {1, 1}},
                      Case{"units_without_affine", {60, 100}, 1e-5, false}, Case{"units_large_epsilon", {60, 100}, 0.1},
                      Case{"channels_1", {3, 1, 5, 4}}, Case{"channels_17", {3, 17, 5, 4}},
                      Case{"channels_100", {2, 100, 4, 4}}, Case{"channels_32", {2, 32, 8, 8}},
                      Case{"image_batch_1", {1, 17, 5, 4}}, Case{"one_by_one_image", {60, 17, 1, 1}},
                      Case{"one_value_a_channel", {1, 17, 1, 1}}, Case{"large_image", {4, 17, 28, 28}},
                      Case{"without_affine", {3, 17, 5, 4}, 1e-5, false}, Case{"small_epsilon", {3, 17, 5, 4}, 1e-8},
                      Case{"large_epsilon", {3, 17, 5, 4}, 1.0},
                      Case{"one_by_one_image_without_affine", {60, 100, 1, 1}, 1e-3, false}),
    [](const auto& test) { return test.param.name; });

// The lanes that pad a block of channels have variance 0.
TEST(BatchNormalizationLayer, WithoutEpsilonEqualsTheReferenceInPaddedBlocks) {
  for (const Shape& shape : {Shape{6, 8, 5, 4}, Shape{6, 17, 5, 4}, Shape{6, 16, 5, 4}, Shape{20, 17}})
    for (const auto type : {config::NormalizationType::batch, config::NormalizationType::ghost})
      for (const Layout layout : {Layout::row_major, Layout::blocked}) {
        config::NormalizationConfig config = config_of(type);
        config.epsilon = 0.0;
        config.virtual_batch_size = type == config::NormalizationType::ghost ? std::optional(shape[0]) : std::nullopt;
        NormalizationRun normalization(config, shape, layout);
        std::mt19937_64 generator(15);
        const Values values = normalization.run.randomize(generator);
        const Array src = random_array(shape, generator), diff_dst = random_array(shape, generator);
        expect_close(normalization.run.forward(src),
                     reference::batch_norm_forward(src, &values.at("gamma"), &values.at("beta"), 0.0).dst, "dst");
        const auto gradients = reference::batch_norm_backward(src, diff_dst, &values.at("gamma"), 0.0);
        expect_close(normalization.run.backward(diff_dst), gradients.diff_src, "diff_src");
        expect_close(normalization.run.diff("gamma"), gradients.diff_gamma, "diff_gamma");
        expect_close(normalization.run.diff("beta"), gradients.diff_beta, "diff_beta");
      }
}

TEST(BatchNormalizationLayer, StartsFromItsInitialGammaAndBeta) {
  config::NormalizationConfig config;
  config.type = config::NormalizationType::batch;
  config.initial_gamma = 0.25;
  config.initial_beta = -1.5;
  NormalizationRun normalization(config, {4, 17}, Layout::row_major);
  for (const layers::Declaration& parameter : normalization.run.parameters().declarations())
    EXPECT_EQ(parameter.initial_value, parameter.kind == layers::ParameterKind::gamma ? 0.25 : -1.5);
}

TEST(BatchNormalizationLayer, UnbiasedFactorGuardsOneValue) {
  EXPECT_EQ(normalization::unbiased_factor(1), 1.0);
  EXPECT_EQ(normalization::unbiased_factor(2), 2.0);
  EXPECT_DOUBLE_EQ(normalization::unbiased_factor(60), 60.0 / 59.0);
}

}  // namespace
}  // namespace bnlab::layer_testing
