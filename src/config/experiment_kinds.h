#pragma once
// The kinds of reductions, criteria and figures that an experiment can name. Each kind is one row: its name in JSON,
// its meaning in one line, and what else the program must know of it. Names, JSON Schema, reference, checks and lists
// are derived from these tables. To add a kind: its enum value, its row, and a case in each switch over the enum.

#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>

namespace bnlab::config {

enum class Better { higher, lower };
enum class OverTime { final, best, minimum, maximum, mean, median, range, area, at, steps_to, first_non_finite };
enum class OverRows { mean, median, minimum, maximum, sum, difference, log_slope };
enum class CriterionType { value, difference, ratio, log_slope, range, widest_interval, equality, order };
enum class FigureType { none, curves, axis, bands, heat_map, rows };

/// How many of something a kind takes.
struct Count {
  std::size_t least, most;
  constexpr bool holds(std::size_t number) const { return number >= least && number <= most; }
};
inline constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

// ---- a quantity's reduction over time

struct OverTimeKind {
  std::string_view name;
  OverTime value;
  std::string_view meaning;
  bool needs_last_row = true;         // a run that diverged did not write what this needs, unless train.csv has it
  bool takes_last = false;            // the field `last`
  bool counts_steps = false;          // the number is one of steps; a run may only say that it is more than its own
  std::optional<Better> better = {};  // of two such numbers; unset: as the quantity's `better` says
};

inline constexpr OverTimeKind over_time_kinds[] = {
    {.name = "final", .value = OverTime::final, .meaning = "the last row"},
    {.name = "best",
     .value = OverTime::best,
     .meaning = "the best value that is a number, as `better` says",
     .needs_last_row = false},
    {.name = "minimum", .value = OverTime::minimum, .meaning = "the smallest of all rows"},
    {.name = "maximum", .value = OverTime::maximum, .meaning = "the largest of all rows"},
    {.name = "mean",
     .value = OverTime::mean,
     .meaning = "the mean of all rows, or of the `last` ones",
     .takes_last = true},
    {.name = "median",
     .value = OverTime::median,
     .meaning = "the median of all rows, or of the `last` ones",
     .takes_last = true},
    {.name = "range", .value = OverTime::range, .meaning = "the largest value - the smallest"},
    {.name = "area", .value = OverTime::area, .meaning = "the area under the curve over the steps (trapezoids)"},
    {.name = "at", .value = OverTime::at, .meaning = "the row of the step `step`", .needs_last_row = false},
    {.name = "steps_to",
     .value = OverTime::steps_to,
     .meaning = "the first step at which `level` is reached",
     .needs_last_row = false,
     .counts_steps = true,
     .better = Better::lower},
    {.name = "first_non_finite",
     .value = OverTime::first_non_finite,
     .meaning = "the first step with a value that is not finite",
     .needs_last_row = false,
     .counts_steps = true,
     .better = Better::higher},
};

// ---- a quantity's reduction over rows

struct OverRowsKind {
  std::string_view name;
  OverRows value;
  std::string_view meaning;
  bool compares_rows = false;  // it is about differences between rows, so they may be of several splits and statistics
};

inline constexpr OverRowsKind over_rows_kinds[] = {
    {.name = "mean", .value = OverRows::mean, .meaning = "the mean of all"},
    {.name = "median", .value = OverRows::median, .meaning = "the median of all"},
    {.name = "minimum", .value = OverRows::minimum, .meaning = "the smallest"},
    {.name = "maximum", .value = OverRows::maximum, .meaning = "the largest"},
    {.name = "sum", .value = OverRows::sum, .meaning = "the sum of all"},
    {.name = "difference", .value = OverRows::difference, .meaning = "the last - the first", .compares_rows = true},
    {.name = "log_slope",
     .value = OverRows::log_slope,
     .meaning = "the slope of the logarithm against the row's number",
     .compares_rows = true},
};

// ---- criteria

/// What the values of a criterion's axis must be.
enum class AxisValues { no_axis, any, numbers, positive_numbers };

/// Which effects a criterion's claim allows.
enum class ClaimType {
  thresholds,  // those that at_least, more_than, at_most and less_than leave; without them nothing is claimed
  tolerance,   // those within `within` of 0
  above_zero
};

struct CriterionKind {
  std::string_view name;
  CriterionType value;
  std::string_view meaning;
  Count arms;
  AxisValues axis = AxisValues::no_axis;  // along which an arm has its points
  Count points = {1, 1};                  // of each arm, for which there is an effect
  bool needs_usable = false;              // the field `usable`
  ClaimType claim = ClaimType::thresholds;

