#include "normalization/tiles.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "normalization/strips.h"
#include "util/target_clones.h"

namespace bnlab::normalization {
namespace {

using namespace strips;  // every name here is of one

// ---- measure -------------------------------------------------------------------------------------------------------

/// An approximation of each lane's mean, to be subtracted.
template <class T>
BNLAB_INLINE Floats mean_in_f32(const Tile& tile, const T* src, std::int64_t first) {
  std::array<StripDoubles, 1> total = {};
  for_each_span(tile, first, [&](const Span& span, auto count) BNLAB_INLINE_LAMBDA {
    add_rows(
        span, count, no_group,
        [&](std::int64_t at, std::int64_t, auto n, auto& values) BNLAB_INLINE_LAMBDA { values[0] = load(src + at, n); },
        total);
  });
  add_places(tile, total[0]);
  return (total[0] * (1 / static_cast<double>(tile.rows))).in_f32();
}

BNLAB_INLINE std::array<double, strip> numbers(const StripDoubles& values) {
  return as<std::array<double, strip>>(values);
}

/// Whether squares may overflow or underflow in f32. With few rows the distances may cancel.
BNLAB_INLINE bool leaves_f32(const StripDoubles& distances, const StripDoubles& squares, std::int64_t rows) {
  constexpr double smallest = 1e-30;
  const auto sums = numbers(distances), of_squares = numbers(squares);
  bool leaves = false;
  for (std::size_t j = 0; j < sums.size(); ++j) {
    const bool is_small = of_squares[j] < smallest && (of_squares[j] != 0 || sums[j] != 0 || rows <= group_rows);
    leaves |= is_small || !(of_squares[j] <= std::numeric_limits<double>::max());
  }
  return leaves;
}

/// What measure_in() computes for one strip, value by value in double.
template <class T>
[[gnu::noinline]] void measure_in_double(const Tile& tile, const T* src, std::int64_t first, StripDoubles& mean,
                                         StripDoubles& squares) {
  const auto lanes = static_cast<std::size_t>(std::min(tile.lanes, strip));
  std::array<double, strip> means = {}, sums = {};
  for (const bool is_second : {false, true})
    for (std::int64_t row = 0; row < tile.rows; ++row) {
      const Floats values = load(src + row * tile.stride + first, static_cast<std::int64_t>(lanes));
      for (std::size_t j = 0; j < lanes; ++j) {
        const auto value = static_cast<double>(values[static_cast<std::int64_t>(j)]);
        if (is_second)
          sums[j] += (value - means[j]) * (value - means[j]);
        else
          means[j] += (value - means[j]) / static_cast<double>(row + 1);
      }
    }
  mean = as<StripDoubles>(repeated(tile, means.data()));
  squares = as<StripDoubles>(repeated(tile, sums.data()));
}

template <class T>
BNLAB_INLINE void measure_in(const Tile& tile, const T* src, std::int64_t rows_before, double* mean,
                             double* squared_distances) {
  const auto rows = static_cast<double>(tile.rows), before = static_cast<double>(rows_before);
  const double part_of_all = rows / (before + rows);
  for_each_strip(tile, [&](std::int64_t first, std::int64_t) BNLAB_INLINE_LAMBDA {
    const Floats near = rows_before > 0 ? load_doubles(tile, mean + first).in_f32() : mean_in_f32(tile, src, first);
    std::array<StripDoubles, 2> sums = {};
    for_each_span(tile, first, [&](const Span& span, auto count) BNLAB_INLINE_LAMBDA {
      add_rows(
          span, count, no_group,
          [&](std::int64_t at, std::int64_t, auto n, auto& values) BNLAB_INLINE_LAMBDA {
            values[0] = load(src + at, n) - near;
            values[1] = values[0] * values[0];
          },
          sums);
    });
    for (StripDoubles& sum : sums) add_places(tile, sum);
    // What `near` misses. The quotient is exact where all values are equal, and the squares are exactly 0.
    const StripDoubles left = sums[0] / rows;
    StripDoubles of_rows = left, squares = (sums[1] - left * left * rows).or_zero_if_negative();
    of_rows.add(near);
    if (leaves_f32(sums[0], sums[1], tile.rows)) measure_in_double(tile, src, first, of_rows, squares);
    if (rows_before > 0) {  // Chan et al. 1979
      const StripDoubles mean_before = load_doubles(tile, mean + first), distance = of_rows - mean_before;
      of_rows = mean_before + distance * part_of_all;
      squares = squares + load_doubles(tile, squared_distances + first) + distance * distance * (before * part_of_all);
    }
    store_doubles(tile, of_rows, mean + first);
    store_doubles(tile, squares, squared_distances + first);
  });
}

BNLAB_TARGET_CLONES
void measure_f32(const Tile& tile, const float* src, std::int64_t rows_before, double* mean,
                 double* squared_distances) {
  measure_in(tile, src, rows_before, mean, squared_distances);
}
BNLAB_TARGET_CLONES
void measure_bf16(const Tile& tile, const Bf16* src, std::int64_t rows_before, double* mean,
                  double* squared_distances) {
  measure_in(tile, src, rows_before, mean, squared_distances);
}

// ---- the gradients' sums -------------------------------------------------------------------------------------------

BNLAB_INLINE bool any(const Words& mask) {
  const auto parts = as<std::array<std::uint64_t, 8>>(mask);
  std::uint64_t all = 0;
  for (const std::uint64_t part : parts) all |= part;
  return all != 0;
}

/// One bit for each lane, row by row, for a group of rows.
template <class T>
struct Relu {
  Floats mean, scale, shift;
  const T* dst;

