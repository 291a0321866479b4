// Each method by itself against its reference: output and all gradients, over odd shapes, in plain and blocked layout.
#include <limits>

#include "config/names.h"
#include "normalization/batch_testing.h"
#include "util/errors.h"

namespace bnlab::layer_testing {
namespace {

using config::LayerNormOver;
using config::LpNorm;
using config::NormalizationConfig;
using config::NormalizationType;
using reference::NormalizationGradients;
using reference::SetOf;

struct Expected {
  Array dst;
  NormalizationGradients gradients;
};

/// What a method is called, its config for so many channels, and its reference.
struct Method {
  std::string name;
  std::function<NormalizationConfig(std::int64_t channels)> config;
  std::function<Expected(const Array& src, const Array& diff_dst, const Array* gamma, const Array* beta,
                         double epsilon)>
      expected;
};

Method over_sets(std::string name, std::function<NormalizationConfig(std::int64_t)> config,
                 const std::function<SetOf(std::int64_t channels)>& sets) {
  return {std::move(name), std::move(config),
          [sets](const Array& src, const Array& diff_dst, const Array* gamma, const Array* beta, double epsilon) {
            const SetOf set_of = sets(src.dim(1));
            return Expected{reference::set_norm_forward(src, set_of, gamma, beta, epsilon),
                            reference::set_norm_backward(src, diff_dst, set_of, gamma, epsilon)};
          }};
}

Method ghost(std::int64_t images) {
  return over_sets(
      "ghost_" + std::to_string(images),
      [=](std::int64_t) {
        NormalizationConfig config = config_of(NormalizationType::ghost);
        config.virtual_batch_size = images;
        return config;
      },
      [=](std::int64_t) { return reference::virtual_batches(images); });
}

Method group(bool by_size) {
  // 17 channels have no other divisor.
  const auto groups = [](std::int64_t channels) { return channels % 2 == 0 ? channels / 2 : 1; };
  return over_sets(
      by_size ? "group_by_size" : "group",
      [=](std::int64_t channels) {
        NormalizationConfig config = config_of(NormalizationType::group);
        config.groups = groups(channels);
        if (by_size) config.channels_per_group = channels / groups(channels);
        return config;
      },
      [=](std::int64_t channels) { return reference::channel_groups(channels, groups(channels)); });
}

Method layer(LayerNormOver over) {
  return over_sets(
      "layer_over_" + config::name_of(over),
      [=](std::int64_t) {
        NormalizationConfig config = config_of(NormalizationType::layer);
        config.over = over;
        return config;
      },
      [=](std::int64_t) {
        return over == LayerNormOver::image ? reference::channel_groups(1000000, 1) : reference::positions();
      });
}

Method instance() {
  return over_sets(
      "instance", [](std::int64_t) { return config_of(NormalizationType::instance); },
      [](std::int64_t channels) { return reference::channel_groups(channels, channels); });
}

Method lp(LpNorm norm, bool is_raw = false) {
  return {(is_raw ? "raw_lp_" : "lp_") + config::name_of(norm),
          [=](std::int64_t) {
            NormalizationConfig config = config_of(NormalizationType::lp);
            config.norm = norm;
            if (is_raw) config.norm_of = config::NormOf::raw;
            return config;
          },
          [=](const Array& src, const Array& diff_dst, const Array* gamma, const Array* beta, double epsilon) {
            const auto of = norm == LpNorm::l1   ? reference::Norm::l1
                            : norm == LpNorm::l2 ? reference::Norm::l2
                                                 : reference::Norm::linf;
            const auto taken = is_raw ? reference::NormOf::raw : reference::NormOf::centred;
            return Expected{reference::lp_norm_forward(src, of, gamma, beta, epsilon, taken).dst,
                            reference::lp_norm_backward(src, diff_dst, of, gamma, epsilon, taken)};
          }};
}

struct Place {
  std::string name;
  Shape shape;
  double epsilon = 1e-5;
  bool affine = true;
};

std::ostream& operator<<(std::ostream& out, const Method& method) { return out << method.name; }
std::ostream& operator<<(std::ostream& out, const Place& place) { return out << place.name; }

class NormalizationMethod : public ::testing::TestWithParam<std::tuple<Method, Place>> {
 protected:
  static void check(Layout layout) {
    const auto& [method, place] = GetParam();
    NormalizationConfig config = method.config(place.shape[1]);
    config.epsilon = place.epsilon;
    config.affine = place.affine;
    NormalizationRun normalization(config, place.shape, layout);
    std::mt19937_64 generator(11);
    const Values values = normalization.run.randomize(generator);
    ASSERT_EQ(values.size(), place.affine ? 2U : 0U);
    for (int step = 0; step < 2; ++step) {  // the second finds what the first left
      const Array src = reference::random_uniform(place.shape, generator, -1.0, 2.0);
      const Array diff_dst = random_array(place.shape, generator);
      const Expected expected =
          method.expected(src, diff_dst, find(values, "gamma"), find(values, "beta"), place.epsilon);
      expect_close(normalization.run.forward(src), expected.dst, "dst");
      expect_close(normalization.run.backward(diff_dst), expected.gradients.diff_src, "diff_src");
      if (!place.affine) continue;
      expect_close(normalization.run.diff("gamma"), expected.gradients.diff_gamma, "diff_gamma");
      expect_close(normalization.run.diff("beta"), expected.gradients.diff_beta, "diff_beta");
    }
  }
};

TEST_P(NormalizationMethod, EqualsTheReferenceInRowMajorLayout) { check(Layout::row_major); }
TEST_P(NormalizationMethod, EqualsTheReferenceInBlockedLayout) { check(Layout::blocked); }

std::string name_of(const ::testing::TestParamInfo<std::tuple<Method, Place>>& test) {
  return std::get<0>(test.param).name + "_of_" + std::get<1>(test.param).name;
}

const std::vector<Place> images{{"channels_3", {3, 3, 5, 4}},
                                {"channels_17", {3, 17, 5, 4}},
                                {"channels_100", {2, 100, 4, 4}},
                                {"channels_32", {5, 32, 8, 8}},
                                {"batch_1", {1, 18, 5, 4}},
                                {"large_image", {4, 18, 28, 28}},
                                {"without_affine", {3, 18, 5, 4}, 1e-5, false},
                                {"small_epsilon", {3, 18, 5, 4}, 1e-8},
                                {"large_epsilon", {3, 18, 5, 4}, 1.0},
                                {"many_images", {40, 18, 7, 7}}};
const std::vector<Place> vectors{{"units_17", {60, 17}},
                                 {"units_100", {60, 100}},
                                 {"units_112_batch_3", {3, 112}},
                                 {"units_large_epsilon", {61, 100}, 0.1},
                                 {"units_without_affine", {60, 100}, 1e-3, false}};
// Of two values x_hat is -1 and 1 whatever they are, so diff_src is only as large as epsilon makes it.
const std::vector<Place> few_values{{"units_batch_2", {2, 112}, 0.5},
                                    {"units_batch_1", {1, 17}},
                                    {"one_by_one_image", {60, 17, 1, 1}},
                                    {"one_value_a_channel", {1, 17, 1, 1}},
                                    {"one_unit", {60, 1}}};

INSTANTIATE_TEST_SUITE_P(
    OverImages, NormalizationMethod,
    ::testing::Combine(::testing::Values(ghost(2), ghost(3), ghost(32), group(false), group(true),
                                         layer(LayerNormOver::image), layer(LayerNormOver::position), instance(),
                                         lp(LpNorm::l1), lp(LpNorm::l2), lp(LpNorm::linf), lp(LpNorm::l1, true),
                                         lp(LpNorm::l2, true), lp(LpNorm::linf, true)),
                       ::testing::ValuesIn(images)),
    name_of);
INSTANTIATE_TEST_SUITE_P(OverVectors, NormalizationMethod,
                         ::testing::Combine(::testing::Values(ghost(16), ghost(7), group(false), group(true),
                                                              layer(LayerNormOver::image),
                                                              layer(LayerNormOver::position), lp(LpNorm::l1),
                                                              lp(LpNorm::l2), lp(LpNorm::linf), lp(LpNorm::l1, true),
                                                              lp(LpNorm::l2, true), lp(LpNorm::linf, true)),
                                            ::testing::ValuesIn(vectors)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(OverFewValues, NormalizationMethod,
                         ::testing::Combine(::testing::Values(ghost(7), ghost(100), lp(LpNorm::l1), lp(LpNorm::l2),
                                                              lp(LpNorm::linf)),
                                            ::testing::ValuesIn(few_values)),
                         name_of);

// All sums are in double precision, so the mean of equal values is that value.
TEST(NormalizationMethods, OfAConstantChannelGiveBetaExactly) {
  for (const Method& method : {ghost(2), ghost(32), instance(), lp(LpNorm::l1), lp(LpNorm::l2), lp(LpNorm::linf)})
    for (const double epsilon : {1e-5, 0.0})
      for (const Layout layout : {Layout::row_major, Layout::blocked}) {
        const Shape shape{4, 17, 7, 7};
        NormalizationConfig config = method.config(17);
        config.epsilon = epsilon;
        NormalizationRun normalization(config, shape, layout);
        std::mt19937_64 generator(13);
        const Values values = normalization.run.randomize(generator);
        Array src = random_array(shape, generator);
        reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t i) {
          if (channel == 3) src.values[static_cast<std::size_t>(i)] = static_cast<double>(0.7f);
        });
        const Array dst = normalization.run.forward(src);
        const Array diff_src = normalization.run.backward(random_array(shape, generator));
        reference::for_each_in_channel(shape, [&](std::int64_t channel, std::int64_t index) {
          const auto i = static_cast<std::size_t>(index);
          EXPECT_TRUE(std::isfinite(dst.values[i]) && std::isfinite(diff_src.values[i])) << method.name;
          if (channel == 3) {
            EXPECT_EQ(dst.values[i], values.at("beta").values[3]) << method.name;
          }
        });
      }
}

struct Wrong {
  std::string name;
  NormalizationConfig config;
  Shape shape;
  std::string message;
};

std::ostream& operator<<(std::ostream& out, const Wrong& wrong) { return out << wrong.name; }

class WrongNormalization : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongNormalization, IsAConfigErrorThatNamesTheLayer) {
  const Wrong& wrong = GetParam();
  try {
    const NormalizationRun run(wrong.config, wrong.shape, Layout::row_major);
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find(wrong.message), std::string::npos) << error.what();
  }
}

