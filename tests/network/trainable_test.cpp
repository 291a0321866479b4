#include "network/trainable.h"

#include <gtest/gtest.h>

#include <numeric>
#include <tuple>

#include "training/optimizer_testing.h"
#include "util/errors.h"
#include "util/test_files.h"

namespace bnlab::network {
namespace {

using config::NormalizationType;
using config::Trainable;
using config::TrainableConfig;
using layers::ParameterKind;
using Tag = dnnl::memory::format_tag;
using test::error_text;
using test::expect_contains;

/// A convolution of 17 x 5 x 3 x 3 weights in `layout`, with bias, and a normalization.
struct Block {
  explicit Block(Tag layout = Tag::oihw, bool normalized = true) : parameters(engine) {
    declare("conv1.weights", ParameterKind::weights, {17, 5, 3, 3}, layout);
    declare("conv1.bias", ParameterKind::bias, {17}, Tag::a);
    if (normalized) {
      declare("normalization1.gamma", ParameterKind::gamma, {17}, Tag::a);
      declare("normalization1.beta", ParameterKind::beta, {17}, Tag::a);
    }
    parameters.allocate();
  }

  /// The mask of each parameter, in C order.
  std::vector<std::vector<float>> mask(const TrainableConfig& config, std::uint64_t seed = 1) {
    const std::vector<float> block = trainable_mask(config, parameters, seed);
    EXPECT_EQ(block.size(), parameters.values().size());
    std::vector<std::vector<float>> masks;
    float in_values = 0;
    for (const layers::Segment& segment : parameters.segments()) {
      masks.push_back(segment.parameter->row_major(block.data() + segment.offset));
      in_values = std::accumulate(masks.back().begin(), masks.back().end(), in_values);
    }
    EXPECT_EQ(std::accumulate(block.begin(), block.end(), 0.0f), in_values) << "padding is marked";
    return masks;
  }

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  layers::Parameters parameters;

 private:
  void declare(const std::string& name, ParameterKind kind, const onednn::Dims& shape, Tag layout) {
    layers::Parameter& parameter = parameters.declare({.name = name, .kind = kind, .shape = shape});
    parameters.lay_out(parameter, onednn::Desc(shape, dnnl::memory::data_type::f32, layout));
  }
};

float sum(const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0f); }

constexpr TrainableConfig random_choice{.select = Trainable::random};

TEST(Trainable, All) {
  for (const Tag layout : {Tag::oihw, Tag::OIhw16i16o})
    for (const auto& mask : Block(layout).mask({})) EXPECT_EQ(sum(mask), static_cast<float>(mask.size()));
}

TEST(Trainable, Normalization) {
  const auto masks = Block(Tag::OIhw16i16o).mask({.select = Trainable::normalization});
  EXPECT_EQ(sum(masks[0]), 0.0f);
  EXPECT_EQ(sum(masks[1]), 0.0f);
  EXPECT_EQ(sum(masks[2]), 17.0f);
  EXPECT_EQ(sum(masks[3]), 17.0f);
}

TEST(Trainable, RandomTakesAsManyAsThereAreGammasAndBetas) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto masks = Block().mask(random_choice, seed);
    EXPECT_EQ(sum(masks[0]) + sum(masks[1]), 34.0f) << seed;
    EXPECT_EQ(sum(masks[2]) + sum(masks[3]), 0.0f) << seed;
  }
}

TEST(Trainable, RandomTakesItsShareExactly) {
  const std::vector<std::pair<double, float>> cases{{1.0, 782}, {0.5, 391}, {0.1, 78}, {0.001, 1}};  // of 17 * 46
  for (const auto& [share, count] : cases) {
    const auto masks = Block(Tag::oihw, false).mask({.select = Trainable::random, .share = share});
    EXPECT_EQ(sum(masks[0]) + sum(masks[1]), count) << share;
  }
}

// Each of the 782 values is chosen with probability 1/2. Over 400 seeds the number of times has a standard deviation of
// 10: none of 782 is beyond 5 of them but once in 2000. The biases, 17 of them, have their share like the rest.
TEST(Trainable, RandomPrefersNone) {
  std::vector<float> times(765), of_biases(17);
  Block block(Tag::oihw, false);
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const auto masks = block.mask({.select = Trainable::random, .share = 0.5}, seed);
    for (std::size_t i = 0; i < 765; ++i) times[i] += masks[0][i];
    for (std::size_t i = 0; i < 17; ++i) of_biases[i] += masks[1][i];
  }
  for (const float count : times) EXPECT_NEAR(count, 200.0f, 50.0f);
  for (const float count : of_biases) EXPECT_NEAR(count, 200.0f, 50.0f);
}

