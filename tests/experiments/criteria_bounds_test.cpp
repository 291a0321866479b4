#include "experiments/criteria.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "experiments/evidence_testing.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::CriterionType;
using test::along;
using test::arms;
using test::at_least;
using test::at_most;
using test::criterion;
using test::expect_effect;
using test::expect_judgement;
using test::inf;
using test::none;
using test::of_arms;
using test::t3;
using test::Values;

// ---- values that lie between two rows

/// One value of each seed, seen at these steps and not in the row before.
Values seen_at(const std::vector<double>& steps, double rows_apart = 100) {
  std::vector<Value> values;
  for (const double step : steps) values.push_back({step, Bound::exact, Interval{step - rows_apart, step}});
  Values all({0.0});
  all.assign(values.begin(), values.end());
  return all;
}

TEST(Criteria, StepsAreKnownUpToTheRowBefore) {
  const Values slow = seen_at({2900, 2900, 2900}), fast = seen_at({300, 300, 300});
  const auto verdict = [&](CriterionType type, std::optional<double> least, const Values& a, const Values& b) {
    return judge(criterion(type, least), arms({a, b}));
  };
  expect_effect(verdict(CriterionType::ratio, none, slow, fast), 2900.0 / 300, 2800.0 / 300, 2900.0 / 200);
  expect_effect(verdict(CriterionType::difference, none, slow, fast), 2600, 2500, 2700);
  expect_effect(judge(criterion(CriterionType::value), arms({slow})), 2900, 2800, 2900);
  expect_judgement(verdict(CriterionType::ratio, 9.5, slow, fast), Verdict::inconclusive,
                   "the threshold 9.5 lies inside the interval");
  EXPECT_EQ(verdict(CriterionType::ratio, 9.3, slow, fast).verdict, Verdict::reproduced);
  EXPECT_EQ(verdict(CriterionType::ratio, 14.6, slow, fast).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(CriterionType::equality, 2600, slow, fast).verdict, Verdict::inconclusive);
  EXPECT_EQ(verdict(CriterionType::equality, 2700, slow, fast).verdict, Verdict::reproduced);
  // Before the first row anything is possible; what was never reached needs at least the steps.
  expect_effect(verdict(CriterionType::ratio, none, slow, seen_at({100, 100, 100})), 29, 28, inf);
  expect_judgement(verdict(CriterionType::ratio, 30, slow, seen_at({100, 100, 100})), Verdict::inconclusive,
                   "the threshold 30 lies inside the interval");
  expect_judgement(verdict(CriterionType::ratio, 1, seen_at({100, 100, 100}), seen_at({100, 100, 100})),
                   Verdict::inconclusive, "the effect has no interval: \"a\", seed 1: between 0 and 100");
  const Values never = {at_least(900), at_least(900), at_least(900)};
  expect_effect(verdict(CriterionType::ratio, none, never, fast), 3, 3, inf, Bound::at_least);
}

TEST(Criteria, StepsOfSeedsThatDifferHaveBothWidths) {
  // Low ends 700, 800, 900, high ends 100 more; both have a standard deviation of 100.
  const Judgement spread = judge(criterion(CriterionType::value), arms({seen_at({800, 900, 1000})}));
  expect_effect(spread, 900, 800 - 100 * t3, 900 + 100 * t3);
  // Ends of unlike spread: the interval reaches as far as the wider of both.
  Values uneven = {500, 500, 500};
  uneven[0].between = Interval{500, 530};
  const double s = 30 / std::sqrt(3.0);
  expect_effect(judge(criterion(CriterionType::value), arms({uneven})), 500, 510 - t3 * s, 510 + t3 * s);
}

TEST(Criteria, OrderRangeAndSlopeOfStepsBetweenRows) {
  const CriterionConfig order = criterion(CriterionType::order);
  const Values early = seen_at({300, 300, 300}), later = seen_at({400, 400, 400}), late = seen_at({500, 500, 500});
  expect_judgement(judge(order, arms({early, late})), Verdict::reproduced, "");
  expect_effect(judge(order, arms({early, late})), 200, 100, 300);
  // 200 to 300 and 300 to 400 may be the same.
  expect_effect(judge(order, arms({early, later})), 100, 0, 200);
  EXPECT_EQ(judge(order, arms({early, later})).verdict, Verdict::inconclusive);
  expect_effect(judge(criterion(CriterionType::range), of_arms({along("x", {{1, early}, {2, late}})})), 200, 100, 300);
  expect_effect(judge(criterion(CriterionType::range), of_arms({along("x", {{1, early}, {2, early}})})), 0, 0, 100);
  const Judgement slope = judge(criterion(CriterionType::log_slope), of_arms({along("x", {{1, early}, {2, late}})}));
  expect_effect(slope, std::log(5.0 / 3), std::log(4.0 / 3), std::log(5.0 / 2));
}

