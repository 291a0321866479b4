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
using test::inf;
using test::nan;
using test::of_arms;
using test::Values;

constexpr auto none = std::nullopt;

/// Half width of the interval of 3 values whose standard deviation is 1; t of 2 degrees of freedom in closed form.
double half_width(double confidence) {
  return confidence * std::sqrt(2 / (1 - confidence * confidence)) / std::sqrt(3.0);
}
const double t3 = half_width(0.95);

void expect_near(double value, double expected) {
  if (std::isinf(expected)) {
    EXPECT_EQ(value, expected);
  } else {
    EXPECT_NEAR(value, expected, 1e-12 * std::max(1.0, std::abs(expected)));
  }
}

void expect_judgement(const Judgement& judgement, Verdict verdict, const std::string& explanation) {
  EXPECT_EQ(name_of(judgement.verdict), name_of(verdict));
  EXPECT_EQ(judgement.explanation, explanation);
}

void expect_effect(const Judgement& judgement, double effect, double low, double high, Bound bound = Bound::exact) {
  expect_near(judgement.effect, effect);
  ASSERT_TRUE(judgement.interval);
  expect_near(judgement.interval->low, low);
  expect_near(judgement.interval->high, high);
  EXPECT_EQ(judgement.bound, bound);
}

// ---- thresholds

TEST(Criteria, ValueAgainstThresholds) {
  const Evidence evidence = arms({{9, 10, 11}});
  const auto verdict = [&](std::optional<double> least, std::optional<double> most = none) {
    return judge(criterion(CriterionType::value, least, most), evidence);
  };
  expect_effect(verdict(5), 10, 10 - t3, 10 + t3);
  EXPECT_EQ(verdict(5).seeds, 3);
  expect_judgement(verdict(5), Verdict::reproduced, "");
  expect_judgement(verdict(9), Verdict::inconclusive, "the interval [7.516, 12.48] holds the threshold 9");
  expect_judgement(verdict(13), Verdict::not_reproduced, "the interval [7.516, 12.48] lies below the threshold 13");
  expect_judgement(verdict(none, 13), Verdict::reproduced, "");
  expect_judgement(verdict(none, 9), Verdict::inconclusive, "the interval [7.516, 12.48] holds the threshold 9");
  expect_judgement(verdict(none, 7), Verdict::not_reproduced, "the interval [7.516, 12.48] lies above the threshold 7");
  expect_judgement(verdict(7, 13), Verdict::reproduced, "");
  expect_judgement(verdict(9, 13), Verdict::inconclusive, "the interval [7.516, 12.48] holds the threshold 9");
  expect_judgement(verdict(7, 12), Verdict::inconclusive, "the interval [7.516, 12.48] holds the threshold 12");
  expect_judgement(verdict(9, 11), Verdict::inconclusive, "the interval [7.516, 12.48] holds the thresholds 9 and 11");
  expect_judgement(verdict(1, 2), Verdict::not_reproduced, "the interval [7.516, 12.48] lies above the threshold 2");
  expect_judgement(verdict(none), Verdict::reported, "");
  expect_effect(verdict(none), 10, 10 - t3, 10 + t3);
}

TEST(Criteria, WhatIsMoreOrLessIsNotEqual) {
  const auto verdict = [](const Evidence& evidence, std::optional<double> more, std::optional<double> less) {
    CriterionConfig strict = criterion(CriterionType::difference);
    strict.more_than = more;
    strict.less_than = less;
    return judge(strict, evidence);
  };
  const Evidence equal = arms({{0.1, 0.1, 0.1}, {0.1, 0.1, 0.1}});  // as where all runs diverged
  expect_judgement(verdict(equal, 0, none), Verdict::not_reproduced,
                   "the interval [0, 0] lies not above the threshold 0");
  expect_judgement(verdict(equal, none, 0), Verdict::not_reproduced,
                   "the interval [0, 0] lies not below the threshold 0");
  EXPECT_EQ(judge(criterion(CriterionType::difference, 0), equal).verdict, Verdict::reproduced);
  EXPECT_EQ(verdict(equal, -1, 1).verdict, Verdict::reproduced);
  const Evidence rounded = arms({{0.9, 0.8, 0.7}, {0.6, 0.5, 0.4}});  // 0.3 but for rounding
  EXPECT_EQ(verdict(rounded, 0.3, none).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(rounded, none, 0.3).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(rounded, 0.299, 0.301).verdict, Verdict::reproduced);
  const Evidence noisy = arms({{9, 10, 11}, {0, 0, 0}});
  expect_judgement(verdict(noisy, 9, none), Verdict::inconclusive, "the interval [7.516, 12.48] holds the threshold 9");
  expect_judgement(verdict(noisy, 13, none), Verdict::not_reproduced,
                   "the interval [7.516, 12.48] lies not above the threshold 13");
  EXPECT_EQ(verdict(noisy, 7, 13).verdict, Verdict::reproduced);
}

