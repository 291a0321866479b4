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

using config::Better;
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
using test::nan;
using test::none;
using test::of_arms;
using test::Values;

CriterionConfig widest(std::optional<double> least = none, std::optional<double> most = none) {
  CriterionConfig result = criterion(CriterionType::widest_interval, least, most);
  result.usable = 0.8;
  return result;
}

/// One arm at 0.01, 0.1, ..., the same for 2 seeds.
std::vector<Point> decades(const std::vector<double>& values) {
  std::vector<std::pair<double, Values>> points;
  double axis = 0.01;
  for (const double value : values) {
    points.push_back({axis, {value, value}});
    axis *= 10;
  }
  return along("bn", points);
}

const std::string nowhere_usable = "no usable point on the axis of bn; ranges beyond the axis are not counted";

TEST(Criteria, WidestIntervalOfOneArm) {
  struct Row {
    std::vector<double> values;
    double width;
    double low, high;
    Bound bound = Bound::exact;
  };
  const Row rows[] = {
      {{0.1, 0.9, 0.9, 0.1, 0.9, 0.1}, 10, 10, 1000},
      {{0.1, 0.9, 0.1, 0.9, 0.8, 0.85, 0.1}, 100, 100, 1e4},
      {{0.1, 0.9, 0.1}, 1, 1, 100},
      {{0.9, 0.9, 0.1}, 10, 10, inf, Bound::at_least},
      {{0.1, 0.9, 0.9, 0.9}, 100, 100, inf, Bound::at_least},
      {{0.9, 0.9, 0.9}, 100, 100, inf, Bound::at_least},
      {{0.9}, 1, 1, inf, Bound::at_least},
      // The run at the end may go on and be wider than the one inside.
      {{0.1, 0.9, 0.9, 0.9, 0.1, 0.9}, 100, 100, inf, Bound::at_least},
      // A usable part may lie between two points, and is never narrower than a point.
      {{0.1, 0.1, 0.1}, 1, 1, 10},
      {{0.1}, 1, 1, 1},
      // A run that diverged is not usable.
      {{nan, 0.9, 0.9, inf, 0.9, -inf}, 10, 10, 1000},
  };
  for (const Row& row : rows) {
    const Judgement judgement = judge(widest(), of_arms({decades(row.values)}));
    SCOPED_TRACE(testing::PrintToString(row.values));
    expect_effect(judgement, row.width, row.low, row.high, row.bound);
    const bool is_usable = std::ranges::any_of(row.values, [](double value) { return value == 0.9; });
    expect_judgement(judgement, Verdict::reported, is_usable ? "" : nowhere_usable);
    // Lower is better: the same with all signs turned.
    std::vector<double> turned;
    for (const double value : row.values) turned.push_back(-value);
    Evidence evidence = of_arms({decades(turned)});
    evidence.better = Better::lower;
    CriterionConfig lower = widest();
    lower.usable = -0.8;
    expect_effect(judge(lower, evidence), row.width, row.low, row.high, row.bound);
    // The order of the points is not that of the axis.
    std::vector<Point> backwards = decades(row.values);
    std::reverse(backwards.begin(), backwards.end());
    expect_effect(judge(widest(), of_arms({backwards})), row.width, row.low, row.high, row.bound);
  }
}

/// One arm along an axis whose points need not be evenly far apart, its values those of each seed: 1 is usable, 0 not.
std::vector<Point> on_axis(const std::vector<double>& places, const std::vector<std::vector<double>>& seeds) {
  std::vector<std::pair<double, Values>> points;
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::vector<double> values;
    for (const std::vector<double>& seed : seeds) values.push_back(seed[i]);
    points.push_back({places[i], Values(values)});
  }
  return along("bn", points);
}

const std::vector<double> seven_places = {0.01, 0.03, 0.1, 0.3, 1, 3, 10};

