#pragma once
// How wide the usable part of an axis is, and what is known of that between its points.

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/criteria.h"

namespace bnlab::experiments {

/// "" where widths can be measured along the axis: its places are positive, finite and different. `points` in its
/// order.
std::string problem_of_axis(const std::vector<Point>& points);

/// Whether no seed is usable at any point.
bool is_usable_nowhere(const std::vector<Point>& points, double usable, config::Better better);

/// One seed's width, last / first of the widest run of neighbouring points that are all usable: those whose value is
/// `usable` or better. Not finite is not usable. 1 where no point is usable, or one alone.
///
/// What lies between two usable neighbours is taken to be usable. Between a usable and an unusable one the usable part
/// may end anywhere, and between two unusable ones there may be a usable part that no point shows. So the width lies
/// between that of the points and the widest ratio of two unusable points without an unusable one between them; it is
/// "at least" where the usable part may reach an end of the axis, beyond which nothing is known. What lies beyond an
/// end that is not usable is taken not to be usable. A width is never below 1.
///
/// Requires problem_of_axis() to be "", and a value of each point for the seed.
Value usable_width(const std::vector<Point>& points, std::uint64_t seed, double usable, config::Better better);

}  // namespace bnlab::experiments