TEST(Criteria, EqualPairsHaveNoWidthAndMayLieOnTheThreshold) {
  const Evidence evidence = arms({{0.9, 0.8, 0.7}, {0.6, 0.5, 0.4}});  // 0.3 but for rounding
  expect_judgement(judge(criterion(CriterionType::difference, 0.3), evidence), Verdict::reproduced, "");
  expect_judgement(judge(criterion(CriterionType::difference, none, 0.3), evidence), Verdict::reproduced, "");
  expect_judgement(judge(criterion(CriterionType::equality, 0.3), evidence), Verdict::reproduced, "");
  expect_judgement(judge(criterion(CriterionType::difference, 0.3001), evidence), Verdict::not_reproduced,
                   "the interval [0.3, 0.3] lies below the threshold 0.3001");
  expect_judgement(judge(criterion(CriterionType::ratio, 3), arms({{0.3, 0.6, 6}, {0.1, 0.2, 2}})), Verdict::reproduced,
                   "");
  expect_judgement(judge(criterion(CriterionType::value, none, 0), arms({{0.0, 0.0}})), Verdict::reproduced, "");
}

TEST(Criteria, DifferenceIsPaired) {
  // The seeds differ by hundreds, the arms by 1, 2, 3.
  const Evidence evidence = arms({{101, 302, -197}, {100, 300, -200}});
  expect_effect(judge(criterion(CriterionType::difference), evidence), 2, 2 - t3, 2 + t3);
}

TEST(Criteria, RatioIsOfLogarithms) {
  const double e = std::exp(1.0);
  const Judgement judgement = judge(criterion(CriterionType::ratio, 3), arms({{10, 10 * e, 10 * e * e}, {1, 1, 1}}));
  expect_effect(judgement, 10 * e, 10 * std::exp(1 - t3), 10 * std::exp(1 + t3));
  EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
}

TEST(Criteria, Equality) {
  const auto verdict = [](std::optional<double> within, const Values& a) {
    return judge(criterion(CriterionType::equality, within), arms({a, {0, 0, 0}}));
  };
  expect_judgement(verdict(3, {-1, 0, 1}), Verdict::reproduced, "");
  expect_judgement(verdict(2, {-1, 0, 1}), Verdict::inconclusive,
                   "the interval [-2.484, 2.484] holds the thresholds -2 and 2");
  expect_judgement(verdict(2, {3, 4, 5}), Verdict::inconclusive, "the interval [1.516, 6.484] holds the threshold 2");
  expect_judgement(verdict(1, {3, 4, 5}), Verdict::not_reproduced,
                   "the interval [1.516, 6.484] lies above the threshold 1");
  expect_judgement(verdict(1, {-3, -4, -5}), Verdict::not_reproduced,
                   "the interval [-6.484, -1.516] lies below the threshold -1");
  expect_judgement(verdict(none, {3, 4, 5}), Verdict::reported, "");
}

// ---- several differences

