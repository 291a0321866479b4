#include "data/scaler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "data/images_testing.h"

namespace bnlab::data {
namespace {

using test::channel_moments;
using test::images_of;

// ---- images --------------------------------------------------------------------------------------------------------

std::vector<float> gathered(const Dataset& dataset, config::Scaling scaling,
                            const std::vector<std::uint32_t>& indices) {
  std::vector<float> dst(indices.size() * static_cast<std::size_t>(dataset.image_size()), -1e9f);
  std::vector<std::int32_t> labels(indices.size(), -1);
  Scaler(dataset, scaling).gather(dataset.train, indices, dst.data(), labels.data());
  for (std::size_t n = 0; n < indices.size(); ++n) EXPECT_EQ(labels[n], dataset.train.labels[indices[n]]);
  return dst;
}

TEST(Scaler, FollowsItsFormulas) {
  const std::vector<std::uint32_t> indices = {4, 0, 4, 3, 1, 2, 0};
  for (const std::int64_t channels : {1, 3, 17}) {
    for (const std::int64_t width : {1, 28, 33}) {
      const Dataset dataset = images_of(channels, 3, width, 5);
      const std::int64_t plane = 3 * width;
      const std::vector<float> raw = gathered(dataset, config::Scaling::raw, indices);
      const std::vector<float> unit = gathered(dataset, config::Scaling::unit, indices);
      const std::vector<float> binary = gathered(dataset, config::Scaling::binary, indices);
      const std::vector<float> standardized = gathered(dataset, config::Scaling::standardized, indices);
      for (std::size_t i = 0; i < raw.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const std::int64_t image = dataset.image_size();
        const auto source = static_cast<std::size_t>(indices[i / static_cast<std::size_t>(image)] * image + at % image);
        const std::uint8_t byte = dataset.train.images[source];
        ASSERT_EQ(raw[i], static_cast<float>(byte));
        ASSERT_EQ(binary[i], byte >= 128 ? 1.0f : 0.0f);
        ASSERT_NEAR(unit[i], byte / 255.0, std::numeric_limits<float>::epsilon());
        const auto [mean, std] = channel_moments(dataset, at / plane % channels);
        // The offset is rounded once and the product once, each at the scale of mean / std.
        ASSERT_NEAR(standardized[i], (byte / 255.0 - mean) / std,
                    2 * std::numeric_limits<float>::epsilon() * (1 + 1 / std));
      }
    }
  }
}

TEST(Scaler, MapsTheEndsOfTheRangeExactly) {
  Dataset dataset = images_of(1, 1, 256, 1);
  std::vector<std::uint8_t> images(256);
  std::iota(images.begin(), images.end(), std::uint8_t{0});
  dataset.train.images = images;
  const std::vector<float> unit = gathered(dataset, config::Scaling::unit, {0});
  EXPECT_EQ(unit.front(), 0.0f);
  EXPECT_EQ(unit.back(), 1.0f);
  const std::vector<float> binary = gathered(dataset, config::Scaling::binary, {0});
  EXPECT_EQ(binary[127], 0.0f);
  EXPECT_EQ(binary[128], 1.0f);
}

TEST(Scaler, MakesAConstantChannelZero) {
  for (const int value : {0, 1, 77, 255}) {
    Dataset dataset = images_of(2, 3, 3, 7);
    std::vector<std::uint8_t> images = test::copy_of(dataset.train.images);
    for (std::size_t i = 0; i < images.size(); ++i)
      if (i / 9 % 2 == 1) images[i] = static_cast<std::uint8_t>(value);
    dataset.train.images = images;
    const std::vector<float> scaled = gathered(dataset, config::Scaling::standardized, {6, 2});
    for (std::size_t i = 0; i < scaled.size(); ++i) {
      if (i / 9 % 2 == 1) {
        ASSERT_EQ(scaled[i], 0.0f) << value;
      }
    }
    EXPECT_NE(scaled[0], 0.0f);
  }
}

TEST(Scaler, TakesItsMomentsFromTheTrainingSplit) {
  Dataset dataset = images_of(1, 4, 4, 6);
  const std::vector<float> before = gathered(dataset, config::Scaling::standardized, {0});
  dataset.test.images = std::vector<std::uint8_t>(16, 255);
  dataset.test.labels = {7};
  dataset.validation = dataset.test;
  EXPECT_EQ(gathered(dataset, config::Scaling::standardized, {0}), before);
  std::vector<float> dst(16);
  std::int32_t label = -1;
  const std::vector<std::uint32_t> first = {0};
  Scaler(dataset, config::Scaling::standardized).gather(dataset.test, first, dst.data(), &label);
  const auto [mean, std] = channel_moments(dataset, 0);
  EXPECT_NEAR(dst[0], (1 - mean) / std, 1e-6);
  EXPECT_EQ(label, 7);
}

TEST(Scaler, StandardizesLargePlanes) {
  const Dataset dataset = images_of(1, 700, 701, 2);  // more than one piece of the 32-bit sums
  const std::vector<float> scaled = gathered(dataset, config::Scaling::standardized, {0, 1});
  double sum = 0;
  double squares = 0;
  for (const float value : scaled) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto count = static_cast<double>(scaled.size());
  EXPECT_NEAR(sum / count, 0, 1e-6);
  EXPECT_NEAR(squares / count, 1, 1e-6);
}

TEST(Scaler, RefusesAnImageThatIsNotThere) {
  const Dataset dataset = images_of(1, 2, 2, 3);
  std::vector<float> dst(4);
  std::int32_t label = 0;
  const std::vector<std::uint32_t> indices = {3};
  EXPECT_THROW(Scaler(dataset, config::Scaling::unit).gather(dataset.train, indices, dst.data(), &label),
               std::out_of_range);
}

// ---- floats --------------------------------------------------------------------------------------------------------

/// Vectors of `d` numbers with two targets each.
Dataset vectors_of(std::int64_t d, std::int64_t count) {
  Dataset dataset;
  dataset.info = {.name = "small", .channels = d, .height = 1, .width = 1, .classes = 2, .has_targets = true};
  std::vector<float> values, targets;
  for (std::int64_t i = 0; i < count * d; ++i)
    values.push_back(1000.0f + 0.37f * static_cast<float>((i * i * 7 + i / 3) % 256));
  for (std::int64_t i = 0; i < 2 * count; ++i) targets.push_back(-0.25f * static_cast<float>(i));
  dataset.train.labels = std::vector<Label>(static_cast<std::size_t>(count));
  dataset.train.values = std::move(values);
  dataset.train.targets = std::move(targets);
  return dataset;
}

TEST(Scaler, LeavesFloatsAsTheyAre) {
  for (const std::int64_t d : {1, 17, 100}) {
    const Dataset dataset = vectors_of(d, 5);
    const std::vector<std::uint32_t> indices = {4, 0, 4};
    for (const config::Scaling scaling : {config::Scaling::unit, config::Scaling::raw}) {
      std::vector<float> dst(3 * static_cast<std::size_t>(d));
      std::vector<std::int32_t> labels(3, -1);
      std::vector<float> targets(6);
      Scaler(dataset, scaling).gather(dataset.train, indices, dst.data(), labels.data(), targets.data());
      for (std::size_t i = 0; i < dst.size(); ++i)
        ASSERT_EQ(dst[i], dataset.train.values[indices[i / static_cast<std::size_t>(d)] * static_cast<std::size_t>(d) +
                                               i % static_cast<std::size_t>(d)]);
      EXPECT_EQ(labels, (std::vector<std::int32_t>{0, 0, 0}));
      EXPECT_EQ(targets, (std::vector<float>{-2.0f, -2.25f, 0.0f, -0.25f, -2.0f, -2.25f}));
    }
  }
}

TEST(Scaler, StandardizesFloatImagesByChannelAsBytes) {
  const Dataset bytes = images_of(3, 4, 5, 6);
  Dataset floats = bytes;
  floats.train.values = std::vector<float>(bytes.train.images.begin(), bytes.train.images.end());
  floats.train.images = {};
  for (const config::Scaling scaling : {config::Scaling::standardized, config::Scaling::raw}) {
    const std::vector<float> expected = gathered(bytes, scaling, {5, 0, 2}),
                             found = gathered(floats, scaling, {5, 0, 2});
    ASSERT_EQ(found.size(), 3u * 60);
    // Offset and product are rounded once each, at the scale of mean / std, which is below 4 here.
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i],
                  scaling == config::Scaling::raw ? 0 : 8 * std::numeric_limits<float>::epsilon());
  }
}

