#include "probes/percentiles.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "util/target_clones.h"

namespace bnlab::probes {
namespace {

constexpr std::size_t wide = std::size_t{1} << 12;  // values of the first and of the second 12 bits
constexpr std::size_t narrow = std::size_t{1} << 8;
// Values that come one after another are often alike; counted in turn in several copies they don't wait for each other.
constexpr std::size_t copies = 4;

// Grows with the value; -0 comes just before 0.
std::uint32_t key_of(float value) {
  const auto raw = std::bit_cast<std::uint32_t>(value);
  return raw >> 31 != 0 ? ~raw : raw | (std::uint32_t{1} << 31);
}

float value_of(std::uint32_t key) {
  return std::bit_cast<float>(key >> 31 != 0 ? key & ~(std::uint32_t{1} << 31) : ~key);
}

std::size_t first_bits(std::uint32_t key) { return key >> 20; }
std::size_t second_bits(std::uint32_t key) { return key >> 8 & (wide - 1); }
std::size_t third_bits(std::uint32_t key) { return key & (narrow - 1); }

BNLAB_TARGET_CLONES
bool has_nan(const float* values, std::size_t count) {
  int found = 0;
  for (std::size_t i = 0; i < count; ++i) found |= static_cast<int>(values[i] != values[i]);
  return found != 0;
}

/// An order statistic, as far as it is known.
struct Wanted {
  std::size_t rank = 0;  // among the values that agree with the bits found so far
  std::uint32_t key = 0;
  std::size_t group = 0;

  /// Finds the next bits from how many values have each.
  std::size_t narrow_down(const std::uint32_t* counts) {
    std::size_t bits = 0;
    for (; rank >= counts[bits]; ++bits) rank -= counts[bits];
    return bits;
  }
};

}  // namespace

PercentileFinder::PercentileFinder()
    : first_counts_(copies * wide),
      second_counts_(most_groups * wide),
      third_counts_(most_groups * narrow),
      first_group_(wide),
      second_group_(most_groups * wide) {}

std::array<double, percentiles.size()> PercentileFinder::find(std::span<const float> values) {
  std::array<double, percentiles.size()> result{};
  if (has_nan(values.data(), values.size())) {
    result.fill(std::numeric_limits<double>::quiet_NaN());  // NaN has no place in an order
    return result;
  }
  // Each percentile lies between the order statistics of a rank and the next.
  std::array<Wanted, 2 * percentiles.size()> wanted{};
  const auto position_of = [&](std::size_t i) { return percentiles[i] * static_cast<double>(values.size() - 1); };
  for (std::size_t i = 0; i < percentiles.size(); ++i) {
    wanted[2 * i].rank = static_cast<std::size_t>(position_of(i));
    wanted[2 * i + 1].rank = std::min(wanted[2 * i].rank + 1, values.size() - 1);
  }

  std::fill(first_counts_.begin(), first_counts_.end(), 0u);
  for (std::size_t i = 0; i < values.size(); ++i) ++first_counts_[i % copies * wide + first_bits(key_of(values[i]))];
  for (std::size_t copy = 1; copy < copies; ++copy)
    for (std::size_t bits = 0; bits < wide; ++bits) first_counts_[bits] += first_counts_[copy * wide + bits];
  std::fill(first_group_.begin(), first_group_.end(), Group{0});
  std::size_t groups = 1;
  for (Wanted& one : wanted) {
    const std::size_t bits = one.narrow_down(first_counts_.data());
    if (first_group_[bits] == 0) first_group_[bits] = static_cast<Group>(groups++);
    one.group = first_group_[bits];
    one.key = static_cast<std::uint32_t>(bits << 20);
  }

  std::fill_n(second_counts_.begin(), groups * wide, 0u);
  for (const float value : values) {
    const std::uint32_t key = key_of(value);
    ++second_counts_[first_group_[first_bits(key)] * wide + second_bits(key)];
  }
  std::fill_n(second_group_.begin(), groups * wide, Group{0});
  std::size_t small_groups = 1;
  for (Wanted& one : wanted) {
    const std::size_t bits = one.narrow_down(&second_counts_[one.group * wide]);
    Group& group = second_group_[one.group * wide + bits];
    if (group == 0) group = static_cast<Group>(small_groups++);
    one.group = group;
    one.key |= static_cast<std::uint32_t>(bits << 8);
  }

  std::fill_n(third_counts_.begin(), small_groups * narrow, 0u);
  for (const float value : values) {
    const std::uint32_t key = key_of(value);
    const std::size_t group = second_group_[first_group_[first_bits(key)] * wide + second_bits(key)];
    ++third_counts_[group * narrow + third_bits(key)];
  }
  for (Wanted& one : wanted) one.key |= static_cast<std::uint32_t>(one.narrow_down(&third_counts_[one.group * narrow]));

  for (std::size_t i = 0; i < percentiles.size(); ++i) {
    const auto low = static_cast<double>(value_of(wanted[2 * i].key));
    const auto high = static_cast<double>(value_of(wanted[2 * i + 1].key));
    const double position = position_of(i);
    result[i] = low + (position - static_cast<double>(static_cast<std::size_t>(position))) * (high - low);
  }
  return result;
}

}  // namespace bnlab::probes
