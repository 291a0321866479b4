#include "util/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bnlab {
namespace {

/// "15,900".
std::string with_commas(std::string digits) {
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  if (digits.size() - first > 3)
    for (std::size_t place = digits.size() - 3; place > first; place -= std::min<std::size_t>(3, place - first))
      digits.insert(place, ",");
  return digits;
}

std::string non_finite(double value) { return std::isnan(value) ? "nan" : value > 0 ? "∞" : "-∞"; }

}  // namespace

std::string with_digits(double value, int digits) {
  if (!std::isfinite(value)) return non_finite(value);
  const double size = std::abs(value);
  if (size >= std::pow(10, digits) && size < 1e6) {
    const double last = std::pow(10, std::floor(std::log10(size)) - (digits - 1));
    return with_commas(fmt::format("{:.0f}", std::round(value / last) * last));
  }
  std::string text = fmt::format("{:.{}g}", value, digits);
  if (const std::size_t zero = text.find("e-0"); zero != std::string::npos) text.erase(zero + 2, 1);
  if (const std::size_t plus = text.find("e+"); plus != std::string::npos)
    text.erase(plus + 1, text[plus + 2] == '0' ? 2 : 1);
  return text.find_first_not_of("-0123456789") == std::string::npos ? with_commas(text) : text;
}

std::string with_decimals(double value, int decimals) {
  if (!std::isfinite(value)) return non_finite(value);
  std::string text = fmt::format("{:.{}f}", value, decimals);
  const bool is_zero = text.find_first_not_of("-0.") == std::string::npos;
  return is_zero && text.front() == '-' ? text.substr(1) : text;
}

}  // namespace bnlab
