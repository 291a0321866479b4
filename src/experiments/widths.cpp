#include "experiments/widths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bnlab::experiments {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

enum class Use { yes, no, unknown };

Use use_of(const Value& value, double usable, config::Better better) {
  if (!std::isfinite(value.value)) return Use::no;
  const Interval all = known(value);
  if (better == config::Better::higher) {
    if (all.low >= usable) return Use::yes;
    return all.high < usable ? Use::no : Use::unknown;
  }
  if (all.high <= usable) return Use::yes;
  // A number of steps lies above its low end: a level that was not reached at a step is reached later.
  const bool is_above = all.low > usable || (all.low == usable && all.high > all.low);
  return is_above ? Use::no : Use::unknown;
}

}  // namespace

std::string problem_of_axis(const std::vector<Point>& points) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!(points[i].axis > 0 && std::isfinite(points[i].axis)))
      return fmt::format("\"{}\" has the value {:.4g} on its axis, which must be positive", points[i].label,
                         points[i].axis);
    if (i > 0 && points[i].axis == points[i - 1].axis)
      return fmt::format("\"{}\" and \"{}\" have the same value on the axis", points[i - 1].label, points[i].label);
  }
  return "";
}

bool is_usable_nowhere(const std::vector<Point>& points, double usable, config::Better better) {
  for (const Point& point : points)
    for (const auto& [seed, value] : point.values)
      if (use_of(value, usable, better) != Use::no) return false;
  return true;
}

Value usable_width(const std::vector<Point>& points, std::uint64_t seed, double usable, config::Better better) {
  double low = 1, high = 1;
  const Point* first = nullptr;   // of the run of usable points
  const Point* before = nullptr;  // the last unusable point
  bool is_open = false;           // no unusable point lies between the beginning of the axis and a usable one
  for (const Point& point : points) {
    const Use use = use_of(point.values.at(seed), usable, better);
    if (use == Use::yes) {
      if (first == nullptr) first = &point;
      low = std::max(low, point.axis / first->axis);
    } else {
      first = nullptr;
    }
    if (use != Use::no) {
      if (before == nullptr || &point == &points.back()) is_open = true;
      continue;
    }
    if (before != nullptr) high = std::max(high, point.axis / before->axis);
    before = &point;
  }
  if (is_open) high = infinity;
  return {.value = low, .bound = is_open ? Bound::at_least : Bound::exact, .between = Interval{low, high}};
}

}  // namespace bnlab::experiments
