#pragma once
// The largest eigenvalue of a symmetric matrix that is known by its products alone.

#include <cstdint>
#include <functional>
#include <vector>

namespace bnlab::probes {

/// Writes A x to y, which has as many values.
using MatrixProduct = std::function<void(const std::vector<float>& x, std::vector<float>& y)>;

struct Eigenvalue {
  double value = 0;             // x^T A x of the vector x of length 1 that was found
  double residual = 0;          // ||A x - value x|| / |value|; nan where the value is 0
  std::int64_t iterations = 0;  // Lanczos steps; there is one product more
};

/// Lanczos' method with full reorthogonalization, from `start`, which must not be 0. Ends where the estimated residual
/// is at most `tolerance`, or after `iterations` steps. Keeps a vector for each step. Value and residual are those of
/// `refined`, which may be a more exact product of the same matrix; nan where a product is not finite.
Eigenvalue largest_eigenvalue(const MatrixProduct& product, const MatrixProduct& refined, std::vector<float> start,
                              std::int64_t iterations, double tolerance);

}  // namespace bnlab::probes
