#include "probes/percentiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace bnlab::probes {
namespace {

std::array<double, percentiles.size()> by_sorting(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  std::array<double, percentiles.size()> result{};
  for (std::size_t i = 0; i < percentiles.size(); ++i) {
    const double position = percentiles[i] * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const auto low = static_cast<double>(values[below]);
    const auto high = static_cast<double>(values[std::min(below + 1, values.size() - 1)]);
    result[i] = low + (position - static_cast<double>(below)) * (high - low);
  }
  return result;
}

// One finder for all: nothing is left over from the values before.
TEST(Percentiles, AreThoseOfSortedValues) {
  std::mt19937_64 generator(3);
  std::normal_distribution<float> normal;
  const float largest = std::numeric_limits<float>::max(), smallest = std::numeric_limits<float>::denorm_min();
  const std::vector<std::pair<const char*, std::function<float()>>> kinds{
      {"normal", [&] { return normal(generator); }},
      {"rectified", [&] { return std::max(0.0f, normal(generator)); }},
      {"nearly equal", [&] { return 1.0f + 1e-7f * static_cast<float>(generator() % 5); }},
      {"equal", [&] { return -2.5f; }},
      {"of all sizes", [&] { return normal(generator) * std::exp2(static_cast<float>(generator() % 200) - 100.0f); }},
      {"at the ends", [&] {
         const float ends[] = {
             -largest, largest, smallest, -smallest, 0.0f, -0.0f, std::numeric_limits<float>::infinity()};
         return ends[generator() % 7];
       }}};
  PercentileFinder finder;
  for (const auto& [name, draw] : kinds)
    for (const std::size_t count : {1u, 2u, 3u, 20u, 21u, 1000u, 50001u}) {
      std::vector<float> values(count);
      std::generate(values.begin(), values.end(), draw);
      const auto found = finder.find(values), expected = by_sorting(values);
      for (std::size_t i = 0; i < percentiles.size(); ++i) {
        if (std::isnan(expected[i])) {  // between -inf and inf, or inf and inf
          EXPECT_TRUE(std::isnan(found[i])) << name << " " << count;
        } else {
          EXPECT_EQ(found[i], expected[i]) << name << " " << count;
        }
      }
    }
}

TEST(Percentiles, OfNoNumberAreNone) {
  PercentileFinder finder;
  std::vector<float> values(100, 1.0f);
  values[37] = std::numeric_limits<float>::quiet_NaN();
  for (const double value : finder.find(values)) EXPECT_TRUE(std::isnan(value));
  values[37] = 1.0f;
  for (const double value : finder.find(values)) EXPECT_EQ(value, 1.0);
}

}  // namespace
}  // namespace bnlab::probes
