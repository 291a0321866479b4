#pragma once
// Derivatives by central differences, for whatever can be called again with a changed input.

#include <cstdint>

#include "reference/array.h"

namespace bnlab::reference {

/// df/dx[index] by central differences of fourth order: [f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)] / (12 h). The error
/// is h^4 f'''''/30 and about 2e-16 |f| / h of rounding. `f()` reads `x`, which is as before on return. There must be
/// no kink within 2h.
template <typename Function>
double central_difference(const Function& f, double& x, double h = 1e-3) {
  const double centre = x;
  const auto at = [&](double offset) {
    x = centre + offset;
    return f();
  };
  const double derivative = (at(-2.0 * h) - 8.0 * at(-h) + 8.0 * at(h) - at(2.0 * h)) / (12.0 * h);
  x = centre;
  return derivative;
}

/// df/dx for each element of `x`, with x's shape.
template <typename Function>
Array numeric_gradient(const Function& f, Array& x, double h = 1e-3) {
  Array gradient = zeros(x.shape);
  for (std::size_t i = 0; i < x.values.size(); ++i) gradient.values[i] = central_difference(f, x.values[i], h);
  return gradient;
}

/// d/dt f(x + t direction) at t = 0: one number that checks a whole gradient g, as it equals dot(g, direction).
template <typename Function>
double directional_derivative(const Function& f, Array& x, const Array& direction, double h = 1e-3) {
  require(x.size() == direction.size(), "direction " + to_string(direction.shape) + " at " + to_string(x.shape));
  const Array centre = x;
  double t = 0.0;
  const auto along = [&] {
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] = centre.values[i] + t * direction.values[i];
    return f();
  };
  const double derivative = central_difference(along, t, h);
  x = centre;
  return derivative;
}

}  // namespace bnlab::reference