TEST(Criteria, OrderNeedsEachNeighbour) {
  const CriterionConfig order = criterion(CriterionType::order);
  const Values low = {0, 0, 0};
  const Values high = {20, 21, 22};
  Judgement judgement = judge(order, arms({low, {9, 10, 11}, high}));
  expect_judgement(judgement, Verdict::reproduced, "");
  // b - a is 9, 10, 11; c - b is 11 each: the smallest is b - a. One of two sets the upper end: 97.5 % there.
  EXPECT_NEAR(judgement.effect, 10, 1e-12);
  EXPECT_NEAR(judgement.interval->low, 10 - t3, 1e-9);
  EXPECT_NEAR(judgement.interval->high, 11, 1e-9);

  judgement = judge(order, arms({low, {1, 2, 3}, high}));
  expect_judgement(judgement, Verdict::inconclusive,
                   "the interval [-0.4841, 5.583] of the smallest difference (\"b\" - \"a\") holds the threshold 0");
  expect_effect(judgement, 2, 2 - t3, 2 + half_width(0.975));

  judgement = judge(order, arms({low, high, {9, 10, 11}}));
  EXPECT_EQ(judgement.verdict, Verdict::not_reproduced);
  EXPECT_DOUBLE_EQ(judgement.effect, -11);
  expect_judgement(judge(order, arms({low, low})), Verdict::not_reproduced,
                   "the interval [0, 0] lies not above the threshold 0");
}

TEST(Criteria, RangeOverAnAxis) {
  const auto verdict = [](std::optional<double> least, std::optional<double> most) {
    return judge(criterion(CriterionType::range, least, most),
                 of_arms({along("gn", {{128, {5, 6, 7}}, {32, {5, 6, 7}}, {2, {14, 16, 18}}})}));
  };
  // Differences: 9, 10, 11 twice, and 0. Below: 6 ordered pairs, confidence 1 - 0.05 / 6; above: 95 %.
  expect_effect(verdict(none, none), 10, 10 - half_width(1 - 0.05 / 6), 10 + t3);
  expect_judgement(verdict(none, none), Verdict::reported, "");
  expect_judgement(verdict(none, 13), Verdict::reproduced, "");
  expect_judgement(verdict(3, none), Verdict::reproduced, "");
  expect_judgement(
      verdict(5, none), Verdict::inconclusive,
      "the interval [3.715, 12.48] of the largest difference (\"gn[3]\" - \"gn[1]\") holds the threshold 5");
  expect_judgement(verdict(none, 2), Verdict::not_reproduced,
                   "the interval [3.715, 12.48] of the largest difference (\"gn[3]\" - \"gn[1]\") lies above the "
                   "threshold 2");
  expect_judgement(verdict(13, none), Verdict::not_reproduced,
                   "the interval [3.715, 12.48] of the largest difference (\"gn[3]\" - \"gn[1]\") lies below the "
                   "threshold 13");
  // Nothing but noise: the range is not below 0.
  const Judgement noise =
      judge(criterion(CriterionType::range), of_arms({along("gn", {{1, {1, 2, 3}}, {2, {2, 3, 1}}})}));
  EXPECT_EQ(noise.effect, 0);
  EXPECT_EQ(noise.interval->low, 0);
}

TEST(Criteria, LogSlopeIsPerUnitOfTheAxis) {
  const double e = std::exp(1.0);
  // 3 exp(axis / 2), exactly, for each seed times a factor.
  std::vector<std::pair<double, Values>> points;
  for (const double x : {0.0, 1.0, 5.0}) points.push_back({x, {3 * std::pow(e, x / 2), 30 * std::pow(e, x / 2)}});
  const Judgement one = judge(criterion(CriterionType::log_slope, 0.5), of_arms({along("x", points)}));
  expect_judgement(one, Verdict::reproduced, "");
  expect_effect(one, 0.5, 0.5, 0.5);
  const Judgement two =
      judge(criterion(CriterionType::log_slope), of_arms({along("x", points), along("y", {{1, {1, 2}}, {2, {1, 2}}})}));
  expect_effect(two, 0.5, 0.5, 0.5);
  expect_judgement(judge(criterion(CriterionType::log_slope, 1), of_arms({along("y", {{1, {1, 2}}, {1, {1, 2}}})})),
                   Verdict::inconclusive, "\"y[1]\" has no two different points on its axis");
}