  template <class Count>
  BNLAB_INLINE Words passed(const T* src, const Span& span, std::int64_t first, std::int64_t rows, Count count) const {
    // Far beyond the rounding of any order of the same operations.
    constexpr float doubt = 0x1p-20f;
    Words bits = {}, doubtful = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const Floats scaled = (load(src + span.offset + (first + row) * span.stride, count) - mean) * scale;
      const Floats value = scaled + shift;
      bits |= as<Words>(value > 0.0f) & (1U << row);
      doubtful |= as<Words>(absolute(value) < doubt * (absolute(scaled) + absolute(shift)));
    }
    if (!any(doubtful)) return bits;
    bits = Words{};
    for (std::int64_t row = 0; row < rows; ++row)
      bits |= as<Words>(load(dst + span.offset + (first + row) * span.stride, count) > 0.0f) & (1U << row);
    return bits;
  }
};

template <class T>
BNLAB_INLINE void sum_diffs_in(const Tile& tile, const T* src, const T* diff, const float* mean, const MergedRelu& relu,
                               std::int64_t rows_before, double* sum, double* product) {
  for_each_strip(tile, [&](std::int64_t first, std::int64_t index) BNLAB_INLINE_LAMBDA {
    const Floats centre = coefficients(tile, mean + first);
    std::array<StripDoubles, 2> sums = {};
    const auto add = [&](const Floats& d, std::int64_t at, auto n, auto& values) BNLAB_INLINE_LAMBDA {
      values[0] = d;
      values[1] = d * (load(src + at, n) - centre);
    };
    if (!relu.passed) {
      for_each_span(tile, first, [&](const Span& span, auto count) BNLAB_INLINE_LAMBDA {
        add_rows(
            span, count, no_group,
            [&](std::int64_t at, std::int64_t, auto n, auto& values)
                BNLAB_INLINE_LAMBDA { add(load(diff + at, n), at, n, values); },
            sums);
      });
    } else {
      std::uint8_t* bytes = relu.passed + index * passed_bytes_of_strip(tile);
      const Relu<T> rule{centre, coefficients(tile, relu.scale + first), coefficients(tile, relu.shift + first),
                         static_cast<const T*>(relu.dst.data)};
      for_each_span(tile, first, [&](const Span& span, auto count) BNLAB_INLINE_LAMBDA {
        Words bits = {};
        add_rows(
            span, count,
            [&](std::int64_t row, std::int64_t rows) BNLAB_INLINE_LAMBDA {
              bits = rule.passed(src, span, row, rows, count);
              const auto narrow = __builtin_convertvector(bits, Bytes);
              std::memcpy(bytes + (span.group + row / group_rows) * strip, &narrow, sizeof(narrow));
            },
            [&](std::int64_t at, std::int64_t row, auto n, auto& values)
                BNLAB_INLINE_LAMBDA { add((bits & (1U << row)) != 0U ? load(diff + at, n) : Floats{}, at, n, values); },
            sums);
      });
    }
    for (StripDoubles& both : sums) add_places(tile, both);
    store_sums(tile, rows_before, sums[0], sum + first);
    store_sums(tile, rows_before, sums[1], product + first);
  });
}

BNLAB_TARGET_CLONES
void sum_diffs_f32(const Tile& tile, const float* src, const float* diff, const float* mean, const MergedRelu& relu,
                   std::int64_t rows_before, double* sum, double* product) {
  sum_diffs_in(tile, src, diff, mean, relu, rows_before, sum, product);
}
BNLAB_TARGET_CLONES
void sum_diffs_bf16(const Tile& tile, const Bf16* src, const Bf16* diff, const float* mean, const MergedRelu& relu,
                    std::int64_t rows_before, double* sum, double* product) {
  sum_diffs_in(tile, src, diff, mean, relu, rows_before, sum, product);
}

// ---- the gradient --------------------------------------------------------------------------------------------------

/// row(offset, count, passed bits of the row's group, row in its group) for each row of a span.
template <class Count, class Row>
BNLAB_INLINE void for_each_row(const Span& span, Count count, const std::uint8_t* passed, const Row& row) {
  for (std::int64_t first = 0; first < span.rows; first += group_rows) {
    Words bits = {};
    if (passed) bits = __builtin_convertvector(read<Bytes>(passed + (span.group + first / group_rows) * strip), Words);
    const std::int64_t rows = std::min(group_rows, span.rows - first);
    for (std::int64_t r = 0; r < rows; ++r) row(span.offset + (first + r) * span.stride, count, bits, r);
  }
}

template <class T>
BNLAB_INLINE void differentiate_in(const Tile& tile, const T* src, const T* diff, const std::uint8_t* passed,
                                   const GradientCoefficients& lanes, T* diff_src) {
  for_each_strip(tile, [&](std::int64_t first, std::int64_t index) BNLAB_INLINE_LAMBDA {
    const Floats mean = coefficients(tile, lanes.mean + first);
    const Floats diff_mean = coefficients(tile, lanes.diff_mean + first);
    const Floats scale = coefficients(tile, lanes.scale + first);
    const Floats slope = coefficients(tile, lanes.slope + first);
    const Floats shift = coefficients(tile, lanes.shift + first);
    const std::uint8_t* bytes = passed ? passed + index * passed_bytes_of_strip(tile) : nullptr;
    for_each_span(tile, first, [&](const Span& span, auto count) BNLAB_INLINE_LAMBDA {
      const auto write = [&](const Floats& d, std::int64_t at, auto n) BNLAB_INLINE_LAMBDA {
        store(scale * (d - diff_mean) + (slope * (load(src + at, n) - mean) + shift), diff_src + at, n);
      };
      if (!bytes)
        for_each_row(span, count, nullptr,
                     [&](std::int64_t at, auto n, const Words&, std::int64_t)
                         BNLAB_INLINE_LAMBDA { write(load(diff + at, n), at, n); });
      else
        for_each_row(span, count, bytes,
                     [&](std::int64_t at, auto n, const Words& bits, std::int64_t row) BNLAB_INLINE_LAMBDA {
                       write((bits & (1U << row)) != 0U ? load(diff + at, n) : Floats{}, at, n);
                     });
    });
  });
}

BNLAB_TARGET_CLONES
void differentiate_f32(const Tile& tile, const float* src, const float* diff, const std::uint8_t* passed,
                       const GradientCoefficients& lanes, float* diff_src) {
  differentiate_in(tile, src, diff, passed, lanes, diff_src);
}
BNLAB_TARGET_CLONES
void differentiate_bf16(const Tile& tile, const Bf16* src, const Bf16* diff, const std::uint8_t* passed,
                        const GradientCoefficients& lanes, Bf16* diff_src) {
  differentiate_in(tile, src, diff, passed, lanes, diff_src);
}

const Bf16* bf16(const Values& values) { return static_cast<const Bf16*>(values.data); }

// ---- in f32 alone --------------------------------------------------------------------------------------------------

BNLAB_INLINE Floats signs_of(const Floats& x) {
  const Floats one = Floats{} + 1.0f;
  return (x > 0.0f ? one : Floats{}) - (x < 0.0f ? one : Floats{});
}

/// sum = each lane's sum of value(src - mean).
template <class Value>
BNLAB_INLINE void sum_of(const Tile& tile, const float* src, const Centres& centres, std::int64_t rows_before,
                         const Value& value, double* sum) {
  for_each_strip(tile, [&](std::int64_t first, std::int64_t) BNLAB_INLINE_LAMBDA {
    const Floats mean = coefficients(tile, centres.mean + first), rest = coefficients(tile, centres.rest + first);
    std::array<StripDoubles, 1> sums = {};
    for_each_span(tile, first, [&](const Span& span, auto count) BNLAB_INLINE_LAMBDA {
      add_rows(
          span, count, no_group,
          [&](std::int64_t at, std::int64_t, auto n, auto& values)
              BNLAB_INLINE_LAMBDA { values[0] = value(load(src + at, n) - mean - rest); },
          sums);
    });
    add_places(tile, sums[0]);
    store_sums(tile, rows_before, sums[0], sum + first);
  });
}

/// write(place, count) for each row of each strip; `prepare(first lane)` gives it.
template <class Prepare>
BNLAB_INLINE void for_each_place(const Tile& tile, const Prepare& prepare) {
  for_each_strip(tile, [&](std::int64_t first, std::int64_t) BNLAB_INLINE_LAMBDA {
    const auto write = prepare(first);
    for_each_span(tile, first, [&](const Span& span, auto count) BNLAB_INLINE_LAMBDA {
      for (std::int64_t row = 0; row < span.rows; ++row) write(span.offset + row * span.stride, count);
    });
  });
}

}  // namespace

