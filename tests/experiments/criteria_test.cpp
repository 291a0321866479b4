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
using test::criterion;
using test::expect_effect;
using test::expect_judgement;
using test::half_width;
using test::inf;
using test::nan;
using test::none;
using test::of_arms;
using test::t3;
using test::Values;

// ---- thresholds

TEST(Criteria, ValueAgainstThresholds) {
  const Evidence evidence = arms({{9, 10, 11}});
  const auto verdict = [&](std::optional<double> least, std::optional<double> most = none) {
    return judge(criterion(CriterionType::value, least, most), evidence);
  };
  expect_effect(verdict(5), 10, 10 - t3, 10 + t3);
  EXPECT_EQ(verdict(5).seeds, 3);
  expect_judgement(verdict(5), Verdict::reproduced, "");
  expect_judgement(verdict(9), Verdict::inconclusive, "the threshold 9 lies inside the interval");
  expect_judgement(verdict(7.516), Verdict::inconclusive, "the threshold 7.516 lies inside the interval");
  expect_judgement(verdict(13), Verdict::not_reproduced, "the interval lies below the threshold 13");
  expect_judgement(verdict(none, 13), Verdict::reproduced, "");
  expect_judgement(verdict(none, 9), Verdict::inconclusive, "the threshold 9 lies inside the interval");
  expect_judgement(verdict(none, 7), Verdict::not_reproduced, "the interval lies above the threshold 7");
  expect_judgement(verdict(7, 13), Verdict::reproduced, "");
  expect_judgement(verdict(9, 13), Verdict::inconclusive, "the threshold 9 lies inside the interval");
  expect_judgement(verdict(7, 12), Verdict::inconclusive, "the threshold 12 lies inside the interval");
  expect_judgement(verdict(9, 11), Verdict::inconclusive, "the thresholds 9 and 11 lie inside the interval");
  expect_judgement(verdict(1, 2), Verdict::not_reproduced, "the interval lies above the threshold 2");
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
  expect_judgement(verdict(equal, 0, none), Verdict::not_reproduced, "the interval is not above the threshold 0");
  expect_judgement(verdict(equal, none, 0), Verdict::not_reproduced, "the interval is not below the threshold 0");
  EXPECT_EQ(judge(criterion(CriterionType::difference, 0), equal).verdict, Verdict::reproduced);
  EXPECT_EQ(verdict(equal, -1, 1).verdict, Verdict::reproduced);
  const Evidence rounded = arms({{0.9, 0.8, 0.7}, {0.6, 0.5, 0.4}});  // 0.3 but for rounding
  EXPECT_EQ(verdict(rounded, 0.3, none).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(rounded, none, 0.3).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(rounded, 0.299, 0.301).verdict, Verdict::reproduced);
  const Evidence noisy = arms({{9, 10, 11}, {0, 0, 0}});
  expect_judgement(verdict(noisy, 9, none), Verdict::inconclusive, "the threshold 9 lies inside the interval");
  expect_judgement(verdict(noisy, 13, none), Verdict::not_reproduced, "the interval lies below the threshold 13");
  EXPECT_EQ(verdict(noisy, 7, 13).verdict, Verdict::reproduced);
}

TEST(Criteria, EqualPairsHaveNoWidthAndMayLieOnTheThreshold) {
  const Evidence evidence = arms({{0.9, 0.8, 0.7}, {0.6, 0.5, 0.4}});  // 0.3 but for rounding
  expect_judgement(judge(criterion(CriterionType::difference, 0.3), evidence), Verdict::reproduced, "");
  expect_judgement(judge(criterion(CriterionType::difference, none, 0.3), evidence), Verdict::reproduced, "");
  expect_judgement(judge(criterion(CriterionType::equality, 0.3), evidence), Verdict::reproduced, "");
  expect_judgement(judge(criterion(CriterionType::difference, 0.3001), evidence), Verdict::not_reproduced,
                   "the interval lies below the threshold 0.3001");
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
  expect_judgement(verdict(2, {-1, 0, 1}), Verdict::inconclusive, "the thresholds -2 and 2 lie inside the interval");
  expect_judgement(verdict(2, {3, 4, 5}), Verdict::inconclusive, "the threshold 2 lies inside the interval");
  expect_judgement(verdict(1, {3, 4, 5}), Verdict::not_reproduced, "the interval lies above the threshold 1");
  expect_judgement(verdict(1, {-3, -4, -5}), Verdict::not_reproduced, "the interval lies below the threshold -1");
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
                   "the threshold 0 lies inside the interval of the smallest difference (\"b\" - \"a\")");
  expect_effect(judgement, 2, 2 - t3, 2 + half_width(0.975));

  judgement = judge(order, arms({low, high, {9, 10, 11}}));
  EXPECT_EQ(judgement.verdict, Verdict::not_reproduced);
  EXPECT_DOUBLE_EQ(judgement.effect, -11);
  expect_judgement(judge(order, arms({low, low})), Verdict::not_reproduced,
                   "the interval is not above the threshold 0");
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
  expect_judgement(verdict(5, none), Verdict::inconclusive,
                   "the threshold 5 lies inside the interval of the largest difference (\"gn[3]\" - \"gn[1]\")");
  expect_judgement(verdict(none, 2), Verdict::not_reproduced,
                   "the interval of the largest difference (\"gn[3]\" - \"gn[1]\") lies above the "
                   "threshold 2");
  expect_judgement(verdict(13, none), Verdict::not_reproduced,
                   "the interval of the largest difference (\"gn[3]\" - \"gn[1]\") lies below the "
                   "threshold 13");
  // Nothing but noise: the range is not below 0.
  const Judgement noise =
      judge(criterion(CriterionType::range), of_arms({along("gn", {{1, {1, 2, 3}}, {2, {2, 3, 1}}})}));
  EXPECT_EQ(noise.effect, 0);
  EXPECT_EQ(noise.interval->low, 0);
}

