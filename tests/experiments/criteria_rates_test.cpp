// How often criteria are wrong, and how often right, on simulated data: paired over seeds, normal noise.

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "experiments/criteria.h"
#include "experiments/evidence_testing.h"
#include "util/random.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::CriterionType;
using test::criterion;

constexpr int null_trials = 10000;
constexpr int power_trials = 2000;
constexpr double rate = 0.025;  // of wrong verdicts on each side, at most
const double slack = 3 * std::sqrt(rate * (1 - rate) / null_trials);
constexpr double coverage = 0.95;
const double coverage_slack = 3 * std::sqrt(coverage * (1 - coverage) / null_trials);

/// Arms of one point each, or one arm of several, with these true values.
struct Truth {
  std::vector<std::vector<double>> arms;
  double effect;
  bool logarithmic = false;  // the values are exp() of what is drawn; `arms` are logarithms
};

struct Case {
  std::string name;
  CriterionConfig criterion;
  Truth truth;
  bool exact = true;  // whether the interval is Student's own, not a conservative one
};

void PrintTo(const Case& item, std::ostream* stream) { *stream << item.name; }

struct Rates {
  double reproduced = 0;
  double not_reproduced = 0;
  double covered = 0;
};

/// `truth` + what the arms of a seed share (standard deviation 1) + noise of each value (0.2).
void draw(const Truth& truth, std::size_t seeds, RandomStream& stream, Evidence& evidence) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const double shared = stream.normal();
    for (std::size_t arm = 0; arm < truth.arms.size(); ++arm)
      for (std::size_t i = 0; i < truth.arms[arm].size(); ++i) {
        const double value = truth.arms[arm][i] + shared + 0.2 * stream.normal();
        evidence.arms[arm][i].values[seed] = {truth.logarithmic ? std::exp(value) : value, Bound::exact};
      }
  }
}

Rates simulate(const Case& item, std::size_t seeds, int trials) {
  Evidence evidence;
  for (const std::vector<double>& arm : item.truth.arms) {
    std::vector<Point>& points = evidence.arms.emplace_back();
    for (std::size_t i = 0; i < arm.size(); ++i) points.push_back({"p", static_cast<double>(i + 1), {}});
  }
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) evidence.seeds.push_back(seed);
  RandomStream stream(seeds, RandomPurpose::noise, RandomStream::substream_of(item.name));
  int reproduced = 0, not_reproduced = 0, covered = 0;
  for (int trial = 0; trial < trials; ++trial) {
    draw(item.truth, seeds, stream, evidence);
    const Judgement judgement = judge(item.criterion, evidence);
    reproduced += judgement.verdict == Verdict::reproduced;
    not_reproduced += judgement.verdict == Verdict::not_reproduced;
    covered += judgement.interval && judgement.interval->low <= item.truth.effect &&
               item.truth.effect <= judgement.interval->high;
  }
  return {1.0 * reproduced / trials, 1.0 * not_reproduced / trials, 1.0 * covered / trials};
}

class AtTheThreshold : public testing::TestWithParam<Case> {};

// The claim's threshold is the true effect: each side may win in 2.5 % of the experiments, and the interval holds the
// true effect in 95 %.
TEST_P(AtTheThreshold, WrongVerdictsAreRare) {
  for (const std::size_t seeds : {3u, 5u, 10u}) {
    const Rates rates = simulate(GetParam(), seeds, null_trials);
    const std::string at = "_at_" + std::to_string(seeds);
    RecordProperty("reproduced" + at, std::to_string(rates.reproduced));
    RecordProperty("not_reproduced" + at, std::to_string(rates.not_reproduced));
    RecordProperty("coverage" + at, std::to_string(rates.covered));
    EXPECT_LE(rates.reproduced, rate + slack) << seeds << " seeds";
    EXPECT_LE(rates.not_reproduced, rate + slack) << seeds << " seeds";
    EXPECT_GE(rates.covered, coverage - coverage_slack) << seeds << " seeds";
    if (GetParam().exact) {
      EXPECT_LE(rates.covered, coverage + coverage_slack) << seeds << " seeds";
    }
  }
}

const double ln3 = std::log(3.0);
constexpr auto none = std::nullopt;