TEST(Trainable, RandomDependsOnTheSeedAndNotOnTheLayout) {
  const auto plain = Block(Tag::oihw).mask(random_choice, 3);
  EXPECT_EQ(Block(Tag::OIhw16i16o).mask(random_choice, 3), plain);
  EXPECT_EQ(Block(Tag::Ohwi8o).mask(random_choice, 3), plain);
  EXPECT_NE(Block(Tag::oihw).mask(random_choice, 4), plain);
}

/// Two layers of weights, (5, 12) and (3, 5), and a bias between them.
struct TwoLayers {
  TwoLayers() : parameters(engine) {
    for (const auto& [name, kind, shape] : {std::tuple{"dense1.weights", ParameterKind::weights, onednn::Dims{5, 12}},
                                            std::tuple{"dense1.bias", ParameterKind::bias, onednn::Dims{5}},
                                            std::tuple{"dense2.weights", ParameterKind::weights, onednn::Dims{3, 5}}}) {
      layers::Parameter& parameter = parameters.declare({.name = name, .kind = kind, .shape = shape});
      parameters.lay_out(parameter, onednn::row_major_desc(shape));
    }
    parameters.allocate();
  }

  std::vector<std::vector<float>> mask(std::int64_t per_channel, std::uint64_t seed = 1) {
    const std::vector<float> block =
        trainable_mask({.select = Trainable::random, .per_channel = per_channel}, parameters, seed);
    std::vector<std::vector<float>> masks;
    for (const layers::Segment& segment : parameters.segments())
      masks.push_back(segment.parameter->row_major(block.data() + segment.offset));
    return masks;
  }

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  layers::Parameters parameters;
};

TEST(Trainable, RandomPerChannelTakesSoManyWeightsOfEachButTheLastLayers) {
  TwoLayers layers;
  std::vector<float> times(60);
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto masks = layers.mask(2, seed);
    for (std::size_t channel = 0; channel < 5; ++channel)
      EXPECT_EQ(std::accumulate(masks[0].begin() + static_cast<std::ptrdiff_t>(12 * channel),
                                masks[0].begin() + static_cast<std::ptrdiff_t>(12 * channel + 12), 0.0f),
                2.0f);
    EXPECT_EQ(sum(masks[1]) + sum(masks[2]), 0.0f);
    for (std::size_t i = 0; i < 60; ++i) times[i] += masks[0][i];
  }
  for (const float count : times) EXPECT_NEAR(count, 50.0f, 35.0f);  // of 300 with probability 1/6: sd 6.5
  EXPECT_EQ(sum(layers.mask(12)[0]), 60.0f);
  EXPECT_EQ(layers.mask(2, 3), layers.mask(2, 3));
  EXPECT_NE(layers.mask(2, 3), layers.mask(2, 4));
  EXPECT_EQ(error_text<ConfigError>([&] { layers.mask(13); }),
            "optimizer.trainable.per_channel: must be at most 12: dense1.weights has 12 a channel, got 13");
  Block one(Tag::oihw);
  expect_contains(error_text<ConfigError>([&] { one.mask({.select = Trainable::random, .per_channel = 2}); }),
                  "optimizer.trainable.per_channel: nothing to train");
}

TEST(Trainable, RefusesToTrainNothing) {
  Block block(Tag::oihw, false);
  const auto text = [&](const TrainableConfig& config) {
    return error_text<ConfigError>([&] { trainable_mask(config, block.parameters, 1); });
  };
  expect_contains(text({.select = Trainable::normalization}), "optimizer.trainable.select: nothing to train");
  expect_contains(text({.select = Trainable::normalization}), "normalization.type");
  expect_contains(text(random_choice), "optimizer.trainable.share: must be given");
  expect_contains(text({.select = Trainable::random, .share = 1e-4}), "got 0.0001");
}

}  // namespace
}  // namespace bnlab::network
