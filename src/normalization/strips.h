#pragma once
// Strips of 16 lanes of a tile, as vectors: for the passes of tiles.cpp alone.

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "normalization/tiles.h"

// Vectors that are wider than the processor's are split. Functions that take them are inlined, so that no calling
// convention matters.
#pragma GCC diagnostic ignored "-Wpsabi"
#define BNLAB_INLINE [[gnu::always_inline]] inline
#define BNLAB_INLINE_LAMBDA __attribute__((always_inline))

namespace bnlab::normalization::strips {
// ---- vectors -------------------------------------------------------------------------------------------------------

inline constexpr std::int64_t strip = 16;  // lanes that are worked on together

using Floats = float __attribute__((vector_size(64)));
using Words = std::uint32_t __attribute__((vector_size(64)));
using Bytes = std::uint8_t __attribute__((vector_size(16)));
using Halves = std::uint16_t __attribute__((vector_size(32)));
using EightFloats = float __attribute__((vector_size(32)));
using EightDoubles = double __attribute__((vector_size(64)));

struct Bf16 {
  std::uint16_t bits;
};

/// std::bit_cast that is inlined without optimization too: another function may have another register for a vector.
template <class To, class From>
BNLAB_INLINE To as(const From& from) {
  return __builtin_bit_cast(To, from);
}

template <class Vector>
BNLAB_INLINE Vector read(const void* from) {
  Vector vector;
  std::memcpy(static_cast<void*>(&vector), from, sizeof(vector));
  return vector;
}

BNLAB_INLINE Floats load_strip(const float* from) { return read<Floats>(from); }
BNLAB_INLINE Floats load_strip(const Bf16* from) {
  return as<Floats>(__builtin_convertvector(read<Halves>(from), Words) << 16);
}

BNLAB_INLINE void store_strip(const Floats& values, float* to) { std::memcpy(to, &values, sizeof(values)); }
/// Rounds to nearest, ties to even. A NaN stays a NaN.
BNLAB_INLINE void store_strip(const Floats& values, Bf16* to) {
  const Words bits = as<Words>(values);
  const Words rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  const Words quiet = (bits >> 16) | 0x40U;
  const auto halves = __builtin_convertvector(values == values ? rounded : quiet, Halves);
  std::memcpy(to, &halves, sizeof(halves));
}

// A number of values: `whole` at compile time, or fewer than 16.
using Whole = std::integral_constant<std::int64_t, strip>;
inline constexpr Whole whole{};

template <class T>
BNLAB_INLINE Floats load(const T* from, Whole) {
  return load_strip(from);
}
/// The values behind the first `count` are 0.
template <class T>
BNLAB_INLINE Floats load(const T* from, std::int64_t count) {
  std::array<T, strip> values = {};
  std::copy_n(from, count, values.begin());
  return load_strip(values.data());
}

template <class T>
BNLAB_INLINE void store(const Floats& values, T* to, Whole) {
  store_strip(values, to);
}
template <class T>
BNLAB_INLINE void store(const Floats& values, T* to, std::int64_t count) {
  std::array<T, strip> all;
  store_strip(values, all.data());
  std::copy_n(all.begin(), count, to);
}

BNLAB_INLINE Floats absolute(const Floats& x) { return x < 0.0f ? -x : x; }

BNLAB_INLINE void clear_behind(Floats&, Whole) {}
BNLAB_INLINE void clear_behind(Floats& values, std::int64_t count) {
  for (std::int64_t j = count; j < strip; ++j) values[j] = 0;
}

// ---- strips of a tile ----------------------------------------------------------------------------------------------

/// Rows of 16 values, or of fewer, in a tile.
struct Span {
  std::int64_t offset;  // of the first row
  std::int64_t rows;
  std::int64_t stride;
  std::int64_t group;  // how many groups of 8 rows come before it
};

inline constexpr std::int64_t group_rows = 8;
inline std::int64_t groups_of(std::int64_t rows) { return (rows + group_rows - 1) / group_rows; }
/// Bytes of the mask of one strip; a folded tile may have one more group, of a row that is not whole.
inline std::int64_t passed_bytes_of_strip(const Tile& tile) { return (groups_of(tile.rows) + 1) * strip; }

/// Whether a row of 16 values holds several rows of the tile.
BNLAB_INLINE bool is_folded(const Tile& tile) {
  return tile.lanes < strip && strip % tile.lanes == 0 && tile.stride == tile.lanes;
}

/// The first lane of each strip. The last strip begins early enough to be whole, so some lanes are computed twice, to
/// the same result.
template <class Visit>
BNLAB_INLINE void for_each_strip(const Tile& tile, const Visit& visit) {
  std::int64_t index = 0;
  for (std::int64_t first = 0; first < tile.lanes; first += strip)
    visit(tile.lanes < strip ? 0 : std::min(first, tile.lanes - strip), index++);
}

/// visit(span, count): the rows of the strip that begins with lane `first`.
template <class Visit>
BNLAB_INLINE void for_each_span(const Tile& tile, std::int64_t first, const Visit& visit) {
  Span rows{first, tile.rows, tile.stride, 0};  // of 16 values
  Span rest{0, 0, strip, 0};                    // of `count` values
  std::int64_t count = 0;
  if (is_folded(tile)) {
    const std::int64_t values = tile.rows * tile.lanes;
    rows = {0, values / strip, strip, 0};
    rest = {rows.rows * strip, 1, strip, groups_of(rows.rows)};
    count = values % strip;
  } else if (tile.lanes < strip) {
    rest = rows;
    rows.rows = 0;
    count = tile.lanes;
  }
  // One call for each kind of count: `visit` is inlined at each, in every function and for every instruction set.
  if (rows.rows > 0) visit(rows, whole);
  if (count > 0) visit(rest, count);
}

/// A strip's lanes, one after another and repeated where the tile is folded.
template <class T>
BNLAB_INLINE std::array<T, strip> repeated(const Tile& tile, const T* lanes) {
  std::array<T, strip> all;
  for (std::int64_t j = 0; j < strip; ++j)
    all[static_cast<std::size_t>(j)] = j < tile.lanes || is_folded(tile) ? lanes[j % tile.lanes] : T{};
  return all;
}
BNLAB_INLINE Floats coefficients(const Tile& tile, const float* lanes) {
  return tile.lanes >= strip ? load_strip(lanes) : load_strip(repeated(tile, lanes).data());
}

/// 16 numbers in double.
struct StripDoubles {
  EightDoubles low = {}, high = {};