Values Values::of(const dnnl::memory& memory) {
  if (!memory) return {};
  return {memory.get_data_handle(), onednn::compat::type_of(memory.get_desc()) == onednn::DataType::bf16};
}

std::int64_t passed_bytes(const Tile& tile) { return (tile.lanes + strip - 1) / strip * passed_bytes_of_strip(tile); }

void measure(const Tile& tile, Values src, std::int64_t rows_before, double* mean, double* squared_distances) {
  if (src.is_bf16)
    measure_bf16(tile, bf16(src), rows_before, mean, squared_distances);
  else
    measure_f32(tile, src.f32(), rows_before, mean, squared_distances);
}

void sum_diffs(const Tile& tile, Values src, Values diff, const float* mean, const MergedRelu& relu,
               std::int64_t rows_before, double* sum, double* product) {
  if (src.is_bf16)
    sum_diffs_bf16(tile, bf16(src), bf16(diff), mean, relu, rows_before, sum, product);
  else
    sum_diffs_f32(tile, src.f32(), diff.f32(), mean, relu, rows_before, sum, product);
}

void differentiate(const Tile& tile, Values src, Values diff, const std::uint8_t* passed,
                   const GradientCoefficients& coefficients, Values diff_src) {
  if (src.is_bf16)
    differentiate_bf16(tile, bf16(src), bf16(diff), passed, coefficients, static_cast<Bf16*>(diff_src.data));
  else
    differentiate_f32(tile, src.f32(), diff.f32(), passed, coefficients, diff_src.f32());
}

