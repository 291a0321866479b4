#include "data/values.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace bnlab::data {
namespace {

TEST(Values, SharesWhatItHolds) {
  const Values<int> all = {1, 2, 3, 4, 5};
  const Values<int> part = all.part(1, 3);
  EXPECT_EQ(part, (std::vector<int>{2, 3, 4}));
  EXPECT_EQ(part.data(), all.data() + 1);
  EXPECT_TRUE(all.part(5, 0).empty());
  EXPECT_NE(part, all);
}

TEST(Values, KeepsItsOwnerAlive) {
  auto owner = std::make_shared<std::vector<int>>(3, 7);
  const std::weak_ptr<std::vector<int>> watched = owner;
  Values<int> part;
  {
    const Values<int> values({owner->data(), owner->size()}, owner);
    part = values.part(1, 2);
  }
  owner.reset();
  EXPECT_FALSE(watched.expired());
  EXPECT_EQ(part.back(), 7);
  part = {};
  EXPECT_TRUE(watched.expired());
}

TEST(Filling, BeginsWithZerosAndBecomesValues) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{17}, std::size_t{5} << 20}) {
    Filling<float> filling(count);
    ASSERT_EQ(filling.span().size(), count);
    for (const float value : filling.span()) ASSERT_EQ(value, 0.0f);
    if (count > 0) filling.span()[count - 1] = 3.0f;
    const Values<float> values = filling.values(count / 2);
    EXPECT_EQ(values.size(), count - count / 2);
    if (count > 0) {
      EXPECT_EQ(values.back(), 3.0f);
    }
  }
}

}  // namespace
}  // namespace bnlab::data
