#include "data/batch_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <stdexcept>
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

}  // namespace
}  // namespace bnlab::data
