#include "network/orthogonal.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bnlab::network {
namespace {

// Läuchli's rows (1, e, 0, 0), (1, 0, e, 0), (1, 0, 0, e): one pass of Gram-Schmidt leaves products of e / sqrt(2).
TEST(OrthonormalizeRows, OfRowsThatAlmostDepend) {
  std::vector<double> matrix(12);
  for (std::size_t row = 0; row < 3; ++row) {
    matrix[row * 4] = 1.0;
    matrix[row * 4 + row + 1] = 1e-7;
  }
  orthonormalize_rows(matrix, 3, 4);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      double product = 0;
      for (std::size_t k = 0; k < 4; ++k) product += matrix[i * 4 + k] * matrix[j * 4 + k];
      EXPECT_NEAR(product, i == j ? 1.0 : 0.0, 1e-14) << i << " " << j;
    }
}

// (3, 4), (1, 0): the second loses its part along the first, (0.36, 0.48).
TEST(OrthonormalizeRows, OfTwoByHand) {
  std::vector<double> matrix{3.0, 4.0, 1.0, 0.0};
  orthonormalize_rows(matrix, 2, 2);
  const std::vector<double> expected{0.6, 0.8, 0.8, -0.6};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(matrix[i], expected[i], 1e-15);
}

}  // namespace
}  // namespace bnlab::network
