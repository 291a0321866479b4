#pragma once
// Numbers as people read them.

#include <string>

namespace bnlab {

/// `digits` significant digits: "0.8712", "15,900", "1e-5".
std::string with_digits(double value, int digits);

/// `decimals` digits after the point: "96.91"; never "-0.00".
std::string with_decimals(double value, int decimals);

}  // namespace bnlab
