#pragma once
// Passes over tiles of memory: sums over the rows of each lane, and values computed from a lane's coefficients.

#include <cstdint>

#include "onednn/builder.h"

namespace bnlab::normalization {

/// `rows` rows of `lanes` neighbouring channels. A row begins `stride` values after the one before it.
struct Tile {
  std::int64_t rows;
  std::int64_t lanes;
  std::int64_t stride;
};

/// Values in memory, f32 or bf16.
struct Values {
  void* data = nullptr;
  bool is_bf16 = false;

  static Values of(const dnnl::memory& memory);
  /// Those from the value `offset` on.
  Values from(std::int64_t offset) const {
    return data ? Values{static_cast<std::uint8_t*>(data) + offset * (is_bf16 ? 2 : 4), is_bf16} : Values{};
  }
  float* f32() const { return static_cast<float*>(data); }
};

/// Each lane's mean, and the sum of its squared distances from it, over these rows and the `rows_before` that they hold
/// so far; without any they are overwritten. Distances are summed from a mean that is near (of the rows before, or of
/// a first pass), in f32 over 8 rows at a time and in double over those: about as good as all in double, wherever the
/// mean lies. Rows before only with 16 lanes or fewer.
void measure(const Tile& tile, Values src, std::int64_t rows_before, double* mean, double* squared_distances);

/// What a ReLU behind the normalization let pass: the values of which (src - mean) scale + shift > 0. `dst`, its
/// output, decides where rounding leaves the sign open; it is read there alone.
struct MergedRelu {
  const float* scale = nullptr;  // of each lane
  const float* shift = nullptr;
  Values dst = {};
  std::uint8_t* passed = nullptr;  // a bit for each value of the tile, written by sum_diffs(); null without a ReLU
};
/// Bytes of MergedRelu::passed.
std::int64_t passed_bytes(const Tile& tile);

/// Each lane's sum of diff, and of diff (src - mean), where diff counts only where the ReLU let the value pass. Sums,
/// and rows before, as in measure().
void sum_diffs(const Tile& tile, Values src, Values diff, const float* mean, const MergedRelu& relu,
               std::int64_t rows_before, double* sum, double* product);

/// A lane's mean in f32, and what is left of it.
struct Centres {
  const float* mean;
  const float* rest;
};

/// diff_src = scale (diff - diff_mean) + (slope (src - mean) + shift), each coefficient a lane's own.
struct GradientCoefficients {
  const float* mean;
  const float* diff_mean;
  const float* scale;
  const float* slope;
  const float* shift;
};
/// `passed`: as sum_diffs() left it; null without a ReLU.
void differentiate(const Tile& tile, Values src, Values diff, const std::uint8_t* passed,
                   const GradientCoefficients& coefficients, Values diff_src);
/// With sign(src - mean - rest) in place of src - mean. In f32, as are all below.
void differentiate_signs(const Tile& tile, const float* src, const float* diff, const float* rest,
                         const GradientCoefficients& coefficients, float* diff_src);

/// dst = (src - mean) scale + shift.
void normalize(const Tile& tile, const float* src, const float* mean, const float* scale, const float* shift,
               float* dst);

/// Each lane's sum of |src - mean|; rows before as in measure().
void sum_distances(const Tile& tile, const float* src, const Centres& centres, std::int64_t rows_before, double* sum);
/// Each lane's sum of sign(src - mean).
void sum_signs(const Tile& tile, const float* src, const Centres& centres, std::int64_t rows_before, double* sum);
/// The largest |src - mean| so far, and its row, counted from `first_row`.
void find_largest(const Tile& tile, const float* src, const double* mean, std::int64_t first_row, double* largest,
                  std::int64_t* row);

/// -1, 0 or 1.
inline double sign(double x) { return static_cast<double>(x > 0.0) - static_cast<double>(x < 0.0); }

}  // namespace bnlab::normalization