// ---- widest_interval

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
    expect_judgement(judgement, Verdict::reported, "");
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
                   "the interval [1, inf] holds the threshold 11; \"width of bn[1]\" is at least 1000 for seed 1: an "
                   "end of the axis is usable");
  expect_judgement(judge(widest(100), of_arms({wide, unusable})), Verdict::reproduced, "");
  expect_judgement(judge(widest(101), of_arms({narrow, narrow})), Verdict::not_reproduced,
                   "the interval [0.01, 100] lies below the threshold 101");
  expect_judgement(judge(widest(10), of_arms({narrow, narrow})), Verdict::inconclusive,
                   "the interval [0.01, 100] holds the threshold 10");
  expect_judgement(judge(widest(10), of_arms({narrow, wide})), Verdict::not_reproduced,
                   "the interval [0, 1] lies below the threshold 10");
  expect_judgement(judge(widest(10), of_arms({wide, wide})), Verdict::inconclusive,
                   "the effect has no interval: \"width of bn[1]\" is at least 1000 for seed 1: an end of the axis is "
                   "usable");
  expect_judgement(judge(widest(2), of_arms({unusable, narrow})), Verdict::not_reproduced,
                   "the interval [0.001, 1] lies below the threshold 2");
  expect_judgement(judge(widest(none, 1), of_arms({unusable, narrow})), Verdict::reproduced, "");
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
                   "the interval [9.333, 14.5] holds the threshold 9.5");
  EXPECT_EQ(verdict(CriterionType::ratio, 9.3, slow, fast).verdict, Verdict::reproduced);
  EXPECT_EQ(verdict(CriterionType::ratio, 14.6, slow, fast).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(CriterionType::equality, 2600, slow, fast).verdict, Verdict::inconclusive);
  EXPECT_EQ(verdict(CriterionType::equality, 2700, slow, fast).verdict, Verdict::reproduced);
  // Before the first row anything is possible; what was never reached needs at least the steps.
  expect_effect(verdict(CriterionType::ratio, none, slow, seen_at({100, 100, 100})), 29, 28, inf);
  expect_judgement(verdict(CriterionType::ratio, 30, slow, seen_at({100, 100, 100})), Verdict::inconclusive,
                   "the interval [28, inf] holds the threshold 30");
  expect_judgement(verdict(CriterionType::ratio, 1, seen_at({100, 100, 100}), seen_at({100, 100, 100})),
                   Verdict::inconclusive, "the effect has no interval: \"a\" lies between 0 and 100 for seed 1");
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
                   "the interval [5, inf] lies above the threshold 3; " + said);
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

TEST(Criteria, WidestIntervalNeedsAnAxisOfPositiveNumbers) {
  expect_judgement(judge(widest(1), of_arms({along("bn", {{1, {1, 1}}, {0, {1, 1}}})})), Verdict::inconclusive,
                   "\"bn[2]\" is at 0 of its axis, which must be a positive number");
  expect_judgement(judge(widest(1), of_arms({along("bn", {{1, {1, 1}}, {1, {1, 1}}})})), Verdict::inconclusive,
                   "\"bn[1]\" and \"bn[2]\" are at the same place of the axis");
  expect_judgement(judge(criterion(CriterionType::widest_interval, 1), of_arms({along("bn", {{1, {1, 1}}})})),
                   Verdict::inconclusive, "what is usable is not set");
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
                   "the interval [10, inf] holds the threshold 30; \"a\" is at least 5000 for seed 1: never reached");
  expect_judgement(verdict(none, 30, never, reached), Verdict::inconclusive,
                   "the interval [10, inf] holds the threshold 30; \"a\" is at least 5000 for seed 1: never reached");
  expect_judgement(verdict(none, 3, never, reached), Verdict::not_reproduced,
                   "the interval [10, inf] lies above the threshold 3");
  expect_effect(verdict(3, none, reached, never), 0.1, 0, 0.1, Bound::at_most);
  expect_judgement(verdict(3, none, reached, never), Verdict::not_reproduced,
                   "the interval [0, 0.1] lies below the threshold 3");
  expect_judgement(verdict(3, none, never, never), Verdict::inconclusive,
                   "the effect has no interval: \"a\" is at least 5000 for seed 1: never reached");
  EXPECT_TRUE(std::isnan(verdict(3, none, never, never).effect));
}