NormalizationConfig groups_of(std::int64_t groups, std::optional<std::int64_t> channels_per_group = std::nullopt) {
  NormalizationConfig config = config_of(NormalizationType::group);
  config.groups = groups;
  config.channels_per_group = channels_per_group;
  return config;
}

NormalizationConfig layer_over_positions() {
  NormalizationConfig config = config_of(NormalizationType::layer);
  config.over = LayerNormOver::position;
  return config;
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongNormalization,
    ::testing::Values(
        Wrong{"groups",
              groups_of(32),
              {4, 17, 5, 5},
              "normalization.groups: must divide the 17 channels of layer1, got 32"},
        Wrong{"channels_per_group",
              groups_of(32, 3),
              {4, 17, 5, 5},
              "normalization.channels_per_group: must divide the 17 channels of layer1, got 3"},
        Wrong{"groups_of_one_value", groups_of(17), {4, 17}, "layer1: group normalization of (17)"},
        Wrong{"instance_of_vectors",
              config_of(NormalizationType::instance),
              {4, 17},
              "layer1: instance normalization of (17)"},
        Wrong{"instance_of_one_pixel",
              config_of(NormalizationType::instance),
              {4, 17, 1, 1},
              "layer1: instance normalization of (17, 1, 1)"},
        Wrong{"layer_of_one_unit", config_of(NormalizationType::layer), {4, 1}, "layer1: layer normalization of (1)"},
        Wrong{
            "layer_of_one_channel", layer_over_positions(), {4, 1, 5, 5}, "layer1: layer normalization of (1, 5, 5)"}),
    [](const auto& test) { return test.param.name; });