  BNLAB_INLINE void add(const Floats& values) {
    const auto halves = as<std::array<EightFloats, 2>>(values);
    low += __builtin_convertvector(halves[0], EightDoubles);
    high += __builtin_convertvector(halves[1], EightDoubles);
  }
  BNLAB_INLINE Floats in_f32() const {
    return as<Floats>(std::array<EightFloats, 2>{__builtin_convertvector(low, EightFloats),
                                                 __builtin_convertvector(high, EightFloats)});
  }
  BNLAB_INLINE StripDoubles operator*(double factor) const { return {low * factor, high * factor}; }
  BNLAB_INLINE StripDoubles operator/(double divisor) const { return {low / divisor, high / divisor}; }
  BNLAB_INLINE StripDoubles or_zero_if_negative() const {
    return {low < 0.0 ? EightDoubles{} : low, high < 0.0 ? EightDoubles{} : high};
  }
  BNLAB_INLINE StripDoubles operator*(const StripDoubles& other) const { return {low * other.low, high * other.high}; }
  BNLAB_INLINE StripDoubles operator+(const StripDoubles& other) const { return {low + other.low, high + other.high}; }
  BNLAB_INLINE StripDoubles operator-(const StripDoubles& other) const { return {low - other.low, high - other.high}; }
};

/// Adds up the places of each lane, and gives all of them the sum, where the tile is folded.
BNLAB_INLINE void add_places(const Tile& tile, StripDoubles& sums) {
  if (!is_folded(tile)) return;
  auto values = as<std::array<double, strip>>(sums);
  for (std::int64_t lane = 0; lane < tile.lanes; ++lane) {
    double sum = 0;
    for (std::int64_t j = lane; j < strip; j += tile.lanes) sum += values[static_cast<std::size_t>(j)];
    for (std::int64_t j = lane; j < strip; j += tile.lanes) values[static_cast<std::size_t>(j)] = sum;
  }
  sums = as<StripDoubles>(values);
}

BNLAB_INLINE StripDoubles load_doubles(const Tile& tile, const double* from) {
  return tile.lanes >= strip ? read<StripDoubles>(from) : as<StripDoubles>(repeated(tile, from));
}
BNLAB_INLINE void store_doubles(const Tile& tile, const StripDoubles& values, double* to) {
  if (tile.lanes >= strip)
    std::memcpy(to, &values, sizeof(values));
  else
    std::memcpy(to, &values, static_cast<std::size_t>(tile.lanes) * sizeof(double));
}
/// Adds the earlier sums where rows came before.
BNLAB_INLINE void store_sums(const Tile& tile, std::int64_t rows_before, const StripDoubles& sums, double* to) {
  store_doubles(tile, rows_before > 0 ? sums + load_doubles(tile, to) : sums, to);
}

/// sums[k] += the sum over the span's rows of what term(offset, row in its group, count, values) puts into values[k];
/// before each group of rows, begin_group(its first row, its rows).
template <std::size_t K, class Count, class Begin, class Term>
BNLAB_INLINE void add_rows(const Span& span, Count count, const Begin& begin_group, const Term& term,
                           std::array<StripDoubles, K>& sums) {
  const auto add_group = [&](std::int64_t first, std::int64_t rows) BNLAB_INLINE_LAMBDA {
    begin_group(first, rows);
    std::array<Floats, K> group = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      std::array<Floats, K> values;
      term(span.offset + (first + row) * span.stride, row, count, values);
      for (std::size_t k = 0; k < K; ++k) {
        clear_behind(values[k], count);
        group[k] += values[k];
      }
    }
    for (std::size_t k = 0; k < K; ++k) sums[k].add(group[k]);
  };
  std::int64_t first = 0;
  for (; first + group_rows <= span.rows; first += group_rows) add_group(first, group_rows);
  if (first < span.rows) add_group(first, span.rows - first);
}

inline constexpr auto no_group = [](std::int64_t, std::int64_t) {};

}  // namespace bnlab::normalization::strips
