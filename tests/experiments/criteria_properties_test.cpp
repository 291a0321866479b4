// What must hold of judge() whatever it gets: random criteria over random evidence, most of it broken.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/criteria.h"
#include "experiments/evidence_testing.h"
#include "util/random.h"

namespace bnlab::experiments {
namespace {

using config::Better;
using config::CriterionConfig;
using config::CriterionType;
using test::inf;
using test::nan;

constexpr CriterionType types[] = {CriterionType::value,    CriterionType::difference,     CriterionType::ratio,
                                   CriterionType::equality, CriterionType::order,          CriterionType::log_slope,
                                   CriterionType::range,    CriterionType::widest_interval};

/// Draws criteria and evidence.
class Generator {
 public:
  explicit Generator(std::string_view test) : stream_(1, RandomPurpose::noise, RandomStream::substream_of(test)) {}

  bool chance(double probability) { return stream_.uniform() < probability; }

  template <class T, std::size_t size>
  T one_of(const T (&values)[size]) {
    return values[stream_.below(size)];
  }

  CriterionConfig criterion() {
    static constexpr double thresholds[] = {-3, -0.5, 0, 0.1, 0.5, 1, 1, 2, 10, 1e300};
    CriterionConfig criterion;
    criterion.type = one_of(types);
    if (chance(0.6)) criterion.at_least = one_of(thresholds);
    if (chance(0.3)) criterion.at_most = one_of(thresholds);
    if (chance(0.8)) criterion.within = std::abs(one_of(thresholds));
    if (chance(0.95)) criterion.usable = 1;
    return criterion;
  }

  /// Well-formed for the criterion: numbers around 1, as many arms and points as it takes, up to 4 seeds, bounds.
  Evidence sound(CriterionType type) {
    const bool axis =
        type == CriterionType::log_slope || type == CriterionType::range || type == CriterionType::widest_interval;
    const bool one_arm = type == CriterionType::value || type == CriterionType::range;
    const std::size_t arms = one_arm                        ? 1
                             : type == CriterionType::order ? 2 + stream_.below(2)
                             : axis && chance(0.5)          ? 1
                                                            : 2;
    const std::size_t points = axis ? 2 + stream_.below(3) : 1;
    const std::size_t seeds = 2 + stream_.below(3);
    const double noise = chance(0.5) ? 0.01 : 1;
    Evidence evidence = shape(arms, points, seeds);
    for (auto& arm : evidence.arms) {
      for (std::size_t i = 0; i < arm.size(); ++i) {
        const double center = std::exp(stream_.normal());
        arm[i].axis = std::pow(2.0, static_cast<double>(i));
        for (const std::uint64_t seed : evidence.seeds) {
          Value& value = arm[i].values[seed];
          value = {center * std::exp(noise * stream_.normal()), chance(0.7) ? Bound::exact : bound()};
          if (value.bound == Bound::exact && chance(0.3)) value.between = around(value.value);
        }
      }
    }
    return evidence;
  }

  /// An interval that holds the number, wider on one side or on both.
  Interval around(double number) {
    return {number * (chance(0.3) ? 1 : stream_.uniform()), number * (chance(0.3) ? 1 : 1 + stream_.uniform())};
  }
  double normal() { return stream_.normal(); }
  double uniform() { return stream_.uniform(); }
  std::uint64_t below(std::uint64_t count) { return stream_.below(count); }

  /// Anything.
  Evidence broken() {
    static constexpr double numbers[] = {-1, 0, 0.5, 1, 1, 2, 2, 3};
    static constexpr double values[] = {-1, 0, -0.0, 1, 2, 2, 1e308, -1e308, 1e-3, 1e-320, nan, inf, inf, -inf};
    static constexpr double places[] = {0, 1, 1, 2, 3, 4, 10, -1, nan, inf, 1e200, 1e-200};
    Evidence evidence = shape(stream_.below(4), stream_.below(5), stream_.below(5));
    const bool only_numbers = chance(0.5);
    for (auto& arm : evidence.arms) {
      if (chance(0.05)) arm.clear();
      if (chance(0.3) && arm.size() > 1) arm.resize(1);
      for (std::size_t i = 0; i < arm.size(); ++i) {
        arm[i].axis = chance(0.5) ? static_cast<double>(i + 1) : one_of(places);
        for (const std::uint64_t seed : evidence.seeds) {
          if (chance(0.03)) continue;
          arm[i].values[seed] = {only_numbers ? one_of(numbers) : one_of(values), bound()};
        }
      }
    }
    if (chance(0.1) && !evidence.seeds.empty()) evidence.seeds.push_back(evidence.seeds.front());
    if (chance(0.05)) evidence.seeds.push_back(99);
    return evidence;
  }

