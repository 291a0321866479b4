#pragma once
// Short forms for criteria and their evidence.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/criteria.h"

namespace bnlab::experiments::test {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

inline Value at_least(double value) { return {value, Bound::at_least}; }
inline Value at_most(double value) { return {value, Bound::at_most}; }

/// One value of each of the seeds 1, 2, ...
struct Values : std::vector<Value> {
  Values(std::initializer_list<Value> values) : vector(values) {}
  Values(std::initializer_list<double> values) {
    for (const double value : values) push_back({value, Bound::exact});
  }
  explicit Values(const std::vector<double>& values) {
    for (const double value : values) push_back({value, Bound::exact});
  }
};

inline Point point(std::string label, const Values& values, double axis = 0) {
  Point point{std::move(label), axis, {}};
  for (std::size_t i = 0; i < values.size(); ++i) point.values[i + 1] = values[i];
  return point;
}

/// Seeds 1 to the number of values of the first point.
inline Evidence of_arms(std::vector<std::vector<Point>> arms) {
  Evidence evidence;
  evidence.arms = std::move(arms);
  for (std::size_t seed = 1; seed <= evidence.arms.at(0).at(0).values.size(); ++seed) evidence.seeds.push_back(seed);
  return evidence;
}

/// Arms "a", "b", ... without an axis.
inline Evidence arms(const std::vector<Values>& values) {
  std::vector<std::vector<Point>> all;
  for (const Values& arm : values) all.push_back({point(std::string(1, static_cast<char>('a' + all.size())), arm)});
  return of_arms(std::move(all));
}

/// One arm along an axis, its points "NAME[1]", "NAME[2]", ...
inline std::vector<Point> along(const std::string& name, const std::vector<std::pair<double, Values>>& points) {
  std::vector<Point> arm;
  for (const auto& [axis, values] : points)
    arm.push_back(point(name + "[" + std::to_string(arm.size() + 1) + "]", values, axis));
  return arm;
}

inline config::CriterionConfig criterion(config::CriterionType type) {
  config::CriterionConfig result;
  result.type = type;
  return result;
}

inline config::CriterionConfig criterion(config::CriterionType type, std::optional<double> least,
                                         std::optional<double> most = std::nullopt) {
  config::CriterionConfig result = criterion(type);
  (type == config::CriterionType::equality ? result.within : result.at_least) = least;
  result.at_most = most;
  return result;
}

inline constexpr auto none = std::nullopt;

/// Half width of the interval of 3 values whose standard deviation is 1; t of 2 degrees of freedom in closed form.
inline double half_width(double confidence) {
  return confidence * std::sqrt(2 / (1 - confidence * confidence)) / std::sqrt(3.0);
}
inline const double t3 = half_width(0.95);

inline void expect_near(double value, double expected) {
  if (std::isinf(expected)) {
    EXPECT_EQ(value, expected);
  } else {
    EXPECT_NEAR(value, expected, 1e-12 * std::max(1.0, std::abs(expected)));
  }
}

inline void expect_judgement(const Judgement& judgement, Verdict verdict, const std::string& explanation) {
  EXPECT_EQ(name_of(judgement.verdict), name_of(verdict));
  EXPECT_EQ(judgement.explanation, explanation);
}

inline void expect_effect(const Judgement& judgement, double effect, double low, double high,
                          Bound bound = Bound::exact) {
  expect_near(judgement.effect, effect);
  ASSERT_TRUE(judgement.interval);
  expect_near(judgement.interval->low, low);
  expect_near(judgement.interval->high, high);
  EXPECT_EQ(judgement.bound, bound);
}

}  // namespace bnlab::experiments::test
