#include "experiments/warnings.h"

#include <gtest/gtest.h>

#include <string>

#include "experiments/evidence_testing.h"

namespace bnlab::experiments {
namespace {

using config::CriterionType;
using test::arms;

std::string decides(const config::CriterionConfig& criterion, const Evidence& evidence) {
  return deciding_seed(criterion, evidence, judge(criterion, evidence));
}

TEST(DecidingSeed, OneThatAloneKeepsAVerdictFromBeing) {
  config::CriterionConfig above = test::criterion(CriterionType::value, 5);
  above.name = std::string("above");
  EXPECT_EQ(decides(above, arms({{10, 10, -20, 10, 10}})),
            "above: the verdict depends on seed 3: inconclusive, but reproduced if it is left out");
  EXPECT_EQ(decides(above, arms({{1, 1, 1, 1, 40}})),
            "above: the verdict depends on seed 5: inconclusive, but not reproduced if it is left out");
  // A run that diverged has no value here.
  EXPECT_EQ(decides(above, arms({{10, 10, 10, test::nan}})),
            "above: the verdict depends on seed 4: inconclusive, but reproduced if it is left out");
  // Two of them are not one.
  EXPECT_EQ(decides(above, arms({{10, 10, -20, -20, 10}})), "");
}

TEST(DecidingSeed, NotThatFewerSeedsAreLessSure) {
  const config::CriterionConfig above = test::criterion(CriterionType::value, 5);
  const Evidence barely = arms({{9, 10, 11}});  // two of them have a wide interval
  ASSERT_EQ(judge(above, barely).verdict, Verdict::reproduced);
  EXPECT_EQ(decides(above, barely), "");
  EXPECT_EQ(decides(above, arms({{4, 5, 6}})), "");
  EXPECT_EQ(decides(above, arms({{10, -20}})), "");  // one seed is nothing
  EXPECT_EQ(decides(test::criterion(CriterionType::value), arms({{10, 10, -20, 10}})), "");
  // That a run is missing is told elsewhere.
  Evidence missing = arms({{10, 10, 10, 10}});
  missing.arms[0][0].values.erase(2);
  EXPECT_EQ(decides(above, missing), "");
}

TEST(FewerSeeds, ThanBefore) {
  EXPECT_EQ(fewer_seeds(5, 10), "5 seeds; an earlier verdict in this folder has 10");
  EXPECT_EQ(fewer_seeds(5, 5), "");
  EXPECT_EQ(fewer_seeds(5, 0), "");
}

}  // namespace
}  // namespace bnlab::experiments