 private:
  Bound bound() {
    static constexpr Bound bounds[] = {Bound::exact, Bound::exact, Bound::at_least, Bound::at_most};
    return one_of(bounds);
  }

  Evidence shape(std::size_t arms, std::size_t points, std::size_t seeds) {
    Evidence evidence;
    for (std::size_t arm = 0; arm < arms; ++arm) {
      evidence.arms.emplace_back(points);
      for (Point& point : evidence.arms.back()) point.label = "arm" + std::to_string(arm);
    }
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) evidence.seeds.push_back(seed * seed);
    evidence.better = chance(0.5) ? Better::higher : Better::lower;
    return evidence;
  }

  RandomStream stream_;
};

bool decides(const CriterionConfig& criterion) {
  if (criterion.type == CriterionType::order) return true;
  if (criterion.type == CriterionType::equality) return criterion.within.has_value();
  return criterion.at_least || criterion.at_most;
}

bool is_finite(const Evidence& evidence) {
  for (const auto& arm : evidence.arms)
    for (const Point& point : arm)
      for (const auto& [seed, value] : point.values)
        if (!std::isfinite(value.value)) return false;
  return true;
}

void expect_consistent(const CriterionConfig& criterion, const Evidence& evidence, const Judgement& judgement) {
  EXPECT_EQ(judgement.verdict == Verdict::reported, !decides(criterion));
  if (judgement.verdict != Verdict::reported) {
    const bool says_why = !judgement.explanation.empty() && !judgement.explanation.starts_with("no usable point");
    EXPECT_EQ(judgement.verdict == Verdict::reproduced, !says_why) << judgement.explanation;
  }
  EXPECT_EQ(judgement.explanation.find('\n'), std::string::npos);
  EXPECT_LT(judgement.explanation.size(), 300u) << judgement.explanation;
  if (judgement.verdict == Verdict::reproduced || judgement.verdict == Verdict::not_reproduced) {
    EXPECT_TRUE(judgement.interval);
    const std::set<std::uint64_t> asked(evidence.seeds.begin(), evidence.seeds.end());
    EXPECT_EQ(judgement.seeds, static_cast<std::int64_t>(asked.size()));
    EXPECT_GE(judgement.seeds, 2);
  }
  if (!judgement.interval) return;
  EXPECT_LE(judgement.interval->low, judgement.interval->high);
  if (std::isnan(judgement.effect)) return;
  EXPECT_LE(judgement.interval->low, judgement.effect);
  EXPECT_GE(judgement.interval->high, judgement.effect);
  // A bound leaves one end open; but of order, where the smallest difference is no larger than another's upper end.
  if (judgement.bound == Bound::at_least && criterion.type != CriterionType::order) {
    EXPECT_EQ(judgement.interval->high, inf);
  }
  if (judgement.bound == Bound::at_most) {
    const bool positive = criterion.type == CriterionType::ratio || criterion.type == CriterionType::widest_interval;
    EXPECT_EQ(judgement.interval->low, positive ? 0 : -inf);
  }
  if (judgement.bound == Bound::exact && is_finite(evidence) && std::isfinite(judgement.effect)) {
    EXPECT_TRUE(std::isfinite(judgement.interval->low));
  }
}

TEST(CriteriaProperties, AnyEvidenceIsJudged) {
  Generator generator("any evidence");
  std::set<std::pair<CriterionType, Verdict>> seen;
  for (int trial = 0; trial < 40000; ++trial) {
    const CriterionConfig criterion = generator.criterion();
    const Evidence evidence = generator.chance(0.3) ? generator.sound(criterion.type) : generator.broken();
    Judgement judgement;
    ASSERT_NO_THROW(judgement = judge(criterion, evidence));
    expect_consistent(criterion, evidence, judgement);
    ASSERT_FALSE(HasFailure()) << "trial " << trial << ", type " << static_cast<int>(criterion.type);
    seen.insert({criterion.type, judgement.verdict});
  }
  // Each kind came to each verdict; order has no way to be reported.
  EXPECT_EQ(seen.size(), std::size(types) * 4 - 1);
}

void expect_close(double value, double expected) {
  if (std::isinf(expected) || std::isnan(expected)) {
    EXPECT_EQ(std::isnan(value), std::isnan(expected));
    EXPECT_EQ(std::isinf(value) ? value : 0, std::isinf(expected) ? expected : 0);
  } else {
    EXPECT_NEAR(value, expected, 1e-9 * std::max(1.0, std::abs(expected)));
  }
}

Bound turned(Bound bound) {
  return bound == Bound::exact ? bound : bound == Bound::at_least ? Bound::at_most : Bound::at_least;
}

TEST(CriteriaProperties, SwappedArmsTurnTheEffect) {
  Generator generator("swapped arms");
  for (int trial = 0; trial < 4000; ++trial) {
    for (const CriterionType type : {CriterionType::difference, CriterionType::equality, CriterionType::ratio,
                                     CriterionType::log_slope, CriterionType::widest_interval}) {
      CriterionConfig criterion;
      criterion.type = type;
      criterion.usable = 1;
      const Evidence evidence = generator.sound(type);
      if (evidence.arms.size() != 2) continue;
      Evidence swapped = evidence;
      std::swap(swapped.arms[0], swapped.arms[1]);
      const bool logarithmic = type == CriterionType::ratio || type == CriterionType::widest_interval;
      const auto turn = [&](double x) { return logarithmic ? 1 / x : -x; };
      const Judgement judgement = judge(criterion, evidence);
      const Judgement other = judge(criterion, swapped);
      expect_close(other.effect, turn(judgement.effect));
      EXPECT_EQ(other.bound, turned(judgement.bound));
      ASSERT_EQ(other.interval.has_value(), judgement.interval.has_value());
      if (judgement.interval) {
        expect_close(other.interval->low, turn(judgement.interval->high));
        expect_close(other.interval->high, turn(judgement.interval->low));
      }
      ASSERT_FALSE(HasFailure()) << "trial " << trial << ", type " << static_cast<int>(type);
    }
  }
}

TEST(CriteriaProperties, AnEasierThresholdIsReproducedToo) {
  Generator generator("easier threshold");
  int reproduced = 0;
  for (int trial = 0; trial < 10000; ++trial) {
    CriterionConfig criterion = generator.criterion();
    const Evidence evidence = generator.sound(criterion.type);
    if (judge(criterion, evidence).verdict != Verdict::reproduced) continue;
    ++reproduced;
    if (criterion.at_least) *criterion.at_least -= 0.5;
    if (criterion.at_most) *criterion.at_most += 0.5;
    if (criterion.within) *criterion.within += 0.5;
    ASSERT_EQ(judge(criterion, evidence).verdict, Verdict::reproduced) << "trial " << trial;
  }
  EXPECT_GT(reproduced, 500);
}

/// What a bound's true value could have been.
Evidence completed(Evidence evidence, Generator& generator) {
  static constexpr double factors[] = {1, 1.5, 20, inf};
  for (auto& arm : evidence.arms)
    for (Point& point : arm)
      for (auto& [seed, value] : point.values) {
        const double factor = generator.one_of(factors);
        if (value.bound == Bound::at_least) value.value *= factor;
        if (value.bound == Bound::at_most) value.value /= factor;
        if (value.between)
          value.value = value.between->low + generator.uniform() * (value.between->high - value.between->low);
        value = {value.value};
      }
  return evidence;
}

TEST(CriteriaProperties, NoTrueValuesOfBoundsTurnAVerdictRound) {
  Generator generator("true values");
  int decided = 0;
  for (int trial = 0; trial < 10000; ++trial) {
    const CriterionConfig criterion = generator.criterion();
    const Evidence evidence = generator.sound(criterion.type);
    const Verdict verdict = judge(criterion, evidence).verdict;
    if (verdict != Verdict::reproduced && verdict != Verdict::not_reproduced) continue;
    ++decided;
    const Verdict wrong = verdict == Verdict::reproduced ? Verdict::not_reproduced : Verdict::reproduced;
    for (int completion = 0; completion < 4; ++completion)
      ASSERT_NE(name_of(judge(criterion, completed(evidence, generator)).verdict), name_of(wrong)) << "trial " << trial;
  }
  EXPECT_GT(decided, 1000);
}

// ---- seeds that are intervals

constexpr CriterionType of_two_arms[] = {CriterionType::difference, CriterionType::ratio, CriterionType::order};

/// Two arms of numbers around 10, one of the second's seeds apart.
Evidence two_arms(Generator& generator, std::size_t seeds, const std::function<Value(bool is_first_arm)>& value) {
  Evidence evidence;
  for (const bool is_first : {true, false}) {
    Point point{is_first ? "a" : "b", 0, {}};
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) point.values[seed] = value(is_first);
    evidence.arms.push_back({point});
  }
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) evidence.seeds.push_back(seed);
  if (generator.chance(0.5)) std::swap(evidence.arms[0], evidence.arms[1]);
  return evidence;
}