TEST(Criteria, RunsThatDivergedAreNamedWhateverTheVerdict) {
  Values never = {at_least(1500), at_least(1500), at_least(1500)};
  never[1].diverged_at = 3;
  const Values fast = {300, 300, 300};
  const std::string said = "diverged, counted as at least all steps: \"a\" at step 3 of 1500 (seed 2)";
  expect_judgement(judge(criterion(CriterionType::ratio, 3), arms({never, fast})), Verdict::reproduced, said);
  expect_judgement(judge(criterion(CriterionType::ratio, none, 3), arms({never, fast})), Verdict::not_reproduced,
                   "the interval lies above the threshold 3; " + said);
  for (Value& value : never) value.diverged_at = 4;
  never.push_back(never[0]);
  const Judgement many = judge(criterion(CriterionType::ratio), arms({never, {300, 300, 300, 300}}));
  expect_judgement(many, Verdict::reported,
                   "diverged, counted as at least all steps: \"a\" at step 4 of 1500 (seed 1), \"a\" at step 4 of 1500 "
                   "(seed 2), \"a\" at step 4 of 1500 (seed 3) and 1 more");
  // A number that a run has though it diverged is no bound.
  Values reached = {300, 300};
  reached[0].diverged_at = 700;
  expect_judgement(judge(criterion(CriterionType::value, 1), arms({reached})), Verdict::reproduced, "");
}

// ---- bounds

TEST(Criteria, OnlyTheKnownSideOfABoundDecides) {
  const auto verdict = [](std::optional<double> least, std::optional<double> most, const Values& a, const Values& b) {
    return judge(criterion(CriterionType::ratio, least, most), arms({a, b}));
  };
  const Values never = {at_least(5000), at_least(5000), at_least(5000)};
  const Values reached = {Value{500}, Value{500}, Value{500}};
  expect_effect(verdict(3, none, never, reached), 10, 10, inf, Bound::at_least);
  expect_judgement(verdict(3, none, never, reached), Verdict::reproduced, "");
  expect_judgement(verdict(30, none, never, reached), Verdict::inconclusive,
                   "the threshold 30 lies inside the interval; \"a\", seed 1: not reached in 5000 steps "
                   "(counted as at least 5000)");
  expect_judgement(verdict(none, 30, never, reached), Verdict::inconclusive,
                   "the threshold 30 lies inside the interval; \"a\", seed 1: not reached in 5000 steps "
                   "(counted as at least 5000)");
  expect_judgement(verdict(none, 3, never, reached), Verdict::not_reproduced,
                   "the interval lies above the threshold 3");
  expect_effect(verdict(3, none, reached, never), 0.1, 0, 0.1, Bound::at_most);
  expect_judgement(verdict(3, none, reached, never), Verdict::not_reproduced,
                   "the interval lies below the threshold 3");
  expect_judgement(verdict(3, none, never, never), Verdict::inconclusive,
                   "the effect has no interval: \"a\", seed 1: not reached in 5000 steps (counted as at least 5000)");
  EXPECT_TRUE(std::isnan(verdict(3, none, never, never).effect));
}

TEST(Criteria, OneSeedsBoundIsTheEffects) {
  const auto verdict = [](const Values& a) { return judge(criterion(CriterionType::value, 5), arms({a})); };
  expect_effect(verdict({Value{9}, Value{10}, at_least(11)}), 10, 10 - t3, inf, Bound::at_least);
  expect_judgement(verdict({Value{9}, Value{10}, at_least(11)}), Verdict::reproduced, "");
  expect_effect(verdict({Value{9}, Value{10}, at_most(11)}), 10, -inf, 10 + t3, Bound::at_most);
  expect_judgement(verdict({Value{9}, Value{10}, at_most(11)}), Verdict::inconclusive,
                   "the threshold 5 lies inside the interval; \"a\", seed 3: at most 11");
  expect_judgement(verdict({at_least(9), Value{10}, at_most(11)}), Verdict::inconclusive,
                   "the effect has no interval: \"a\", seed 1: not reached in 9 steps (counted as at least 9)");
}

TEST(Criteria, BoundsInOrderRangeAndSlope) {
  const CriterionConfig order = criterion(CriterionType::order);
  const Values never = {at_least(50), at_least(50), at_least(50)};
  const Values early = {9, 10, 11};
  expect_judgement(judge(order, arms({early, never})), Verdict::reproduced, "");
  // At least 50 may be above any later arm's value.
  EXPECT_EQ(judge(order, arms({early, never, {60, 61, 62}})).verdict, Verdict::inconclusive);
  EXPECT_EQ(judge(order, arms({never, early})).verdict, Verdict::not_reproduced);

  const Evidence along_axis = of_arms({along("x", {{1, early}, {2, never}})});
  EXPECT_EQ(judge(criterion(CriterionType::range, 10), along_axis).verdict, Verdict::reproduced);
  EXPECT_EQ(judge(criterion(CriterionType::range, none, 10), along_axis).verdict, Verdict::not_reproduced);
  EXPECT_EQ(judge(criterion(CriterionType::range, 1000), along_axis).verdict, Verdict::inconclusive);
  EXPECT_EQ(judge(criterion(CriterionType::range), along_axis).bound, Bound::at_least);

  EXPECT_EQ(judge(criterion(CriterionType::log_slope, 0.5), along_axis).verdict, Verdict::reproduced);
  EXPECT_EQ(judge(criterion(CriterionType::log_slope, 100), along_axis).verdict, Verdict::inconclusive);
  const Judgement falling = judge(criterion(CriterionType::log_slope), of_arms({along("x", {{1, never}, {2, early}})}));
  EXPECT_EQ(falling.bound, Bound::at_most);
  // In the middle of a symmetric axis a point has no weight.
  const Judgement middle =
      judge(criterion(CriterionType::log_slope), of_arms({along("x", {{1, early}, {2, never}, {3, early}})}));
  EXPECT_EQ(middle.bound, Bound::exact);
}

}  // namespace
}  // namespace bnlab::experiments
