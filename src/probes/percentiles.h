#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bnlab::probes {

constexpr std::array percentiles{0.05, 0.15, 0.50, 0.85, 0.95};

/// Percentiles of many values without sorting them: the bits of the wanted order statistics are found from the first to
/// the last, 12, 12 and 8 at a time, by counting how many values have each (radix selection). Three passes over the
/// values, whatever they are.
class PercentileFinder {
 public:
  PercentileFinder();
  /// Exact, by linear interpolation between order statistics (numpy's default); all NaN where a value is. Requires at
  /// least one value.
  std::array<double, percentiles.size()> find(std::span<const float> values);

 private:
  // Of values that agree in the bits found so far, those of one wanted order statistic or several; 0: of no one.
  using Group = std::uint8_t;
  static constexpr std::size_t most_groups = 2 * percentiles.size() + 1;

  std::vector<std::uint32_t> first_counts_, second_counts_, third_counts_;  // (copies or groups, values of the bits)
  std::vector<Group> first_group_, second_group_;                           // (groups, values of the bits)
};

}  // namespace bnlab::probes
