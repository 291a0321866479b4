#include "probes/lanczos.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "probes/observer.h"

namespace bnlab::probes {
namespace {

using Vector = std::vector<float>;

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

void add(Vector& to, double factor, const Vector& from) {
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<float>(static_cast<double>(to[i]) + factor * static_cast<double>(from[i]));
}

void scale(Vector& vector, double factor) {
  for (float& value : vector) value = static_cast<float>(factor * static_cast<double>(value));
}

/// A symmetric tridiagonal matrix.
struct Tridiagonal {
  std::vector<double> diagonal;
  std::vector<double> beside;  // one less than there are in the diagonal, or more

  /// Whether all eigenvalues are below x: all pivots of x - T are positive (Sturm).
  bool lies_below(double x) const {
    double pivot = 1;
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      pivot = x - diagonal[i] - (i > 0 ? beside[i - 1] * beside[i - 1] / pivot : 0.0);
      if (!(pivot > 0)) return false;
    }
    return true;
  }

  double largest_eigenvalue() const {
    double high = -std::numeric_limits<double>::infinity();  // Gershgorin's bound
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      const double before = i > 0 ? beside[i - 1] : 0.0, after = i + 1 < diagonal.size() ? beside[i] : 0.0;
      high = std::max(high, diagonal[i] + std::abs(before) + std::abs(after));
    }
    double low = *std::ranges::max_element(diagonal);
    for (double middle = (low + high) / 2; low < middle && middle < high; middle = (low + high) / 2)
      (lies_below(middle) ? high : low) = middle;
    return high;
  }

  /// The eigenvector of the largest eigenvalue, of length 1.
  std::vector<double> vector_of(double eigenvalue) const {
    std::vector<double> vector{1.0};
    double squares = 1;
    for (std::size_t i = 0; i + 1 < diagonal.size(); ++i) {
      const double before = i > 0 ? beside[i - 1] * vector[i - 1] : 0.0;
      vector.push_back(((eigenvalue - diagonal[i]) * vector[i] - before) / beside[i]);
      squares += vector.back() * vector.back();
    }
    for (double& value : vector) value /= std::sqrt(squares);
    return vector;
  }
};

constexpr Eigenvalue undefined(std::int64_t iterations) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  return {nan, nan, iterations};
}

}  // namespace

Eigenvalue largest_eigenvalue(const MatrixProduct& product, const MatrixProduct& refined, Vector start,
                              std::int64_t iterations, double tolerance) {
  scale(start, 1 / norm(start));
  std::vector<Vector> basis{std::move(start)};
  Vector next(basis[0].size());
  Tridiagonal projected;
  std::vector<double> weights;  // of the basis in the eigenvector
  while (true) {
    product(basis.back(), next);
    projected.diagonal.push_back(dot(next, basis.back()));
    for (int twice = 0; twice < 2; ++twice)
      for (const Vector& vector : basis) add(next, -dot(next, vector), vector);
    const double beside = norm(next);
    const auto done = static_cast<std::int64_t>(basis.size());
    if (!std::isfinite(projected.diagonal.back()) || !std::isfinite(beside)) return undefined(done);
    const double value = projected.largest_eigenvalue();
    weights = projected.vector_of(value);
    if (beside * std::abs(weights.back()) <= tolerance * std::abs(value) || done == iterations) break;
    projected.beside.push_back(beside);
    scale(next, 1 / beside);
    basis.push_back(next);
  }
  Vector found(next.size());
  for (std::size_t i = 0; i < basis.size(); ++i) add(found, weights[i], basis[i]);
  scale(found, 1 / norm(found));
  refined(found, next);
  const double value = dot(found, next);
  add(next, -value, found);
  return {value, norm(next) / std::abs(value), static_cast<std::int64_t>(basis.size())};
}

}  // namespace bnlab::probes
