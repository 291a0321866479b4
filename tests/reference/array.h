#pragma once
// A plain array of doubles with a shape, and what is needed to fill it and to compare with it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace bnlab::reference {

using Shape = std::vector<std::int64_t>;

/// Values in C order: the last dimension is contiguous.
struct Array {
  Shape shape;
  std::vector<double> values;

  std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
  std::int64_t dim(std::size_t axis) const { return shape.at(axis); }
};

/// Throws std::invalid_argument: a reference that is called with shapes that don't fit never guesses.
inline void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument("reference: " + message);
}

/// The number of values of a shape; 1 for an empty one.
inline std::int64_t volume(const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) product *= extent;
  return product;
}

inline std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) text += (axis ? ", " : "") + std::to_string(shape[axis]);
  return text + ")";
}

/// Throws unless `array` has this shape and as many values as it says.
inline void require_shape(const Array& array, const Shape& shape, const std::string& what) {
  require(array.shape == shape, what + " must be " + to_string(shape) + ", got " + to_string(array.shape));
  require(array.size() == volume(shape), what + " has " + std::to_string(array.size()) + " values");
}

inline Array full(const Shape& shape, double value) {
  return {shape, std::vector<double>(static_cast<std::size_t>(volume(shape)), value)};
}
inline Array zeros(const Shape& shape) { return full(shape, 0.0); }

/// Throws unless there are as many values as the shape says.
inline Array from_floats(const Shape& shape, std::span<const float> values) {
  Array array{shape, {values.begin(), values.end()}};
  require_shape(array, shape, "array");
  return array;
}

inline std::vector<float> to_floats(const Array& array) {
  std::vector<float> floats(array.values.size());
  std::transform(array.values.begin(), array.values.end(), floats.begin(),
                 [](double value) { return static_cast<float>(value); });
  return floats;
}

inline Array reshape(Array array, const Shape& shape) {
  require(array.size() == volume(shape), "cannot reshape " + to_string(array.shape) + " to " + to_string(shape));
  array.shape = shape;
  return array;
}

/// Uniform in [low, high), each value rounded to the nearest float so that single precision sees the same numbers. The
/// same on every standard library.
inline Array random_uniform(const Shape& shape, std::mt19937_64& generator, double low, double high) {
  Array array = zeros(shape);
  for (double& value : array.values) {
    const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
    value = static_cast<float>(low + (high - low) * unit);
  }
  return array;
}

/// sum_i a_i * b_i over arrays of equal size.
inline double dot(const Array& a, const Array& b) {
  require(a.size() == b.size(), "dot of " + to_string(a.shape) + " and " + to_string(b.shape));
  double sum = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += a.values[i] * b.values[i];
  return sum;
}

/// sum_i |a_i * b_i|.
inline double absolute_dot(const Array& a, const Array& b) {
  require(a.size() == b.size(), "dot of " + to_string(a.shape) + " and " + to_string(b.shape));
  double sum = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += std::abs(a.values[i] * b.values[i]);
  return sum;
}

inline double max_abs(std::span<const double> values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}
inline double max_abs(const Array& array) { return max_abs(std::span<const double>(array.values)); }

/// max |actual - expected| / max |expected|; where expected is zero throughout, max |actual|. Infinite where either
/// holds a value that is not finite. Throws where the sizes differ; layouts are the caller's to match.
template <typename Real>
double relative_error(std::span<const Real> actual, std::span<const double> expected) {
  require(actual.size() == expected.size(), "comparing " + std::to_string(actual.size()) + " values with " +
                                                std::to_string(expected.size()) + " expected ones");
  double difference = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = std::abs(static_cast<double>(actual[i]) - expected[i]);
    if (!std::isfinite(d)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, d);
  }
  const double scale = max_abs(expected);
  return scale == 0.0 ? difference : difference / scale;
}

inline double max_relative_error(std::span<const float> actual, const Array& expected) {
  return relative_error<float>(actual, expected.values);
}
inline double max_relative_error(const Array& actual, const Array& expected) {
  require(actual.shape == expected.shape,
          "comparing " + to_string(actual.shape) + " with an expected " + to_string(expected.shape));
  return relative_error<double>(actual.values, expected.values);
}

/// visit(c, i) for each offset i of an array (N, C, ...), c its channel.
template <typename Visit>
void for_each_in_channel(const Shape& shape, const Visit& visit) {
  require(shape.size() >= 2, "normalization needs (N, C, ...), got " + to_string(shape));
  const std::int64_t channels = shape[1], size = volume(shape), pixels = size / (shape[0] * channels);
  for (std::int64_t i = 0; i < size; ++i) visit(i / pixels % channels, i);
}

}  // namespace bnlab::reference
