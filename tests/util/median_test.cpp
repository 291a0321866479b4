#include "util/median.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace bnlab {
namespace {

TEST(Median, IsTheMiddleValueOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 8}), 3);
  EXPECT_EQ(median({5}), 5);
}

TEST(Median, IsNotANumberWhereNoneIsOrOneIsNot) {
  EXPECT_TRUE(std::isnan(median({})));
  EXPECT_TRUE(std::isnan(median({1, std::numeric_limits<double>::quiet_NaN(), 2})));
  EXPECT_EQ(median({1, std::numeric_limits<double>::infinity(), 2}), 2);
}

}  // namespace
}  // namespace bnlab
