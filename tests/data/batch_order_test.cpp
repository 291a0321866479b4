#include "data/batch_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "util/random.h"

namespace bnlab::data {
namespace {

std::vector<std::uint32_t> copy(std::span<const std::uint32_t> batch) { return {batch.begin(), batch.end()}; }

std::vector<std::uint32_t> epoch_of(BatchOrder& order, std::int64_t epoch) {
  std::vector<std::uint32_t> all;
  for (std::int64_t i = 0; i < order.steps_per_epoch(); ++i) {
    const auto batch = order.batch(epoch * order.steps_per_epoch() + i);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  return all;
}

TEST(BatchOrder, VisitsEachExampleOnceInAnEpoch) {
  BatchOrder order(1, 60, 12);
  EXPECT_EQ(order.steps_per_epoch(), 5);
  for (std::int64_t epoch = 0; epoch < 10; ++epoch) {
    std::vector<std::uint32_t> all = epoch_of(order, epoch);
    EXPECT_FALSE(std::is_sorted(all.begin(), all.end()));
    std::sort(all.begin(), all.end());
    std::vector<std::uint32_t> expected(60);
    std::iota(expected.begin(), expected.end(), 0u);
    EXPECT_EQ(all, expected);
  }
}

TEST(BatchOrder, LeavesOutWhatDoesNotFillABatch) {
  BatchOrder order(1, 17, 5);
  EXPECT_EQ(order.steps_per_epoch(), 3);
  std::set<std::uint32_t> ever;
  for (std::int64_t epoch = 0; epoch < 50; ++epoch) {
    const std::vector<std::uint32_t> all = epoch_of(order, epoch);
    EXPECT_EQ(std::set<std::uint32_t>(all.begin(), all.end()).size(), 15u);
    ever.insert(all.begin(), all.end());
  }
  EXPECT_EQ(ever.size(), 17u);  // not the same ones in each epoch
}

TEST(BatchOrder, IsAFunctionOfSeedAndEpoch) {
  BatchOrder in_order(5, 100, 10);
  std::vector<std::vector<std::uint32_t>> steps;
  for (std::int64_t step = 0; step < 50; ++step) steps.push_back(copy(in_order.batch(step)));
  BatchOrder backwards(5, 100, 10);
  for (std::int64_t step = 49; step >= 0; --step)
    EXPECT_EQ(copy(backwards.batch(step)), steps[static_cast<std::size_t>(step)]);
}

TEST(BatchOrder, ShufflesEachEpochWithItsOwnSubstream) {
  BatchOrder order(5, 100, 10);
  for (const std::uint32_t epoch : {0u, 1u, 7u}) {
    std::vector<std::uint32_t> expected(100);
    std::iota(expected.begin(), expected.end(), 0u);
    RandomStream(5, RandomPurpose::batch_order, epoch).shuffle(expected);
    EXPECT_EQ(epoch_of(order, epoch), expected);
  }
}

TEST(BatchOrder, DiffersBetweenEpochsAndSeeds) {
  BatchOrder one(1, 1000, 10);
  BatchOrder two(2, 1000, 10);
  EXPECT_NE(epoch_of(one, 0), epoch_of(one, 1));
  EXPECT_NE(epoch_of(one, 0), epoch_of(two, 0));
}

TEST(BatchOrder, TakesBatchesOfOneAndOfAll) {
  BatchOrder singles(1, 3, 1);
  EXPECT_EQ(singles.steps_per_epoch(), 3);
  EXPECT_EQ(singles.batch(2).size(), 1u);
  BatchOrder whole(1, 3, 3);
  EXPECT_EQ(whole.steps_per_epoch(), 1);
  EXPECT_EQ(whole.batch(12).size(), 3u);
}

TEST(BatchOrder, DoesNotMoveItsMemory) {
  BatchOrder order(1, 100, 10);
  const std::uint32_t* memory = order.batch(0).data();
  EXPECT_EQ(order.batch(990).data(), memory);
}

TEST(BatchOrder, RefusesWhatItCannotOrder) {
  EXPECT_THROW(BatchOrder(1, 10, 0), std::invalid_argument);
  EXPECT_THROW(BatchOrder(1, 10, 11), std::invalid_argument);
  EXPECT_THROW(BatchOrder(1, 0, 1), std::invalid_argument);
  EXPECT_THROW(BatchOrder(1, 10, -1), std::invalid_argument);
  EXPECT_THROW(BatchOrder(1, std::int64_t{1} << 32, 1), std::invalid_argument);
  BatchOrder order(1, 10, 5);
  EXPECT_THROW(order.batch(-1), std::invalid_argument);
}

// ---- file order ----------------------------------------------------------------------------------------------------

TEST(FileOrder, GoesThroughTheFileEachEpoch) {
  const FileOrder order(17, 5);
  for (const std::int64_t epoch : {0, 1, 1000000000})
    for (std::int64_t i = 0; i < 3; ++i) {
      std::vector<std::uint32_t> expected(5);
      std::iota(expected.begin(), expected.end(), static_cast<std::uint32_t>(5 * i));
      EXPECT_EQ(copy(order.batch(3 * epoch + i)), expected);
    }
  EXPECT_THROW(order.batch(-1), std::invalid_argument);
  EXPECT_THROW(FileOrder(10, 0), std::invalid_argument);
  EXPECT_THROW(FileOrder(10, 11), std::invalid_argument);
}

// ---- batches of a few classes --------------------------------------------------------------------------------------

/// Class 9 has 13 examples, class 0 has 7, class 255 has 24, class 4 has 12; they stand mixed.
std::vector<Label> mixed_labels() {
  std::vector<Label> labels;
  for (int i = 0; i < 24; ++i) {
    labels.push_back(255);
    if (i % 2 == 0) labels.push_back(4);
    if (i < 13) labels.push_back(9);
    if (i > 16) labels.push_back(0);
  }
  return labels;
}

TEST(ClassOrder, TakesEquallyManyOfAFewClasses) {
  const std::vector<Label> labels = mixed_labels();
  for (const auto& [batch, classes] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {6, 2}, {6, 3}, {12, 4}, {7, 1}, {4, 4}, {14, 2}, {1, 1}, {2, 1}}) {
    ClassOrder order(3, labels, batch, classes);
    for (std::int64_t step = 0; step < 200; ++step) {
      const std::vector<std::uint32_t> indices = copy(order.batch(step));
      ASSERT_EQ(indices.size(), static_cast<std::size_t>(batch));
      EXPECT_EQ(std::set<std::uint32_t>(indices.begin(), indices.end()).size(), indices.size());
      std::map<int, std::int64_t> counts;
      for (const std::uint32_t index : indices) ++counts[labels.at(index)];
      EXPECT_EQ(counts.size(), static_cast<std::size_t>(classes));
      for (const auto& [label, count] : counts) EXPECT_EQ(count, batch / classes) << label;
      // One class after another.
      for (std::size_t i = 0; i < indices.size(); ++i)
        EXPECT_EQ(
            labels[indices[i]],
            labels[indices[i / static_cast<std::size_t>(batch / classes) * static_cast<std::size_t>(batch / classes)]]);
    }
  }
}

TEST(ClassOrder, VisitsTheExamplesOfAClassInOrdersThatAreUsedUp) {
  const std::vector<Label> labels = mixed_labels();
  ClassOrder order(3, labels, 6, 2);
  std::map<int, std::vector<std::uint32_t>> visits;
  for (std::int64_t step = 0; step < 400; ++step)
    for (const std::uint32_t index : order.batch(step)) visits[labels[index]].push_back(index);
  for (const auto& [label, examples] : std::map<int, std::size_t>{{0, 7}, {4, 12}, {9, 13}, {255, 24}}) {
    const std::size_t pass = examples / 3 * 3;
    std::set<std::vector<std::uint32_t>> passes;
    std::set<std::uint32_t> ever;
    const std::vector<std::uint32_t>& all = visits.at(label);
    ASSERT_GT(all.size(), 10 * pass);
    for (std::size_t first = 0; first + pass <= all.size(); first += pass) {
      const std::vector<std::uint32_t> one(all.begin() + static_cast<std::ptrdiff_t>(first),
                                           all.begin() + static_cast<std::ptrdiff_t>(first + pass));
      EXPECT_EQ(std::set<std::uint32_t>(one.begin(), one.end()).size(), pass) << "class " << label;
      passes.insert(one);
      ever.insert(one.begin(), one.end());
    }
    EXPECT_EQ(ever.size(), examples);
    EXPECT_GT(passes.size(), all.size() / pass * 9 / 10);  // few of the 5040 orders of class 0 come twice
  }
}

TEST(ClassOrder, DrawsTheClassesEvenly) {
  const std::vector<Label> labels = mixed_labels();
  ClassOrder order(8, labels, 2, 2);
  std::map<int, int> counts;
  std::map<std::pair<int, int>, int> pairs;
  constexpr int steps = 12000;
  for (std::int64_t step = 0; step < steps; ++step) {
    const auto batch = order.batch(step);
    for (const std::uint32_t index : batch) ++counts[labels[index]];
    ++pairs[{labels[batch[0]], labels[batch[1]]}];
  }
  // Within 5 standard deviations of the binomial distribution.
  for (const auto& [label, count] : counts) EXPECT_NEAR(count, steps / 2, 5 * std::sqrt(steps * 0.25)) << label;
  EXPECT_EQ(pairs.size(), 12u);
  for (const auto& [pair, count] : pairs) EXPECT_NEAR(count, steps / 12, 5 * std::sqrt(steps * 11 / 144.0));
}

TEST(ClassOrder, IsAFunctionOfSeedAndStep) {
  const std::vector<Label> labels = mixed_labels();
  ClassOrder in_order(5, labels, 6, 3);
  std::vector<std::vector<std::uint32_t>> steps;
  for (std::int64_t step = 0; step < 300; ++step) {
    steps.push_back(copy(in_order.batch(step)));
    EXPECT_EQ(copy(in_order.batch(step)), steps.back());  // the same step again
  }
  ClassOrder backwards(5, labels, 6, 3);
  for (std::int64_t step = 299; step >= 0; --step)
    EXPECT_EQ(copy(backwards.batch(step)), steps[static_cast<std::size_t>(step)]);
  for (const std::int64_t step : {0, 1, 17, 299}) {
    ClassOrder direct(5, labels, 6, 3);
    EXPECT_EQ(copy(direct.batch(step)), steps[static_cast<std::size_t>(step)]);
  }
  ClassOrder other(6, labels, 6, 3);
  EXPECT_NE(copy(other.batch(0)), steps[0]);
  EXPECT_NE(steps[1], steps[0]);
  const std::uint32_t* memory = in_order.batch(0).data();
  EXPECT_EQ(in_order.batch(100000).data(), memory);
}

TEST(ClassOrder, RefusesWhatItCannotCompose) {
  const std::vector<Label> labels = mixed_labels();
  EXPECT_THROW(ClassOrder(1, labels, 6, 0), std::invalid_argument);
  EXPECT_THROW(ClassOrder(1, labels, 10, 5), std::invalid_argument);  // there are four classes
  EXPECT_THROW(ClassOrder(1, labels, 7, 2), std::invalid_argument);
  EXPECT_THROW(ClassOrder(1, labels, 16, 2), std::invalid_argument);  // class 0 has 7 examples
  EXPECT_THROW(ClassOrder(1, labels, 0, 1), std::invalid_argument);
  EXPECT_THROW(ClassOrder(1, {}, 1, 1), std::invalid_argument);
  ClassOrder order(1, labels, 6, 2);
  EXPECT_THROW(order.batch(-1), std::invalid_argument);
}

TEST(OrderByClass, HoldsEachExampleOnceAndFewClassesABatch) {
  std::vector<Label> labels;
  for (int i = 0; i < 1003; ++i) labels.push_back(static_cast<Label>((i * i + i / 7) % 10));
  const std::vector<std::uint32_t> order = order_by_class(labels, 16, 2);
  std::vector<std::uint32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  ASSERT_EQ(sorted.size(), labels.size());
  for (std::uint32_t i = 0; i < sorted.size(); ++i) ASSERT_EQ(sorted[i], i);
  std::size_t few = 0;
  for (std::size_t first = 0; first + 16 <= order.size(); first += 16) {
    std::set<Label> classes;
    for (std::size_t i = first; i < first + 16; ++i) classes.insert(labels[order[i]]);
    if (classes.size() > 2) break;
    ++few;
  }
  EXPECT_GE(few, 50u);  // of 62: then a class or more has too few left
}

}  // namespace
}  // namespace bnlab::data