TEST(Scaler, StandardizesFloatsByChannel) {
  Dataset dataset = vectors_of(17, 5);
  std::vector<float> values = test::copy_of(dataset.train.values);
  for (std::size_t n = 0; n < 5; ++n) values[n * 17 + 3] = 0.1f;  // a constant channel
  dataset.train.values = values;
  const std::vector<std::uint32_t> indices = {0, 1, 2, 3, 4};
  std::vector<float> dst(5 * 17);
  std::vector<std::int32_t> labels(5);
  std::vector<float> targets(10);
  Scaler(dataset, config::Scaling::standardized)
      .gather(dataset.train, indices, dst.data(), labels.data(), targets.data());
  for (std::size_t c = 0; c < 17; ++c) {
    double mean = 0;
    double variance = 0;
    for (std::size_t n = 0; n < 5; ++n) mean += static_cast<double>(dataset.train.values[n * 17 + c]) / 5;
    for (std::size_t n = 0; n < 5; ++n)
      variance += std::pow(static_cast<double>(dataset.train.values[n * 17 + c]) - mean, 2) / 5;
    for (std::size_t n = 0; n < 5; ++n) {
      const double expected =
          c == 3 ? 0.0 : (static_cast<double>(dataset.train.values[n * 17 + c]) - mean) / std::sqrt(variance);
      // Offset and product are rounded once each, at the scale of mean / std.
      ASSERT_NEAR(dst[n * 17 + c], expected,
                  c == 3 ? 0.0 : 3 * std::numeric_limits<float>::epsilon() * mean / std::sqrt(variance));
    }
  }
}

TEST(Scaler, RefusesWhatFloatsDoNotHave) {
  const Dataset dataset = vectors_of(3, 4);
  EXPECT_THROW(Scaler(dataset, config::Scaling::binary), std::invalid_argument);
  std::vector<float> dst(3);
  std::int32_t label = 0;
  const std::vector<std::uint32_t> indices = {1};
  EXPECT_THROW(Scaler(dataset, config::Scaling::raw).gather(dataset.train, indices, dst.data(), &label),
               std::invalid_argument);  // no place for targets
}

}  // namespace
}  // namespace bnlab::data
