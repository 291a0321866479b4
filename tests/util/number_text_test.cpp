// Numbers as people read them.
#include "util/number_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace bnlab {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(NumberText, SignificantDigits) {
  EXPECT_EQ(with_digits(0.87123, 4), "0.8712");
  EXPECT_EQ(with_digits(15894, 3), "15,900");
  EXPECT_EQ(with_digits(-15894, 3), "-15,900");
  EXPECT_EQ(with_digits(50000, 4), "50,000");
  EXPECT_EQ(with_digits(999, 4), "999");
  EXPECT_EQ(with_digits(1e-5, 3), "1e-5");
  EXPECT_EQ(with_digits(1e9, 4), "1e9");
  EXPECT_EQ(with_digits(1.5e12, 4), "1.5e12");
  EXPECT_EQ(with_digits(infinity, 4), "∞");
  EXPECT_EQ(with_digits(-infinity, 4), "-∞");
}

TEST(NumberText, Decimals) {
  EXPECT_EQ(with_decimals(96.914, 2), "96.91");
  EXPECT_EQ(with_decimals(-0.004, 2), "0.00");
  EXPECT_EQ(with_decimals(-0.006, 2), "-0.01");
  EXPECT_EQ(with_decimals(infinity, 2), "∞");
}

}  // namespace
}  // namespace bnlab