TEST(Criteria, WidestIntervalIsKnownUpToTheNeighboursOfItsPoints) {
  const std::vector<double> wide = {1, 1, 1, 1, 1, 1, 0}, narrow = {0, 0, 0, 1, 1, 0, 0};
  const std::vector<Point> widest_arm = on_axis(seven_places, {wide, wide, wide});
  const std::vector<Point> narrow_arm = on_axis(seven_places, {narrow, narrow, narrow});
  // 0.3 to 1, and up to all between 0.1 and 3; 0.01 to 3, and what lies below 0.01 is unknown.
  expect_effect(judge(widest(), of_arms({narrow_arm})), 1 / 0.3, 1 / 0.3, 30);
  expect_effect(judge(widest(), of_arms({widest_arm})), 300, 300, inf, Bound::at_least);
  const Judgement ratio = judge(widest(10), of_arms({widest_arm, narrow_arm}));
  expect_effect(ratio, 90, 10, inf, Bound::at_least);
  expect_judgement(ratio, Verdict::reproduced, "");
  EXPECT_EQ(judge(widest(10.1), of_arms({widest_arm, narrow_arm})).verdict, Verdict::inconclusive);
  // An unseen part may lie in the widest gap, wherever that is.
  expect_effect(judge(widest(), of_arms({on_axis({1, 2, 4, 1000, 1e6}, {{0, 1, 0, 0, 0}, {0, 1, 0, 0, 0}})})), 1, 1,
                1000);
}

TEST(Criteria, WidestIntervalIsNoNarrowerWhereASeedDiffers) {
  const std::vector<double> usable = {0, 0, 1, 1, 1, 0, 0};
  std::vector<std::vector<double>> seeds(10, usable);
  const Judgement alike = judge(widest(), of_arms({on_axis(seven_places, seeds)}));
  expect_effect(alike, 10, 10, 100);
  for (const std::vector<double>& other : std::vector<std::vector<double>>{{0, 1, 1, 1, 1, 0, 0},
                                                                           {0, 0, 0, 1, 1, 0, 0},
                                                                           {0, 0, 1, 1, 1, 1, 0},
                                                                           {1, 1, 1, 1, 1, 1, 0},
                                                                           {0, 0, 1, 0, 0, 0, 0},
                                                                           {0, 0, 0, 0, 0, 0, 0}}) {
    seeds.back() = other;
    const Judgement differs = judge(widest(), of_arms({on_axis(seven_places, seeds)}));
    EXPECT_LT(differs.interval->low, alike.interval->low) << testing::PrintToString(other);
    EXPECT_GT(differs.interval->high, alike.interval->high) << testing::PrintToString(other);
  }
}

TEST(Criteria, WidestIntervalIsNeverBelowOne) {
  // 1 against 10, over and under a single point: 1 to 100 over 10 to 1000.
  const std::vector<Point> one = decades({0.1, 0.1, 0.9, 0.1, 0.1}), ten = decades({0.1, 0.9, 0.9, 0.1, 0.1});
  expect_effect(judge(widest(), of_arms({one})), 1, 1, 100);
  expect_effect(judge(widest(), of_arms({one, ten})), 0.1, 1.0 / 1000, 10);
  EXPECT_EQ(judge(widest(none, 0.9), of_arms({one})).verdict, Verdict::not_reproduced);
}

