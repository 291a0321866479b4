#pragma once
#include <cstddef>
#include <utility>

namespace bnlab::training {

/// Sums that a vector unit adds up side by side.
inline constexpr std::size_t lanes = 16;

/// sum_i a[i]^2 and sum_i b[i]^2, in one loop as neither waits for the other. Exact to a few ulp of f32 where `length`
/// is at most some thousands. Not finite only where a value is not: squares of finite values beyond 1e19 are summed in
/// f64. Requires a length that is a multiple of `lanes`.
std::pair<double, double> sums_of_squares(const float* a, const float* b, std::size_t length);

}  // namespace bnlab::training