Value point_of(Generator& generator) { return {10 * std::exp(0.3 * generator.normal())}; }

Value interval_of(Generator& generator) {
  Value value = point_of(generator);
  value.between = generator.around(value.value);
  return value;
}

void expect_holds(const Judgement& outer, const Judgement& inner) {
  ASSERT_TRUE(outer.interval && inner.interval);
  const auto tiny = [](double x) { return 1e-9 * std::abs(x); };
  EXPECT_LE(outer.interval->low, inner.interval->low + tiny(inner.interval->low));
  EXPECT_GE(outer.interval->high, inner.interval->high - tiny(inner.interval->high));
}

/// The values at the same part of the way from each seed's low end to its high end, in logarithms or not; in the second
/// arm from its high end to its low end.
Evidence part_way(Evidence evidence, double part, bool in_logarithms) {
  for (std::size_t arm = 0; arm < evidence.arms.size(); ++arm)
    for (auto& [seed, value] : evidence.arms[arm][0].values) {
      Interval ends = known(value);
      if (arm == 1) std::swap(ends.low, ends.high);
      value = {in_logarithms ? ends.low * std::pow(ends.high / ends.low, part)
                             : ends.low + part * (ends.high - ends.low)};
    }
  return evidence;
}

TEST(CriteriaProperties, TheIntervalHoldsStudentsBetweenTheEndsAndTheMeanOfAnyTrueValues) {
  Generator generator("interval of intervals");
  for (int trial = 0; trial < 4000; ++trial)
    for (const CriterionType type : {CriterionType::difference, CriterionType::ratio}) {
      const CriterionConfig criterion = test::criterion(type);
      const Evidence evidence =
          two_arms(generator, 2 + generator.below(9), [&](bool) { return interval_of(generator); });
      const Judgement judgement = judge(criterion, evidence);
      for (const double part : {0.0, generator.uniform(), 1.0})
        expect_holds(judgement, judge(criterion, part_way(evidence, part, type == CriterionType::ratio)));
      const double mean = judge(criterion, completed(evidence, generator)).effect;
      EXPECT_LE(judgement.interval->low, mean);
      EXPECT_GE(judgement.interval->high, mean);
      ASSERT_FALSE(HasFailure()) << "trial " << trial << ", type " << static_cast<int>(type);
    }
}

