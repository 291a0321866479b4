#include "data/synthetic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "data/images_testing.h"
#include "util/random.h"

namespace bnlab::data {
namespace {

config::DatasetConfig config_of(const std::string& name, std::int64_t examples, std::int64_t test_examples,
                                std::int64_t dimensions = 10, std::int64_t outputs = 10) {
  config::DatasetConfig config;
  config.name = name;
  config.synthetic.examples = examples;
  config.synthetic.test_examples = test_examples;
  config.synthetic.dimensions = dimensions;
  config.synthetic.outputs = outputs;
  return config;
}

struct Moments {
  double mean = 0;
  double variance = 0;
};

template <class Numbers>
Moments moments_of(const Numbers& values) {
  Moments moments;
  const auto count = static_cast<double>(values.size());
  for (const auto value : values) moments.mean += static_cast<double>(value) / count;
  for (const auto value : values) moments.variance += std::pow(static_cast<double>(value) - moments.mean, 2) / count;
  return moments;
}

const std::vector<std::string> names = {"gaussian_regression", "gaussian_clusters", "drawn_digits"};

// ---- all of them ---------------------------------------------------------------------------------------------------

// The numbers of these datasets must never change: runs of different versions would be of different data.
TEST(Synthetic, MakesTheSameDataForEver) {
  EXPECT_EQ(load(config_of("gaussian_regression", 7, 5, 3, 2)).sha256,
            "d0f37191ac2198ab07dbc79bae81f22820bf636d6fbbf2ed4bc6778cd9b716e1");
  EXPECT_EQ(load(config_of("gaussian_clusters", 7, 5, 3, 2)).sha256,
            "d7fdde67d3d5e3b7ff77af254231774f20e076c06df5308a95001516416e4502");
  EXPECT_EQ(load(config_of("drawn_digits", 20, 10)).sha256,
            "67ca40a7ebbecd04efb333452e1d1ed01b05675627ffb9c8dcb77efde7c96427");
}

TEST(Synthetic, DependsOnItsOwnSeedAndSizes) {
  for (const std::string& name : names) {
    config::DatasetConfig config = config_of(name, 30, 20);
    const Dataset one = load(config);
    const Dataset same = load(config);
    EXPECT_EQ(same.sha256, one.sha256);
    EXPECT_EQ(same.train.images, one.train.images);
    EXPECT_EQ(same.train.values, one.train.values);
    config.synthetic.seed = 2;
    const Dataset other = load(config);
    EXPECT_NE(other.sha256, one.sha256);
    EXPECT_TRUE(other.train.images != one.train.images || other.train.values != one.train.values);
    // The size of one split leaves the other as it is.
    config = config_of(name, 31, 20);
    const Dataset larger = load(config);
    EXPECT_EQ(larger.test.images, one.test.images);
    EXPECT_EQ(larger.test.values, one.test.values);
    EXPECT_EQ(larger.test.targets, one.test.targets);
    EXPECT_EQ(larger.test.labels, one.test.labels);
    EXPECT_NE(larger.sha256, one.sha256);
  }
}

TEST(Synthetic, HasTheSizesOfTheConfig) {
  for (const std::string& name : names) {
    const Dataset dataset = load(config_of(name, 12, 5, 17, 3));
    const bool images = name == "drawn_digits";
    const bool targets = name == "gaussian_regression";
    EXPECT_EQ(dataset.image_size(), images ? 784 : 17);
    for (const auto& [split, count] : {std::pair{&dataset.train, std::size_t{12}}, {&dataset.test, std::size_t{5}}}) {
      EXPECT_EQ(split->size(), static_cast<std::int64_t>(count));
      EXPECT_EQ(split->labels.size(), count);
      EXPECT_EQ(split->images.size(), images ? count * 784 : 0);
      EXPECT_EQ(split->values.size(), images ? 0 : count * 17);
      EXPECT_EQ(split->targets.size(), targets ? count * 3 : 0);
    }
  }
}

TEST(Synthetic, AppliesLimitAndValidation) {
  for (const std::string& name : names) {
    config::DatasetConfig config = config_of(name, 12, 5, 3, 2);
    const Dataset whole = load(config);
    config.limit = 9;
    config.validation = 4;
    const Dataset cut = load(config);
    EXPECT_EQ(cut.sha256, whole.sha256);
    EXPECT_EQ(cut.train.size(), 5);
    EXPECT_EQ(cut.validation.size(), 4);
    EXPECT_EQ(cut.test.size(), 5);
    const auto expect_parts = [](const auto& all, const auto& first, const auto& second) {
      auto joined = test::copy_of(first);
      joined.insert(joined.end(), second.begin(), second.end());
      EXPECT_EQ(joined.size(), all.size() * 9 / 12);
      EXPECT_TRUE(std::equal(joined.begin(), joined.end(), all.begin()));
      EXPECT_EQ(first.size(), all.size() * 5 / 12);
    };
    expect_parts(whole.train.images, cut.train.images, cut.validation.images);
    expect_parts(whole.train.values, cut.train.values, cut.validation.values);
    expect_parts(whole.train.targets, cut.train.targets, cut.validation.targets);
    expect_parts(whole.train.labels, cut.train.labels, cut.validation.labels);
  }
}

TEST(Synthetic, RepeatsNoExample) {
  for (const std::string& name : names) {
    const Dataset dataset = load(config_of(name, 100, 100));
    std::set<std::vector<double>> examples;
    for (const Split* split : {&dataset.train, &dataset.test})
      for (std::int64_t n = 0; n < 100; ++n) {
        std::vector<double> example;
        for (std::int64_t i = n * dataset.image_size(); i < (n + 1) * dataset.image_size(); ++i) {
          const auto at = static_cast<std::size_t>(i);
          example.push_back(split->values.empty() ? split->images[at] : static_cast<double>(split->values[at]));
        }
        examples.insert(example);
      }
    EXPECT_EQ(examples.size(), 200u);
  }
}

TEST(Synthetic, HasEquallyManyOfEachClassInARandomOrder) {
  for (const auto& [name, classes] : {std::pair{"gaussian_clusters", std::size_t{256}},
                                      {"gaussian_clusters", std::size_t{7}},
                                      {"drawn_digits", std::size_t{10}}}) {
    const Dataset dataset = load(config_of(name, 1000, 513, 2, static_cast<std::int64_t>(classes)));
    for (const Split* split : {&dataset.train, &dataset.test}) {
      std::vector<std::size_t> counts(classes);
      for (const Label label : split->labels) ++counts.at(label);
      for (const std::size_t count : counts) {
        EXPECT_GE(count, split->labels.size() / classes);
        EXPECT_LE(count, split->labels.size() / classes + 1);
      }
      EXPECT_FALSE(std::is_sorted(split->labels.begin(), split->labels.end()));
      // In file order each label would be followed by the next.
      std::size_t next = 0;
      for (std::size_t n = 0; n + 1 < split->labels.size(); ++n)
        next += split->labels[n + 1] == (split->labels[n] + 1u) % classes;
      EXPECT_LT(next, split->labels.size() / 3);
    }
  }
}

// ---- regression ----------------------------------------------------------------------------------------------------

TEST(GaussianRegression, HasInputsAndTargetsOfUnitVariance) {
  const Dataset dataset = load(config_of("gaussian_regression", 4000, 2000, 100, 50));
  for (const Split* split : {&dataset.train, &dataset.test}) {
    const Moments inputs = moments_of(split->values);
    const auto count = static_cast<double>(split->values.size());
    EXPECT_NEAR(inputs.mean, 0, 5 / std::sqrt(count));
    EXPECT_NEAR(inputs.variance, 1, 5 * std::sqrt(2 / count));
    const Moments targets = moments_of(split->targets);
    // The 5000 entries of A decide: the variance of their sum of squares.
    EXPECT_NEAR(targets.variance, 1, 5 * std::sqrt(2.0 / 5000));
    EXPECT_NEAR(targets.mean, 0, 5 * std::sqrt(1.0 / static_cast<double>(split->size())));
  }
}

TEST(GaussianRegression, HasTargetsOfTheirScale) {
  config::DatasetConfig config = config_of("gaussian_regression", 20, 10, 4, 3);
  const Dataset plain = load(config);
  config.synthetic.target_std = 1;
  EXPECT_EQ(load(config).train.targets, plain.train.targets);
  config.synthetic.target_std = 3.5;
  const Dataset scaled = load(config);
  EXPECT_EQ(scaled.train.values, plain.train.values);
  for (std::size_t i = 0; i < plain.train.targets.size(); ++i)
    EXPECT_NEAR(scaled.train.targets[i], 3.5f * plain.train.targets[i], 1e-5f);
  EXPECT_NE(scaled.sha256, plain.sha256);
}

TEST(GaussianRegression, IsOneLinearMapOfBothSplits) {
  const Dataset dataset = load(config_of("gaussian_regression", 50, 40, 2, 3));
  const Values<float>& x = dataset.train.values;
  const double determinant = static_cast<double>(x[0]) * x[3] - static_cast<double>(x[1]) * x[2];
  ASSERT_GT(std::abs(determinant), 0.1);
  for (std::size_t k = 0; k < 3; ++k) {
    // The row of A from the first two examples, by Cramer's rule.
    const double y0 = dataset.train.targets[k];
    const double y1 = dataset.train.targets[3 + k];
    const double a0 = (y0 * x[3] - y1 * x[1]) / determinant;
    const double a1 = (y1 * x[0] - y0 * x[2]) / determinant;
    for (const Split* split : {&dataset.train, &dataset.test})
      for (std::size_t n = 0; n < split->labels.size(); ++n)
        ASSERT_NEAR(split->targets[3 * n + k], a0 * split->values[2 * n] + a1 * split->values[2 * n + 1], 1e-5);
  }
}

// ---- clusters ------------------------------------------------------------------------------------------------------

/// (K, d)
std::vector<double> class_means(const Split& split, std::size_t classes, std::size_t d) {
  std::vector<double> means(classes * d);
  std::vector<double> counts(classes);
  for (std::size_t n = 0; n < split.labels.size(); ++n) {
    ++counts[split.labels[n]];
    for (std::size_t i = 0; i < d; ++i) means[split.labels[n] * d + i] += split.values[n * d + i];
  }
  for (std::size_t i = 0; i < means.size(); ++i) means[i] /= counts[i / d];
  return means;
}

TEST(GaussianClusters, HasCentresOfTheSeparation) {
  for (const double separation : {0.0, 3.0, 0.5}) {
    config::DatasetConfig config = config_of("gaussian_clusters", 6400, 6400, 100, 64);
    config.synthetic.separation = separation;
    const Dataset dataset = load(config);
    const std::vector<double> means = class_means(dataset.train, 64, 100);
    const std::vector<double> test_means = class_means(dataset.test, 64, 100);
    // A mean of 100 examples has the variance separation^2 + 1 / 100, estimated from 6400 means.
    const double expected = separation * separation + 0.01;
    EXPECT_NEAR(moments_of(means).variance, expected, 5 * expected * std::sqrt(2.0 / 6400));
    std::vector<double> distances;
    for (std::size_t i = 0; i < means.size(); ++i) distances.push_back(means[i] - test_means[i]);
    EXPECT_NEAR(moments_of(distances).variance, 0.02, 5 * 0.02 * std::sqrt(2.0 / 6400));  // the same centres
    std::vector<double> residuals;
    for (std::size_t i = 0; i < dataset.train.values.size(); ++i)
      residuals.push_back(static_cast<double>(dataset.train.values[i]) -
                          means[dataset.train.labels[i / 100] * 100u + i % 100]);
    EXPECT_NEAR(moments_of(residuals).variance, 0.99, 5 * std::sqrt(2.0 / 640000));
  }
}

// ---- digits --------------------------------------------------------------------------------------------------------

TEST(DrawnDigits, LooksDifferentInEachClass) {
  const Dataset dataset = load(config_of("drawn_digits", 2000, 1000));
  std::vector<double> means(10 * 784);
  for (std::size_t n = 0; n < 2000; ++n)
    for (std::size_t i = 0; i < 784; ++i)
      means[dataset.train.labels[n] * 784u + i] += dataset.train.images[n * 784 + i] / 200.0;
  int correct = 0;
  for (std::size_t n = 0; n < 1000; ++n) {
    std::vector<double> distances(10);
    for (std::size_t k = 0; k < 10; ++k)
      for (std::size_t i = 0; i < 784; ++i)
        distances[k] += std::pow(dataset.test.images[n * 784 + i] - means[k * 784 + i], 2);
    correct += std::min_element(distances.begin(), distances.end()) - distances.begin() == dataset.test.labels[n];
  }
  // The nearest class mean tells more than chance and much less than all: there is something to learn.
  EXPECT_GT(correct, 400);
  EXPECT_LT(correct, 900);
}

TEST(DrawnDigits, HasStrokesOnANoisyDarkGround) {
  const Dataset dataset = load(config_of("drawn_digits", 300, 1));
  for (std::size_t n = 0; n < 300; ++n) {
    const auto begin = dataset.train.images.begin() + static_cast<std::ptrdiff_t>(n) * 784;
    // Three standard deviations of the noise: one pixel of the ground on average.
    const auto bright = std::count_if(begin, begin + 784, [](std::uint8_t pixel) { return pixel > 60; });
    EXPECT_GT(bright, 15) << n;
    EXPECT_LT(bright, 784 / 3) << n;
    EXPECT_GT(std::count(begin, begin + 784, 0), 784 / 5) << n;  // half of the ground is below 0 before clamping
    EXPECT_LT(std::count(begin, begin + 784, 0), 784 * 3 / 5) << n;
  }
}

}  // namespace
}  // namespace bnlab::data