TEST(Criteria, OneSeedsBoundIsTheEffects) {
  const auto verdict = [](const Values& a) { return judge(criterion(CriterionType::value, 5), arms({a})); };
  expect_effect(verdict({Value{9}, Value{10}, at_least(11)}), 10, 10 - t3, inf, Bound::at_least);
  expect_judgement(verdict({Value{9}, Value{10}, at_least(11)}), Verdict::reproduced, "");
  expect_effect(verdict({Value{9}, Value{10}, at_most(11)}), 10, -inf, 10 + t3, Bound::at_most);
  expect_judgement(verdict({Value{9}, Value{10}, at_most(11)}), Verdict::inconclusive,
                   "the interval [-inf, 12.48] holds the threshold 5; \"a\" is at most 11 for seed 3");
  expect_judgement(verdict({at_least(9), Value{10}, at_most(11)}), Verdict::inconclusive,
                   "the effect has no interval: \"a\" is at least 9 for seed 1: never reached");
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

// ---- what is missing or not finite

TEST(Criteria, MissingValuesAreNamed) {
  Evidence evidence = arms({{1, 2, 3}, {0, 0, 0}});
  evidence.arms[1][0].values.erase(2);
  Judgement judgement = judge(criterion(CriterionType::difference, -1000), evidence);
  expect_judgement(judgement, Verdict::inconclusive, "\"b\" has no value for seed 2");
  EXPECT_EQ(judgement.seeds, 2);
  EXPECT_DOUBLE_EQ(judgement.effect, 2);  // of the seeds that both have
  EXPECT_TRUE(judgement.interval);
  evidence.arms[0][0].values.erase(3);
  expect_judgement(judge(criterion(CriterionType::difference, -1000), evidence), Verdict::inconclusive,
                   "\"b\" has no value for seed 2; 1 more is missing");
  expect_judgement(judge(criterion(CriterionType::difference), evidence), Verdict::reported,
                   "\"b\" has no value for seed 2; 1 more is missing");
  // A seed that nobody asked for does not count, nor does one that is named twice.
  evidence.seeds = {1, 1};
  expect_judgement(judge(criterion(CriterionType::difference, 0), evidence), Verdict::inconclusive,
                   "one seed has no interval");
}

TEST(Criteria, ThinEvidence) {
  const CriterionConfig value = criterion(CriterionType::value, 0);
  const Judgement one = judge(value, arms({{7.0}}));
  expect_judgement(one, Verdict::inconclusive, "one seed has no interval");
  EXPECT_EQ(one.effect, 7);
  EXPECT_FALSE(one.interval);
  EXPECT_EQ(judge(value, arms({{inf}})).verdict, Verdict::inconclusive);
  const Judgement nothing = judge(value, {});
  expect_judgement(nothing, Verdict::inconclusive, "arms: 0, but the criterion takes 1");
  EXPECT_TRUE(std::isnan(nothing.effect));
  expect_judgement(judge(value, {{{}}, {1}}), Verdict::inconclusive, "points of an arm: 0, but the criterion takes 1");
  expect_judgement(judge(value, {{{Point{"a", 0, {}}}}, {}}), Verdict::inconclusive, "there are no seeds");
  expect_judgement(judge(criterion(CriterionType::difference, 0), arms({{1, 2}})), Verdict::inconclusive,
                   "arms: 1, but the criterion takes 2");
  expect_judgement(judge(criterion(CriterionType::order), arms({{1, 2}})), Verdict::inconclusive,
                   "arms: 1, but the criterion takes 2 or more");
  expect_judgement(judge(criterion(CriterionType::range, 1), arms({{1, 2}})), Verdict::inconclusive,
                   "points of \"a\": 1, but the criterion takes 2 or more");
}

TEST(Criteria, InfinityLiesBeyondEveryNumber) {
  const auto verdict = [](std::optional<double> least, std::optional<double> most, const Values& a) {
    return judge(criterion(CriterionType::value, least, most), arms({a}));
  };
  // All of them: the effect is infinite.
  expect_effect(verdict(3, none, {inf, inf}), inf, inf, inf);
  expect_judgement(verdict(3, none, {inf, inf}), Verdict::reproduced, "");
  EXPECT_EQ(verdict(none, 3, {inf, inf}).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(none, 3, {-inf, -inf}).verdict, Verdict::reproduced);
  // Some: the others decide for their side, and nothing decides for the other.
  expect_effect(verdict(3, none, {9, inf, 10, 11}), 10, 10 - t3, inf, Bound::at_least);
  expect_judgement(verdict(3, none, {9, inf, 10, 11}), Verdict::reproduced, "");
  expect_judgement(verdict(9, none, {9, inf, 10, 11}), Verdict::inconclusive,
                   "the interval [7.516, inf] holds the threshold 9; \"a\" is inf for seed 2");
  EXPECT_EQ(verdict(none, 20, {9, inf, 10, 11}).verdict, Verdict::inconclusive);
  EXPECT_EQ(verdict(none, 3, {9, inf, 10, 11}).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(3, 20, {9, inf, 10, 11}).verdict, Verdict::inconclusive);
  expect_judgement(verdict(3, none, {10, inf, inf}), Verdict::inconclusive,
                   "the effect has no interval: \"a\" is inf for seed 2");
  expect_judgement(verdict(3, none, {inf, -inf, 10, 11}), Verdict::inconclusive,
                   "the effect has no interval: \"a\" is inf for seed 1");
  // A diverged arm's loss against one that is not, and against one that is.
  const CriterionConfig order = criterion(CriterionType::order);
  EXPECT_EQ(judge(order, arms({{1, 2, 3}, {inf, inf, inf}})).verdict, Verdict::reproduced);
  EXPECT_EQ(judge(order, arms({{inf, inf, inf}, {1, 2, 3}})).verdict, Verdict::not_reproduced);
  expect_judgement(judge(order, arms({{inf, 2, 3}, {inf, 20, 30}})), Verdict::inconclusive,
                   "\"b\" - \"a\" is not a number for seed 1: \"b\" is inf for seed 1");
  EXPECT_EQ(judge(criterion(CriterionType::equality, 5), arms({{inf, inf}, {1, 2}})).verdict, Verdict::not_reproduced);
}

TEST(Criteria, WhatIsNoNumberIsNamed) {
  for (const CriterionType type : {CriterionType::difference, CriterionType::equality, CriterionType::order})
    expect_judgement(judge(criterion(type, 1e9), arms({{1, 2, 3}, {1, nan, 3}})), Verdict::inconclusive,
                     "\"b\" is nan for seed 2");
  const CriterionConfig ratio = criterion(CriterionType::ratio, 1);
  for (const auto& [value, name] :
       {std::pair(nan, "nan"), std::pair(inf, "inf"), std::pair(0.0, "0"), std::pair(-1.0, "-1")})
    expect_judgement(judge(ratio, arms({{2, value}, {1, 1}})), Verdict::inconclusive,
                     std::string("\"a\" is ") + name + " for seed 2: logarithms need positive finite numbers");
  expect_judgement(judge(criterion(CriterionType::value, 0), arms({{1e308, -1e308, 1e308}})), Verdict::inconclusive,
                   "the effect has no interval: numbers are too large");
}

// ---- experiments

TEST(Criteria, Combine) {
  const auto combined = [](const std::vector<Verdict>& verdicts) {
    std::vector<Judgement> judgements;
    for (const Verdict verdict : verdicts) judgements.emplace_back().verdict = verdict;
    return combine(judgements);
  };
  using enum Verdict;
  EXPECT_EQ(combined({}), reported);
  EXPECT_EQ(combined({reported, reported}), reported);
  EXPECT_EQ(combined({reported, reproduced}), reproduced);
  EXPECT_EQ(combined({reproduced, inconclusive, reported}), inconclusive);
  EXPECT_EQ(combined({inconclusive, not_reproduced, reproduced}), not_reproduced);
}

}  // namespace
}  // namespace bnlab::experiments