// ---- local response normalization ----------------------------------------------------------------------------------

TEST(LocalResponse, EqualsTheReference) {
  for (const Shape& shape :
       {Shape{2, 17, 5, 4}, Shape{3, 32, 7, 7}, Shape{1, 1, 3, 3}, Shape{2, 3, 1, 1}, Shape{6, 100}})
    for (const auto& constants : {config::LocalResponse{}, config::LocalResponse{3, 0.5, 0.75, 2.0},
                                  config::LocalResponse{5, 2.0, 0.5, 1.0}, config::LocalResponse{7, 1.0, 0.75, 1.5}})
      for (const Layout layout : {Layout::row_major, Layout::blocked}) {
        NormalizationConfig config = config_of(NormalizationType::local_response);
        config.local_response = constants;
        NormalizationRun normalization(config, shape, layout);
        EXPECT_TRUE(normalization.states.empty());
        std::mt19937_64 generator(15);
        const Array src = reference::random_uniform(shape, generator, -1.0, 2.0);
        const Array diff_dst = random_array(shape, generator);
        const reference::LocalResponseOptions options{constants.size, constants.alpha, constants.beta, constants.k};
        expect_close(normalization.run.forward(src), reference::local_response_forward(src, options), "dst");
        expect_close(normalization.run.backward(diff_dst), reference::local_response_backward(src, diff_dst, options),
                     "diff_src");
      }
}

}  // namespace
}  // namespace bnlab::layer_testing
