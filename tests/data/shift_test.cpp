#include "data/shift.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "data/idx_files.h"
#include "data/images_testing.h"
#include "util/random.h"
#include "util/test_files.h"

namespace bnlab::data {
namespace {

using test::image_of;
using test::images_of;

std::vector<std::uint8_t> shifted(const config::ShiftConfig& shift, const Dataset& dataset, std::size_t n,
                                  ImageSource source = ImageSource::train) {
  const auto size = static_cast<std::ptrdiff_t>(dataset.image_size());
  const std::uint8_t* begin = dataset.train.images.begin() + static_cast<std::ptrdiff_t>(n) * size;
  std::vector<std::uint8_t> image(begin, begin + size);
  shift_image(shift, dataset.info, source, static_cast<std::int64_t>(n), image.data());
  return image;
}

/// The noise of an image as shift.h describes it.
std::vector<double> noise_of(const config::ShiftConfig& shift, std::size_t values, std::uint32_t substream) {
  std::vector<double> noise(values, 0.0);
  RandomStream random(1, RandomPurpose::data_shift, substream);
  for (double& value : noise) value = shift.noise > 0 ? 255 * shift.noise * random.normal() : 0.0;
  return noise;
}

TEST(Shift, FollowsTheReference) {
  const std::vector<config::ShiftConfig> shifts = {
      {.rotation = 10},  {.rotation = -33.3}, {.rotation = 360},
      {.contrast = 0.3}, {.contrast = 1.7},   {.contrast = 0},
      {.noise = 0.05},   {.noise = 3},        {.rotation = 120, .contrast = 0.6, .noise = 0.1},
  };
  const std::int64_t shapes[][3] = {{1, 28, 28}, {3, 5, 8}, {2, 7, 3}, {1, 2, 2}, {17, 4, 9}};
  for (const auto& [channels, height, width] : shapes) {
    const Dataset dataset = images_of(channels, height, width, 3);
    for (const config::ShiftConfig& shift : shifts)
      for (std::size_t n = 0; n < 3; ++n) {
        const reference::Image before = image_of(dataset.info, dataset.train, n);
        const reference::Image expected =
            reference::contrasted(reference::rotated(before, shift.rotation), shift.contrast,
                                  noise_of(shift, before.values.size(), 2 * static_cast<std::uint32_t>(n) + 1));
        const std::vector<std::uint8_t> found = shifted(shift, dataset, n, ImageSource::test);
        // Rounded to the nearest byte, and two ways to compute the same double differ by 1e-11 at most.
        for (std::size_t i = 0; i < found.size(); ++i)
          ASSERT_NEAR(found[i], std::clamp(expected.values[i], 0.0, 255.0), 0.5 + 1e-9)
              << i << " of " << channels << " x " << height << " x " << width;
      }
  }
}

TEST(Shift, TurnsCounterclockwise) {
  Dataset dataset = images_of(1, 3, 3, 1);
  dataset.train.images = {0, 90, 200,  //
                          0, 50, 0,    //
                          0, 0,  0};
  EXPECT_EQ(shifted({.rotation = 90}, dataset, 0), (std::vector<std::uint8_t>{200, 0, 0,  //
                                                                              90, 50, 0,  //
                                                                              0, 0, 0}));
  EXPECT_EQ(shifted({.rotation = 180}, dataset, 0), (std::vector<std::uint8_t>{0, 0, 0,   //
                                                                               0, 50, 0,  //
                                                                               200, 90, 0}));
}

TEST(Shift, FillsWithBlackBeforeItChangesTheContrast) {
  Dataset dataset = images_of(1, 2, 4, 1);
  dataset.train.images = std::vector<std::uint8_t>(8, 255);
  EXPECT_EQ(shifted({.rotation = 90, .contrast = 0.5}, dataset, 0),
            (std::vector<std::uint8_t>{64, 191, 191, 64, 64, 191, 191, 64}));
}

TEST(Shift, NoiseBelongsToTheImage) {
  const Dataset dataset = images_of(1, 9, 9, 2);
  const config::ShiftConfig shift{.noise = 0.1};
  EXPECT_EQ(shifted(shift, dataset, 1), shifted(shift, dataset, 1));
  EXPECT_NE(shifted(shift, dataset, 1), shifted(shift, dataset, 1, ImageSource::test));
  Dataset grey = dataset;
  grey.train.images = std::vector<std::uint8_t>(grey.train.images.size(), 128);
  EXPECT_NE(shifted(shift, grey, 0), shifted(shift, grey, 1));
}

TEST(Shift, IsAppliedToEverySplitByThePlaceInTheFile) {
  const test::TemporaryFolder folder;
  test::write_mnist(folder.path(), 12, 3);
  config::DatasetConfig config;
  config.name = "mnist";
  config.path = folder.path().string();
  const Dataset plain = load(config);
  config.shift = {.rotation = 20, .contrast = 0.5, .noise = 0.2};
  const Dataset whole = load(config);
  EXPECT_EQ(whole.sha256, plain.sha256);
  for (std::size_t n = 0; n < 12; ++n) {
    const std::vector<std::uint8_t> expected = shifted(config.shift, plain, n);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                           whole.train.images.begin() + static_cast<std::ptrdiff_t>(n) * 784));
  }
  EXPECT_NE(whole.test.images, plain.test.images);
  EXPECT_EQ(whole.train.labels, plain.train.labels);

  config.limit = 9;
  config.validation = 4;
  const Dataset cut = load(config);
  std::vector<std::uint8_t> joined = test::copy_of(cut.train.images);
  joined.insert(joined.end(), cut.validation.images.begin(), cut.validation.images.end());
  EXPECT_TRUE(std::equal(joined.begin(), joined.end(), whole.train.images.begin()));
  EXPECT_EQ(joined.size(), 9u * 784);
  EXPECT_EQ(cut.test.images, whole.test.images);

  config.shift.splits = config::ShiftedSplits::test;
  const Dataset test_alone = load(config);
  EXPECT_EQ(test_alone.test.images, whole.test.images);
  EXPECT_TRUE(std::equal(test_alone.train.images.begin(), test_alone.train.images.end(), plain.train.images.begin()));
  EXPECT_TRUE(std::equal(test_alone.validation.images.begin(), test_alone.validation.images.end(),
                         plain.train.images.begin() + 5 * 784));
}

}  // namespace
}  // namespace bnlab::data
