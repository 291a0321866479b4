#include "network/orthogonal.h"

#include <cmath>
#include <cstddef>

#include "util/target_clones.h"

namespace bnlab::network {
namespace {

constexpr std::size_t lanes = 32;

BNLAB_TARGET_CLONES
double dot(const double* __restrict a, const double* __restrict b, std::size_t length) {
  double sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= length; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j) sums[j] += a[i + j] * b[i + j];
  double sum = 0;
  for (; i < length; ++i) sum += a[i] * b[i];
  for (const double part : sums) sum += part;
  return sum;
}

BNLAB_TARGET_CLONES
void subtract(double* __restrict a, const double* __restrict b, double factor, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) a[i] -= factor * b[i];
}

double norm(const double* a, std::size_t length) { return std::sqrt(dot(a, a, length)); }

}  // namespace

// Modified Gram-Schmidt. Where a row loses most of its length, rounding is no longer small beside what is left: then
// once more, and twice is enough (Giraud & Langou 2002).
void orthonormalize_rows(std::vector<double>& matrix, std::int64_t rows, std::int64_t length) {
  const auto n = static_cast<std::size_t>(length);
  for (std::size_t k = 0; k < static_cast<std::size_t>(rows); ++k) {
    double* row = matrix.data() + k * n;
    double before = 0;
    double after = norm(row, n);
    do {
      before = after;
      for (std::size_t i = 0; i < k; ++i) {
        const double* other = matrix.data() + i * n;
        subtract(row, other, dot(row, other, n), n);
      }
      after = norm(row, n);
    } while (after < 0.5 * before);
    for (std::size_t i = 0; i < n; ++i) row[i] /= after;
  }
}

}  // namespace bnlab::network
