#include "experiments/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "experiments/evidence_testing.h"

namespace bnlab::experiments {
namespace {

using config::CriterionType;
using nlohmann::json;

const json& golden() {
  static const json values = json::parse(std::ifstream(BNLAB_SOURCE_DIR "/tests/golden/statistics.json"));
  return values;
}

/// Compares with {"mean", "interval"}.
void expect_golden(double mean, const Interval& interval, const json& expected, const std::string& what) {
  const double low = expected["interval"][0];
  const double high = expected["interval"][1];
  // scipy 1.10's quantiles are right to about 1e-9: t(1 degree, 99.95 %) is tan(0.4995 pi) = 636.619248769, scipy has
  // 636.619249432. The next tests ask for more.
  const double tolerance = 3e-9 * (high - low);
  EXPECT_NEAR(mean, expected["mean"], 1e-12 * std::abs(mean)) << what;
  EXPECT_NEAR(interval.low, low, tolerance) << what;
  EXPECT_NEAR(interval.high, high, tolerance) << what;
}

TEST(MeanInterval, AgreesWithScipy) {
  ASSERT_EQ(golden()["means"].size(), 15u);
  for (const json& row : golden()["means"]) {
    const auto values = row["values"].get<std::vector<double>>();
    const MeanInterval result = mean_interval(values, row["confidence"]);
    expect_golden(result.mean, result.interval, row, row.dump());
  }
}

TEST(MeanInterval, QuantilesInClosedForm) {
  for (const double confidence : {0.5, 0.95, 0.999, 1 - 1e-6}) {
    const double one_degree = std::tan(std::numbers::pi * confidence / 2);
    const double two_degrees = confidence * std::sqrt(2 / (1 - confidence * confidence));
    // 1 - confidence loses digits.
    const double tolerance = 1e-15 / (1 - confidence);
    EXPECT_NEAR(mean_interval(std::vector{-1.0, 1.0}, confidence).interval.high, one_degree, tolerance * one_degree);
    // Variance 1: the half width is t / sqrt(3).
    EXPECT_NEAR(mean_interval(std::vector{-1.0, 0.0, 1.0}, confidence).interval.high, two_degrees / std::sqrt(3.0),
                tolerance * two_degrees);
  }
}

TEST(MeanInterval, EqualValuesHaveNoWidth) {
  const MeanInterval result = mean_interval(std::vector(7, 0.1));
  EXPECT_EQ(result.mean, 0.1);
  EXPECT_EQ(result.interval.low, 0.1);
  EXPECT_EQ(result.interval.high, 0.1);
}

TEST(MeanInterval, ShiftsAndScalesWithItsValues) {
  const std::vector<double> values = {0.5, 0.75, 1.5, -0.25};
  std::vector<double> moved;
  for (const double value : values) moved.push_back(1024 + 4 * value);
  const MeanInterval plain = mean_interval(values);
  const MeanInterval other = mean_interval(moved);
  EXPECT_DOUBLE_EQ(other.mean, 1024 + 4 * plain.mean);
  EXPECT_DOUBLE_EQ(other.interval.low, 1024 + 4 * plain.interval.low);
  EXPECT_DOUBLE_EQ(other.interval.high, 1024 + 4 * plain.interval.high);
}

TEST(MeanInterval, RefusesWhatHasNone) {
  EXPECT_THROW(mean_interval({}), std::logic_error);
  EXPECT_THROW(mean_interval(std::vector{1.0}), std::logic_error);
  for (const double value : {test::nan, test::inf, -test::inf})
    EXPECT_THROW(mean_interval(std::vector{1.0, value}), std::logic_error);
  for (const double confidence : {0.0, 1.0, -0.5, test::nan})
    EXPECT_THROW(mean_interval(std::vector{1.0, 2.0}, confidence), std::logic_error);
}

TEST(Criteria, PairsAgreeWithScipy) {
  ASSERT_EQ(golden()["pairs"].size(), 3u);
  for (const json& row : golden()["pairs"]) {
    const Evidence evidence = test::arms(
        {test::Values(row["a"].get<std::vector<double>>()), test::Values(row["b"].get<std::vector<double>>())});
    for (const auto& [type, name] :
         {std::pair(CriterionType::difference, "difference"), std::pair(CriterionType::equality, "difference"),
          std::pair(CriterionType::ratio, "ratio")}) {
      const Judgement judgement = judge(test::criterion(type), evidence);
      ASSERT_TRUE(judgement.interval) << judgement.explanation;
      expect_golden(judgement.effect, *judgement.interval, row[name], row.dump());
    }
  }
}

TEST(Criteria, LogSlopeAgreesWithScipy) {
  const json& row = golden()["log_slope"];
  const auto arm = [&](const char* series) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < row["axis"].size(); ++i) {
      std::vector<double> values;
      for (const json& seed : row[series]) values.push_back(seed[i]);
      points.push_back(test::point("x", test::Values(values), row["axis"][i]));
    }
    return points;
  };
  const Judgement one = judge(test::criterion(CriterionType::log_slope), test::of_arms({arm("series")}));
  ASSERT_TRUE(one.interval) << one.explanation;
  expect_golden(one.effect, *one.interval, row["slope"], "slope");
  const Judgement two = judge(test::criterion(CriterionType::log_slope), test::of_arms({arm("series"), arm("other")}));
  ASSERT_TRUE(two.interval) << two.explanation;
  expect_golden(two.effect, *two.interval, row["difference"], "difference of slopes");
}

}  // namespace
}  // namespace bnlab::experiments
