#include "util/nearest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "util/join.h"

namespace bnlab {
namespace {

using Words = std::vector<std::string>;

const Words keys{"learning_rate", "momentum", "weight_decay", "type"};

TEST(Nearest, FindsSlips) {
  EXPECT_EQ(nearest("learning_rat", keys), "learning_rate");
  EXPECT_EQ(nearest("lerning_rate", keys), "learning_rate");
  EXPECT_EQ(nearest("learnnig_rate", keys), "learning_rate");
  EXPECT_EQ(nearest("LearningRate", keys), "learning_rate");
  EXPECT_EQ(nearest("tpye", keys), "type");
  EXPECT_EQ(nearest("weight_decay", keys), "weight_decay");
}

TEST(Nearest, IsSilentWhereNothingIsNear) {
  EXPECT_EQ(nearest("nesterov", keys), "");
  EXPECT_EQ(nearest("", keys), "");
  EXPECT_EQ(nearest("x", {"y"}), "");
  EXPECT_EQ(nearest("type", {}), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'a'), keys), "");
}

TEST(Nearest, TakesTheOnlyOneWithTheWord) {
  EXPECT_EQ(nearest("decay", keys), "weight_decay");
  EXPECT_EQ(nearest("Learn", keys), "learning_rate");
  EXPECT_EQ(nearest("higher", {"higher_learning_rate", "higher_learning_rate"}), "higher_learning_rate");
  EXPECT_EQ(nearest("cay_", {"weight_decay_rate"}), "");               // no start of a word
  EXPECT_EQ(nearest("rank", {"rank_collapse", "stable_rank_2"}), "");  // two
  EXPECT_EQ(nearest("lea", keys), "");                                 // too short
}

TEST(Nearest, TakesTheFirstOfEquals) { EXPECT_EQ(nearest("mlp_3x64", {"mlp_2x64", "mlp_4x64"}), "mlp_2x64"); }

TEST(DidYouMean, IsAQuestionOrNothing) {
  EXPECT_EQ(did_you_mean("momentun", keys), "; did you mean \"momentum\"?");
  EXPECT_EQ(did_you_mean("nesterov", keys), "");
}

TEST(Join, PutsCommasBetween) {
  EXPECT_EQ(join(Words{}), "");
  EXPECT_EQ(join(Words{"a"}), "a");
  EXPECT_EQ(join(Words{"a", "b", "c"}), "a, b, c");
}

}  // namespace
}  // namespace bnlab
