#include "experiments/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <stdexcept>

namespace bnlab::experiments {

MeanInterval mean_interval(std::span<const double> values, double confidence) {
  if (values.size() < 2) throw std::logic_error("mean_interval: at least 2 values are needed");
  if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); }))
    throw std::logic_error("mean_interval: the values must be finite");
  if (!(confidence > 0 && confidence < 1)) throw std::logic_error("mean_interval: the confidence must be in (0, 1)");
  const auto count = static_cast<double>(values.size());
  const double first = values.front();  // subtracted, so that rounding gives equal values no variance
  double sum = 0;
  for (const double value : values) sum += value - first;
  const double shift = sum / count;
  double squares = 0;
  for (const double value : values) squares += (value - first - shift) * (value - first - shift);
  const double mean = first + shift;
  const boost::math::students_t distribution(count - 1);
  const double t = boost::math::quantile(boost::math::complement(distribution, (1 - confidence) / 2));
  const double half_width = t * std::sqrt(squares / (count - 1) / count);
  return {mean, {mean - half_width, mean + half_width}, std::sqrt(squares / (count - 1))};
}

}  // namespace bnlab::experiments
