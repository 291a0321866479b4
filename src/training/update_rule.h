#pragma once
// What an optimizer does with the values of one parameter.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace bnlab::training {

inline constexpr std::size_t most_arrays = 2;

/// The formula of an optimizer. Arrays that it keeps lie as the parameters do and begin with zeros.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;
  /// Names of those arrays ("velocity"), at most `most_arrays`.
  virtual std::vector<std::string> arrays() const = 0;
  /// Once before the updates of a `step` (from 1).
  virtual void begin_step(double learning_rate, std::int64_t step) = 0;
  /// Updates w by the gradient g + decay * w, `length` values each, and the same values of its arrays, with
  /// rate_factor times the step's rate. Threads share a step.
  virtual void update(float* w, const float* g, std::span<float* const> arrays, std::size_t length, float decay,
                      float rate_factor) const = 0;
};

/// The nearest finite float: with a rate beyond f32 the parameters leave it, but zeros in padding stay zeros.
inline float to_float(double value) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -most, most));
}

}  // namespace bnlab::training