INSTANTIATE_TEST_SUITE_P(
    Criteria, AtTheThreshold,
    testing::Values(Case{"value_at_least", criterion(CriterionType::value, 2), {{{2}}, 2}},
                    Case{"value_at_most", criterion(CriterionType::value, none, 2), {{{2}}, 2}},
                    Case{"difference_at_least", criterion(CriterionType::difference, 0.5), {{{1.5}, {1}}, 0.5}},
                    Case{"difference_at_most", criterion(CriterionType::difference, none, 0.5), {{{1.5}, {1}}, 0.5}},
                    Case{"ratio_at_least", criterion(CriterionType::ratio, 3), {{{ln3}, {0}}, 3, true}},
                    Case{"equality_above", criterion(CriterionType::equality, 0.5), {{{1.5}, {1}}, 0.5}},
                    Case{"equality_below", criterion(CriterionType::equality, 0.5), {{{1}, {1.5}}, -0.5}},
                    // A `within` that is small beside the noise: both sides matter.
                    Case{"equality_tight", criterion(CriterionType::equality, 0.1), {{{1.1}, {1}}, 0.1}},
                    Case{"order_one_tie", criterion(CriterionType::order), {{{0}, {9}, {9}}, 0}, false},
                    Case{"order_two_ties", criterion(CriterionType::order), {{{1}, {1}, {1}}, 0}, false},
                    Case{"log_slope", criterion(CriterionType::log_slope, 0.3), {{{0.3, 0.6, 0.9, 1.2}}, 0.3, true}},
                    Case{"log_slopes",
                         criterion(CriterionType::log_slope, 0.2),
                         {{{0.3, 0.6, 0.9, 1.2}, {0.1, 0.2, 0.3, 0.4}}, 0.2, true}},
                    Case{"range_at_most_one_pair", criterion(CriterionType::range, none, 1), {{{0, 0.5, 1}}, 1}, false},
                    Case{"range_at_least_pairs", criterion(CriterionType::range, 1), {{{0, 1, 1}}, 1}, false},
                    // So small that the sign of a difference is chance.
                    Case{"range_at_least_tiny", criterion(CriterionType::range, 1e-3), {{{0, 1e-3}}, 1e-3}, false}),
    [](const auto& item) { return item.param.name; });

// Steps to a level are known up to the rows of a file. With noise that is small beside them all seeds agree, wherever
// the true ratio lies.
TEST(StepsOnAGrid, WrongVerdictsAreRare) {
  constexpr double grid = 100;
  RandomStream stream(1, RandomPurpose::noise, RandomStream::substream_of("steps_on_a_grid"));
  int wrong = 0;
  for (int trial = 0; trial < power_trials; ++trial) {
    const double slow = 2000 * std::exp(0.5 * stream.normal()), fast = 600 * std::exp(0.5 * stream.normal());
    Evidence evidence{{{{"slow", 0, {}}}, {{"fast", 0, {}}}}, {1, 2, 3}, config::Better::lower, grid};
    for (const std::uint64_t seed : evidence.seeds)
      for (const std::size_t arm : {0u, 1u}) {
        const double steps = (arm == 0 ? slow : fast) * std::exp(0.0001 * stream.normal());
        evidence.arms[arm][0].values[seed] = {grid * std::ceil(steps / grid), Bound::exact};
      }
    wrong += judge(criterion(CriterionType::ratio, slow / fast), evidence).verdict != Verdict::inconclusive;
  }
  EXPECT_LE(static_cast<double>(wrong) / power_trials, rate);
}

class BeyondTheThreshold : public testing::TestWithParam<Case> {};

// The true effect is on the claim's side by 0.6, about two standard deviations of a paired difference: how often is
// that found? More seeds find it more often; 10 nearly always.
TEST_P(BeyondTheThreshold, PowerGrowsWithSeeds) {
  double power = 0;
  for (const std::size_t seeds : {3u, 5u, 10u}) {
    const Rates rates = simulate(GetParam(), seeds, power_trials);
    RecordProperty("power_at_" + std::to_string(seeds), std::to_string(rates.reproduced));
    EXPECT_GT(rates.reproduced, power) << seeds << " seeds";
    EXPECT_LE(rates.not_reproduced, 0.001) << seeds << " seeds";
    power = rates.reproduced;
  }
  EXPECT_GT(power, 0.9);
}

INSTANTIATE_TEST_SUITE_P(
    Criteria, BeyondTheThreshold,
    testing::Values(Case{"difference", criterion(CriterionType::difference, 0.4), {{{2}, {1}}, 1}},
                    Case{"ratio", criterion(CriterionType::ratio, 3), {{{ln3 + 0.6}, {0}}, 3 * std::exp(0.6), true}},
                    Case{"equality", criterion(CriterionType::equality, 0.6), {{{1}, {1}}, 0}},
                    Case{"order", criterion(CriterionType::order), {{{0}, {0.6}, {1.2}}, 0.6}},
                    Case{"range_at_most", criterion(CriterionType::range, none, 1), {{{0, 0.2, 0.4}}, 0.4}},
                    Case{"range_at_least", criterion(CriterionType::range, 1), {{{0, 0.8, 1.6}}, 1.6}},
                    Case{"log_slope", criterion(CriterionType::log_slope, 0.2), {{{0.4, 0.8, 1.2, 1.6}}, 0.4, true}}),
    [](const auto& item) { return item.param.name; });

}  // namespace
}  // namespace bnlab::experiments
