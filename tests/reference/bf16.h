#pragma once
// bfloat16: the sign, the exponent and the first 8 significant bits of a float.

#include <cmath>

#include "reference/array.h"

namespace bnlab::reference {

/// The nearest bf16, ties to even. Requires a value in the normal range of floats, or zero.
inline double to_bf16(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);  // |value| in [2^(exponent - 1), 2^exponent)
  return std::ldexp(std::nearbyint(std::ldexp(value, 8 - exponent)), exponent - 8);
}

inline Array to_bf16(Array array) {
  for (double& value : array.values) value = to_bf16(value);
  return array;
}

}  // namespace bnlab::reference