TEST(CriteriaProperties, ASeedThatDiffersFromTheOthersWidens) {
  Generator generator("one seed differs");
  for (int trial = 0; trial < 4000; ++trial)
    for (const CriterionType type : of_two_arms) {
      const CriterionConfig criterion = test::criterion(type);
      const Value first = interval_of(generator), second = interval_of(generator);
      Evidence evidence = two_arms(generator, 2 + generator.below(9), [&](bool is_a) { return is_a ? first : second; });
      const Judgement alike = judge(criterion, evidence);
      Value& differs = evidence.arms[generator.below(2)][0].values[1 + generator.below(evidence.seeds.size())];
      differs = generator.chance(0.2) ? Value{differs.value, Bound::at_least} : interval_of(generator);
      expect_holds(judge(criterion, evidence), alike);
      ASSERT_FALSE(HasFailure()) << "trial " << trial << ", type " << static_cast<int>(type);
    }
}

TEST(CriteriaProperties, KnowingLessOfOneSeedWidens) {
  Generator generator("one seed is an interval");
  for (int trial = 0; trial < 4000; ++trial)
    for (const CriterionType type : of_two_arms) {
      const CriterionConfig criterion = test::criterion(type);
      Evidence evidence = two_arms(generator, 2 + generator.below(9), [&](bool) { return point_of(generator); });
      const Judgement points = judge(criterion, evidence);
      Value& wide = evidence.arms[generator.below(2)][0].values[1 + generator.below(evidence.seeds.size())];
      wide.between = generator.around(wide.value);
      expect_holds(judge(criterion, evidence), points);
      ASSERT_FALSE(HasFailure()) << "trial " << trial << ", type " << static_cast<int>(type);
    }
}

}  // namespace
}  // namespace bnlab::experiments