  constexpr bool has_axis() const { return axis != AxisValues::no_axis; }
};

inline constexpr CriterionKind criterion_kinds[] = {
    {.name = "value", .value = CriterionType::value, .meaning = "the quantity of one arm", .arms = {1, 1}},
    {.name = "difference", .value = CriterionType::difference, .meaning = "first arm - second", .arms = {2, 2}},
    {.name = "ratio",
     .value = CriterionType::ratio,
     .meaning = "first arm / second, from the differences of logarithms",
     .arms = {2, 2}},
    {.name = "log_slope",
     .value = CriterionType::log_slope,
     .meaning = "the slope of the quantity's logarithm over an axis (of two arms: first - second)",
     .arms = {1, 2},
     .axis = AxisValues::numbers,
     .points = {2, any_number}},
    {.name = "range",
     .value = CriterionType::range,
     .meaning = "the largest difference between two points of an axis",
     .arms = {1, 1},
     .axis = AxisValues::any,
     .points = {2, any_number}},
    {.name = "widest_interval",
     .value = CriterionType::widest_interval,
     .meaning = "the widest usable part of an axis, last value / first (of two arms: their ratio)",
     .arms = {1, 2},
     .axis = AxisValues::positive_numbers,
     .points = {1, any_number},
     .needs_usable = true},
    {.name = "equality",
     .value = CriterionType::equality,
     .meaning = "two arms are equal within a tolerance",
     .arms = {2, 2},
     .claim = ClaimType::tolerance},
    {.name = "order",
     .value = CriterionType::order,
     .meaning = "the arms are in order, from the smallest value to the largest",
     .arms = {2, any_number},
     .claim = ClaimType::above_zero},
};

// ---- figures

/// Where the numbers of a figure come from.
enum class FigureSource { nothing, quantity, file };

struct FigureKind {
  std::string_view name;
  FigureType value;
  std::string_view meaning;
  FigureSource source = FigureSource::nothing;
  std::size_t axes = 0;       // that one of the arms must have
  bool takes_column = false;  // the fields of the same names
  bool takes_divided_by = false;
  bool takes_step = false;
  bool takes_min_y = false;
};

inline constexpr FigureKind figure_kinds[] = {
    {.name = "none", .value = FigureType::none, .meaning = "no figure"},
    {.name = "curves",
     .value = FigureType::curves,
     .meaning = "a column over the steps",
     .source = FigureSource::file,
     .takes_column = true,
     .takes_divided_by = true},
    {.name = "axis",
     .value = FigureType::axis,
     .meaning = "a quantity over an axis",
     .source = FigureSource::quantity,
     .axes = 1,
     .takes_min_y = true},
    {.name = "bands",
     .value = FigureType::bands,
     .meaning = "percentiles over the steps",
     .source = FigureSource::file},
    {.name = "heat_map",
     .value = FigureType::heat_map,
     .meaning = "a quantity over two axes",
     .source = FigureSource::quantity,
     .axes = 2},
    {.name = "rows",
     .value = FigureType::rows,
     .meaning = "a column over the rows of one step, such as layers",
     .source = FigureSource::file,
     .takes_column = true,
     .takes_step = true},
};

// ---- look-up

/// The table of an enum's family.
constexpr const auto& kinds_of(OverTime) { return over_time_kinds; }
constexpr const auto& kinds_of(OverRows) { return over_rows_kinds; }
constexpr const auto& kinds_of(CriterionType) { return criterion_kinds; }
constexpr const auto& kinds_of(FigureType) { return figure_kinds; }

/// The row of a kind.
template <class E>
constexpr const auto& kind_of(E value) {
  const auto& table = kinds_of(value);
  std::size_t i = 0;
  while (table[i].value != value) ++i;  // each value has a row: checked below
  return table[i];
}

namespace kinds_check {
/// Whether the rows are those of the values 0, 1, 2, ... in this order, `last` being the last.
template <class E>
constexpr bool is_complete(E last) {
  std::size_t i = 0;
  for (const auto& row : kinds_of(last))
    if (row.value != static_cast<E>(i++)) return false;
  return i == static_cast<std::size_t>(last) + 1;
}
static_assert(is_complete(OverTime::first_non_finite) && is_complete(OverRows::log_slope));
static_assert(is_complete(CriterionType::order) && is_complete(FigureType::rows));
}  // namespace kinds_check

}  // namespace bnlab::config
