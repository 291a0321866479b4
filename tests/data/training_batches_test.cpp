#include "data/training_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "data/images_testing.h"
#include "util/errors.h"
#include "util/random.h"
#include "util/test_files.h"

namespace bnlab::data {
namespace {

using config::BatchComposition;
using config::Scaling;
using test::error_text;
using test::expect_contains;
using test::images_of;

config::RunConfig run_of(std::int64_t batch_size, BatchComposition composition = BatchComposition::shuffled,
                         std::uint64_t seed = 1) {
  config::RunConfig run;
  run.training.batch_size = batch_size;
  run.training.composition = composition;
  run.training.seed = seed;
  return run;
}

struct Loaded {
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  std::vector<float> targets;
  bool operator==(const Loaded&) const = default;
};

Loaded load_step(TrainingBatches& batches, const Dataset& dataset, std::int64_t batch, std::int64_t step) {
  Loaded loaded;
  loaded.values.assign(static_cast<std::size_t>(batch * dataset.image_size()), -1e9f);
  loaded.labels.assign(static_cast<std::size_t>(batch), -1);
  if (dataset.info.has_targets) loaded.targets.assign(static_cast<std::size_t>(batch * dataset.info.classes), -1e9f);
  batches.load(step, loaded.values.data(), loaded.labels.data(), loaded.targets.data());
  return loaded;
}

// ---- what depends on the data --------------------------------------------------------------------------------------

TEST(ResolveBatches, TakesAllForAFullBatch) {
  const Dataset dataset = images_of(1, 2, 2, 23);
  config::TrainingConfig training;
  training.composition = BatchComposition::full_batch;
  resolve_batches(training, dataset);
  EXPECT_EQ(training.batch_size, 23);
  // A number stays what it is, though it is the same.
  training = {.batch_size = 23};
  resolve_batches(training, dataset);
  EXPECT_EQ(training, (config::TrainingConfig{.batch_size = 23}));
}

TEST(ResolveBatches, SaysWhatDoesNotFit) {
  Dataset dataset = images_of(1, 2, 2, 23);  // classes 0 to 9, three or two images each: 0, 3, 6 have three
  const auto refusal = [&](const config::TrainingConfig& training) {
    return error_text<ConfigError>([&] {
      config::TrainingConfig copy = training;
      resolve_batches(copy, dataset);
    });
  };
  using enum BatchComposition;
  EXPECT_EQ(refusal({.batch_size = 24}),
            "training.batch_size: must be at most 23, the number of training images, got 24");
  EXPECT_EQ(refusal({.batch_size = 22, .composition = by_class, .classes_per_batch = 11}),
            "training.classes_per_batch: must be at most 10, the number of classes of the training images, got 11");
  EXPECT_EQ(refusal({.batch_size = 6, .composition = by_class, .classes_per_batch = 2}),
            "training.batch_size: must be at most 4 with 2 classes a batch, because class 1 has 2 training images, "
            "got 6");
  config::TrainingConfig fits{.batch_size = 4, .composition = by_class, .classes_per_batch = 2};
  EXPECT_NO_THROW(resolve_batches(fits, dataset));
  std::vector<Label> labels = test::copy_of(dataset.train.labels);
  for (Label& label : labels) label = label < 5 ? 1 : 8;
  dataset.train.labels = labels;
  expect_contains(refusal({.batch_size = 6, .composition = by_class, .classes_per_batch = 3}), "at most 2");
  dataset.info.has_targets = true;
  EXPECT_EQ(refusal({.batch_size = 4, .composition = by_class}),
            "training.composition: by_class needs classes; the examples of small have targets");
}

// ---- composition ---------------------------------------------------------------------------------------------------

TEST(TrainingBatches, ShuffledIsBatchOrderAndGather) {
  const Dataset dataset = images_of(3, 4, 5, 23);
  const Scaler scaler(dataset, Scaling::standardized);
  TrainingBatches batches(dataset, scaler, run_of(6, BatchComposition::shuffled, 9));
  EXPECT_EQ(batches.batches_per_epoch(), 3);
  BatchOrder order(9, 23, 6);
  for (const std::int64_t step : {0, 1, 2, 3, 50, 7}) {
    Loaded expected{std::vector<float>(6 * 60), std::vector<std::int32_t>(6), {}};
    const auto indices = order.batch(step);
    scaler.gather(dataset.train, indices, expected.values.data(), expected.labels.data());
    EXPECT_EQ(load_step(batches, dataset, 6, step), expected);
    EXPECT_TRUE(std::ranges::equal(batches.indices(step), indices));
  }
}

TEST(TrainingBatches, InOrderTakesTheFileAsItIs) {
  const Dataset dataset = images_of(1, 2, 3, 23);
  const Scaler scaler(dataset, Scaling::raw);
  TrainingBatches batches(dataset, scaler, run_of(5, BatchComposition::in_order));
  EXPECT_EQ(batches.batches_per_epoch(), 4);
  for (std::int64_t step = 0; step < 9; ++step) {
    const Loaded loaded = load_step(batches, dataset, 5, step);
    for (std::size_t n = 0; n < 5; ++n) {
      const std::size_t index = static_cast<std::size_t>(step % 4 * 5) + n;
      EXPECT_EQ(loaded.labels[n], dataset.train.labels[index]);
      for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(loaded.values[n * 6 + i], dataset.train.images[index * 6 + i]);
    }
  }
}

TEST(TrainingBatches, ByClassTakesAFewClasses) {
  const Dataset dataset = images_of(1, 2, 3, 230);
  const Scaler scaler(dataset, Scaling::unit);
  config::RunConfig run = run_of(12, BatchComposition::by_class);
  run.training.classes_per_batch = 3;
  TrainingBatches batches(dataset, scaler, run);
  EXPECT_EQ(batches.batches_per_epoch(), 19);
  for (std::int64_t step = 0; step < 50; ++step) {
    const Loaded loaded = load_step(batches, dataset, 12, step);
    EXPECT_EQ(std::set<std::int32_t>(loaded.labels.begin(), loaded.labels.end()).size(), 3u);
    const auto indices = batches.indices(step);
    for (std::size_t n = 0; n < 12; ++n) EXPECT_EQ(loaded.labels[n], dataset.train.labels[indices[n]]);
  }
}

TEST(TrainingBatches, BringsTargets) {
  config::RunConfig run = run_of(4);
  run.dataset.name = "gaussian_regression";
  run.dataset.synthetic = {.examples = 10, .test_examples = 1, .dimensions = 3, .outputs = 2};
  const Dataset dataset = load(run.dataset);
  const Scaler scaler(dataset, Scaling::unit);
  TrainingBatches batches(dataset, scaler, run);
  const Loaded loaded = load_step(batches, dataset, 4, 5);
  const auto indices = batches.indices(5);
  for (std::size_t n = 0; n < 4; ++n) {
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(loaded.values[n * 3 + i], dataset.train.values[indices[n] * 3 + i]);
    for (std::size_t k = 0; k < 2; ++k) EXPECT_EQ(loaded.targets[n * 2 + k], dataset.train.targets[indices[n] * 2 + k]);
  }
}

// ---- augmentation --------------------------------------------------------------------------------------------------

/// The batch as augmentation.h describes it, from whole padded images.
std::vector<float> expected_values(const Dataset& dataset, const Scaler& scaler, const config::RunConfig& run,
                                   std::span<const std::uint32_t> indices, std::int64_t step) {
  const int padding = static_cast<int>(run.dataset.augmentation.crop_padding);
  const auto places = static_cast<std::uint64_t>(2 * padding + 1);
  RandomStream random(run.training.seed, RandomPurpose::augmentation, static_cast<std::uint32_t>(step));
  std::vector<float> values(indices.size() * static_cast<std::size_t>(dataset.image_size()));
  for (std::size_t n = 0; n < indices.size(); ++n) {
    const reference::Image image = test::image_of(dataset.info, dataset.train, indices[n]);
    const int top = static_cast<int>(random.below(places));
    const int left = static_cast<int>(random.below(places));
    const bool mirror = random.below(2) == 1;
    reference::Image changed =
        reference::window(reference::padded(image, padding), top, left, image.height, image.width);
    if (mirror && run.dataset.augmentation.flip) changed = reference::mirrored(changed);
    const std::vector<std::uint8_t> bytes(changed.values.begin(), changed.values.end());
    scaler.scale(bytes.data(), values.data() + n * bytes.size());
  }
  return values;
}

TEST(Augmentation, FollowsTheReference) {
  const struct {
    std::int64_t channels, height, width;
    config::AugmentationConfig augmentation;
  } cases[] = {
      {1, 28, 28, {.crop_padding = 4, .flip = true}}, {3, 5, 7, {.crop_padding = 2, .flip = false}},
      {3, 7, 5, {.crop_padding = 4, .flip = true}},   {17, 2, 3, {.crop_padding = 1, .flip = true}},
      {2, 3, 8, {.crop_padding = 0, .flip = true}},   {1, 2, 2, {.crop_padding = 1, .flip = false}},
  };
  for (const auto& [channels, height, width, augmentation] : cases)
    for (const Scaling scaling : {Scaling::unit, Scaling::binary, Scaling::standardized, Scaling::raw}) {
      const Dataset dataset = images_of(channels, height, width, 23);
      const Scaler scaler(dataset, scaling);
      config::RunConfig run = run_of(6, BatchComposition::shuffled, 4);
      run.dataset.augmentation = augmentation;
      TrainingBatches batches(dataset, scaler, run);
      for (std::int64_t step = 0; step < 20; ++step) {
        const Loaded loaded = load_step(batches, dataset, 6, step);
        const auto indices = batches.indices(step);
        ASSERT_EQ(loaded.values, expected_values(dataset, scaler, run, indices, step));
        for (std::size_t n = 0; n < 6; ++n) ASSERT_EQ(loaded.labels[n], dataset.train.labels[indices[n]]);
      }
    }
}

TEST(Augmentation, PadsWithWhatABlackPixelBecomes) {
  Dataset dataset = images_of(1, 4, 4, 8);
  std::vector<std::uint8_t> images(dataset.train.images.size(), 200);
  images[0] = 100;  // so that there is a standard deviation
  dataset.train.images = images;
  const Scaler scaler(dataset, Scaling::standardized);
  const auto [mean, std] = test::channel_moments(dataset, 0);
  config::RunConfig run = run_of(8);
  run.dataset.augmentation.crop_padding = 3;
  TrainingBatches batches(dataset, scaler, run);
  const Loaded loaded = load_step(batches, dataset, 8, 0);
  const float black = *std::min_element(loaded.values.begin(), loaded.values.end());
  EXPECT_NEAR(black, -mean / std, 1e-4);
}

TEST(Augmentation, ChoosesEveryPlaceAndSideEvenly) {
  const Dataset dataset = images_of(1, 3, 3, 1);
  const Scaler scaler(dataset, Scaling::raw);
  config::RunConfig run = run_of(1);
  run.dataset.augmentation = {.crop_padding = 1, .flip = true};
  TrainingBatches batches(dataset, scaler, run);
  std::map<std::vector<float>, int> counts;
  constexpr int steps = 9000;
  for (std::int64_t step = 0; step < steps; ++step) ++counts[load_step(batches, dataset, 1, step).values];
  EXPECT_EQ(counts.size(), 18u);
  for (const auto& [values, count] : counts) EXPECT_NEAR(count, steps / 18, 5 * std::sqrt(steps / 18.0));
}

TEST(Augmentation, OfFlipsLeavesTheCropsAsTheyAre) {
  const Dataset dataset = images_of(1, 5, 6, 40);
  const Scaler scaler(dataset, Scaling::raw);
  config::RunConfig run = run_of(40);
  run.dataset.augmentation = {.crop_padding = 2, .flip = false};
  TrainingBatches crops(dataset, scaler, run);
  run.dataset.augmentation.flip = true;
  TrainingBatches both(dataset, scaler, run);
  std::vector<float> plain = load_step(crops, dataset, 40, 3).values;
  const std::vector<float> flipped = load_step(both, dataset, 40, 3).values;
  EXPECT_NE(plain, flipped);
  for (std::size_t n = 0; n < 40; ++n) {
    const auto image = plain.begin() + static_cast<std::ptrdiff_t>(n) * 30;
    const auto found = flipped.begin() + static_cast<std::ptrdiff_t>(n) * 30;
    if (std::equal(image, image + 30, found)) continue;
    for (std::ptrdiff_t row = 0; row < 5; ++row) std::reverse(image + row * 6, image + (row + 1) * 6);
    EXPECT_TRUE(std::equal(image, image + 30, found)) << n;
  }
}

// ---- resuming ------------------------------------------------------------------------------------------------------

TEST(TrainingBatches, DependOnTheStepAlone) {
  const Dataset dataset = images_of(2, 4, 3, 60);
  const Scaler scaler(dataset, Scaling::standardized);
  using enum BatchComposition;
  for (const BatchComposition composition : {shuffled, in_order, by_class})
    for (const std::int64_t padding : {0, 2}) {
      config::RunConfig run = run_of(6, composition);
      run.dataset.augmentation = {.crop_padding = padding, .flip = padding > 0};
      TrainingBatches sequence(dataset, scaler, run);
      std::vector<Loaded> steps;
      for (std::int64_t step = 0; step < 60; ++step) steps.push_back(load_step(sequence, dataset, 6, step));
      for (const std::int64_t step : {59, 0, 31, 32, 10}) {
        TrainingBatches direct(dataset, scaler, run);
        EXPECT_EQ(load_step(direct, dataset, 6, step), steps[static_cast<std::size_t>(step)]);
        EXPECT_EQ(load_step(sequence, dataset, 6, step), steps[static_cast<std::size_t>(step)]);
      }
      if (padding > 0) {
        EXPECT_NE(steps[10].values, steps[0].values);  // in order, these are of the same images
      }
    }
}

}  // namespace
}  // namespace bnlab::data