BNLAB_TARGET_CLONES
void differentiate_signs(const Tile& tile, const float* src, const float* diff, const float* rest,
                         const GradientCoefficients& lanes, float* diff_src) {
  for_each_place(tile, [&](std::int64_t first) BNLAB_INLINE_LAMBDA {
    const Floats mean = coefficients(tile, lanes.mean + first), left = coefficients(tile, rest + first);
    const Floats diff_mean = coefficients(tile, lanes.diff_mean + first);
    const Floats scale = coefficients(tile, lanes.scale + first), slope = coefficients(tile, lanes.slope + first);
    const Floats shift = coefficients(tile, lanes.shift + first);
    return [=](std::int64_t at, auto n) BNLAB_INLINE_LAMBDA {
      const Floats signs = signs_of(load(src + at, n) - mean - left);
      store(scale * (load(diff + at, n) - diff_mean) + (slope * signs + shift), diff_src + at, n);
    };
  });
}

BNLAB_TARGET_CLONES
void normalize(const Tile& tile, const float* src, const float* means, const float* scales, const float* shifts,
               float* __restrict dst) {
  if (tile.lanes > strip) {  // in the order of memory
    for (std::int64_t first = 0; first < tile.rows * tile.stride; first += tile.stride)
      for (std::int64_t l = 0; l < tile.lanes; ++l)
        dst[first + l] = (src[first + l] - means[l]) * scales[l] + shifts[l];
    return;
  }
  for_each_place(tile, [&](std::int64_t first) BNLAB_INLINE_LAMBDA {
    const Floats mean = coefficients(tile, means + first), scale = coefficients(tile, scales + first);
    const Floats shift = coefficients(tile, shifts + first);
    return [=](std::int64_t at, auto n)
               BNLAB_INLINE_LAMBDA { store((load(src + at, n) - mean) * scale + shift, dst + at, n); };
  });
}

BNLAB_TARGET_CLONES
void sum_distances(const Tile& tile, const float* src, const Centres& centres, std::int64_t rows_before, double* sum) {
  sum_of(
      tile, src, centres, rows_before, [](const Floats& x) BNLAB_INLINE_LAMBDA { return absolute(x); }, sum);
}

BNLAB_TARGET_CLONES
void sum_signs(const Tile& tile, const float* src, const Centres& centres, std::int64_t rows_before, double* sum) {
  sum_of(
      tile, src, centres, rows_before, [](const Floats& x) BNLAB_INLINE_LAMBDA { return signs_of(x); }, sum);
}

BNLAB_TARGET_CLONES
void find_largest(const Tile& tile, const float* src, const double* mean, std::int64_t first_row, double* largest,
                  std::int64_t* row) {
  for (std::int64_t r = 0; r < tile.rows; ++r)
    for (std::int64_t l = 0; l < tile.lanes; ++l) {
      const double distance = std::abs(static_cast<double>(src[r * tile.stride + l]) - mean[l]);
      const bool larger = distance > largest[l];
      largest[l] = larger ? distance : largest[l];
      row[l] = larger ? first_row + r : row[l];
    }
}

}  // namespace bnlab::normalization