TEST(Criteria, WidestIntervalOfTwoArmsIsTheirRatio) {
  const std::vector<Point> wide = decades({0.9, 0.9, 0.9, 0.9});      // at least 1000
  const std::vector<Point> narrow = decades({0.1, 0.9, 0.9, 0.1});    // 10 to 1000
  const std::vector<Point> unusable = decades({0.1, 0.1, 0.1, 0.1});  // 1 to 10
  expect_judgement(judge(widest(1), of_arms({wide, narrow})), Verdict::reproduced, "");
  expect_effect(judge(widest(1), of_arms({wide, narrow})), 100, 1, inf, Bound::at_least);
  expect_judgement(judge(widest(11), of_arms({wide, narrow})), Verdict::inconclusive,
                   "the threshold 11 lies inside the interval; \"width of bn[1]\", seed 1: at least "
                   "1000: still usable at the edge of the grid, so a lower bound");
  expect_judgement(judge(widest(100), of_arms({wide, unusable})), Verdict::reproduced, nowhere_usable);
  expect_judgement(judge(widest(101), of_arms({narrow, narrow})), Verdict::not_reproduced,
                   "the interval lies below the threshold 101");
  expect_judgement(judge(widest(10), of_arms({narrow, narrow})), Verdict::inconclusive,
                   "the threshold 10 lies inside the interval");
  expect_judgement(judge(widest(10), of_arms({narrow, wide})), Verdict::not_reproduced,
                   "the interval lies below the threshold 10");
  expect_judgement(judge(widest(10), of_arms({wide, wide})), Verdict::inconclusive,
                   "the effect has no interval: \"width of bn[1]\", seed 1: at least 1000: still "
                   "usable at the edge of the grid, so a lower bound");
  expect_judgement(judge(widest(2), of_arms({unusable, narrow})), Verdict::not_reproduced,
                   "the interval lies below the threshold 2; " + nowhere_usable);
  expect_judgement(judge(widest(none, 1), of_arms({unusable, narrow})), Verdict::reproduced, nowhere_usable);
}

TEST(Criteria, WidestIntervalOfBounds) {
  // "At least 0.5" may be usable or not.
  std::vector<Point> points = decades({0.1, 0.9, 0.9, 0.5, 0.1});
  for (auto& [seed, value] : points[3].values) value.bound = Bound::at_least;
  expect_effect(judge(widest(), of_arms({points})), 10, 10, 1e4);
  for (auto& [seed, value] : points[3].values) value.bound = Bound::at_most;
  expect_effect(judge(widest(), of_arms({points})), 10, 10, 1000);
  // Unknown at an end of the axis: the usable part may reach it.
  points = decades({0.5, 0.1, 0.9, 0.1});
  for (auto& [seed, value] : points[0].values) value.bound = Bound::at_least;
  expect_effect(judge(widest(), of_arms({points})), 1, 1, inf, Bound::at_least);
  // Steps to a level: not within 15 is not usable, whatever comes later.
  std::vector<Point> steps = decades({20, 10, 15, 15, 20});
  for (auto& [seed, value] : steps[3].values) value.bound = Bound::at_least;
  Evidence evidence = of_arms({steps});
  evidence.better = Better::lower;
  CriterionConfig fast = widest();
  fast.usable = 15;
  expect_effect(judge(fast, evidence), 10, 10, 1000);
  // Between 10 and 20, without 10: reached within 15 or not; between 15 and 20, without 15: not.
  for (auto& [seed, value] : steps[3].values) value = {20, Bound::exact, Interval{10, 20}};
  evidence.arms = {steps};
  expect_effect(judge(fast, evidence), 10, 10, 1e4);
  for (auto& [seed, value] : steps[3].values) value = {20, Bound::exact, Interval{15, 20}};
  evidence.arms = {steps};
  expect_effect(judge(fast, evidence), 10, 10, 1000);
}

TEST(Criteria, WidestIntervalNeedsAnAxisOfPositiveNumbers) {
  expect_judgement(judge(widest(1), of_arms({along("bn", {{1, {1, 1}}, {0, {1, 1}}})})), Verdict::inconclusive,
                   "\"bn[2]\" has the value 0 on its axis, which must be positive");
  expect_judgement(judge(widest(1), of_arms({along("bn", {{1, {1, 1}}, {1, {1, 1}}})})), Verdict::inconclusive,
                   "\"bn[1]\" and \"bn[2]\" have the same value on the axis");
  expect_judgement(judge(criterion(CriterionType::widest_interval, 1), of_arms({along("bn", {{1, {1, 1}}})})),
                   Verdict::inconclusive, "usable is not set");
}

}  // namespace
}  // namespace bnlab::experiments