TEST(Criteria, ContrastIsAWeightedSumPairedBySeed) {
  const auto verdict = [](const std::vector<double>& weights, std::optional<double> least, const Evidence& evidence) {
    CriterionConfig contrast = criterion(CriterionType::contrast, least);
    contrast.weights = weights;
    return judge(contrast, evidence);
  };
  // The seeds differ by much more than the contrast does: (9 - 4) - (3 - 1) = 3, 4 and 2 for them.
  const Evidence interaction = arms({{9, 110, 1007}, {4, 104, 1003}, {3, 103, 1003}, {1, 101, 1001}});
  expect_effect(verdict({1, -1, -1, 1}, none, interaction), 3, 3 - t3, 3 + t3);
  expect_judgement(verdict({1, -1, -1, 1}, 0.5, interaction), Verdict::reproduced, "");
  expect_judgement(verdict({1, -1, -1, 1}, 1, interaction), Verdict::inconclusive,
                   "the threshold 1 lies inside the interval");
  // last - .4 all - .6 none
  const Evidence share = arms({{7, 7}, {10, 10}, {2, 2}});
  expect_effect(verdict({1, -0.4, -0.6}, none, share), 1.8, 1.8, 1.8);
  // A level that was seen between two rows, and one that was never reached.
  Evidence steps =
      arms({Values({Value{300, Bound::exact, Interval{200, 300}}, Value{300, Bound::exact, Interval{200, 300}}}),
            {100, 100},
            {10, 10}});
  expect_effect(verdict({1, -2, 3}, none, steps), 130, 30, 130);
  expect_effect(verdict({-1, 2, 3}, none, steps), -70, -70, 30);
  steps.arms[1] = arms({Values({at_least(500), at_least(500)})}).arms[0];
  const Judgement bound = verdict({-1, 1, 1}, 0, steps);
  expect_effect(bound, 210, 210, inf, Bound::at_least);
  EXPECT_EQ(verdict({1, -1, 1}, 0, steps).verdict, Verdict::not_reproduced);
  expect_judgement(verdict({1, -1}, 0, share), Verdict::inconclusive, "weights: 2, but there are 3 arms");
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
                   Verdict::inconclusive, "the axis of \"y[1]\" has fewer than two different values");
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
                   "the threshold 9 lies inside the interval; \"a\", seed 2: inf");
  EXPECT_EQ(verdict(none, 20, {9, inf, 10, 11}).verdict, Verdict::inconclusive);
  EXPECT_EQ(verdict(none, 3, {9, inf, 10, 11}).verdict, Verdict::not_reproduced);
  EXPECT_EQ(verdict(3, 20, {9, inf, 10, 11}).verdict, Verdict::inconclusive);
  expect_judgement(verdict(3, none, {10, inf, inf}), Verdict::inconclusive,
                   "the effect has no interval: \"a\", seed 2: inf");
  expect_judgement(verdict(3, none, {inf, -inf, 10, 11}), Verdict::inconclusive,
                   "the effect has no interval: \"a\", seed 1: inf");
  // A diverged arm's loss against one that is not, and against one that is.
  const CriterionConfig order = criterion(CriterionType::order);
  EXPECT_EQ(judge(order, arms({{1, 2, 3}, {inf, inf, inf}})).verdict, Verdict::reproduced);
  EXPECT_EQ(judge(order, arms({{inf, inf, inf}, {1, 2, 3}})).verdict, Verdict::not_reproduced);
  expect_judgement(judge(order, arms({{inf, 2, 3}, {inf, 20, 30}})), Verdict::inconclusive,
                   "\"b\" - \"a\" is not a number for seed 1 (\"b\", seed 1: inf)");
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
