#pragma once
#include <cstdint>
#include <vector>

namespace bnlab::network {

/// Makes the rows of a (rows, length) matrix orthonormal, each within the span of itself and those before it, on the
/// side where it was. Of the columns of a matrix that is the Q of its QR factorization whose R has a positive diagonal.
/// Requires rows <= length, and rows that are linearly independent.
void orthonormalize_rows(std::vector<double>& matrix, std::int64_t rows, std::int64_t length);

}  // namespace bnlab::network
