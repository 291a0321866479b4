#pragma once
// The kinds of reductions, criteria and figures that an experiment can name. Each kind is one row: its name in JSON,
// its meaning in one line, and what else the program must know of it. Names, JSON Schema, reference, checks and lists
// are derived from these tables. To add a kind: its enum value, its row, and a case in each switch over the enum.

#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>

#include "config/kind.h"

namespace bnlab::config {

enum class Better { higher, lower };
enum class OverTime {
  final,
  best,
  minimum,
  maximum,
  mean,
  median,
  range,
  area,
  standard_deviation,
  detrended_deviation,
  at,
  at_level,
  steps_to,
  first_non_finite
};
enum class OverRows { mean, median, minimum, maximum, sum, difference, ratio, log_slope };
enum class FactorTo { next, previous };
enum class CriterionType { value, difference, ratio, log_slope, range, widest_interval, equality, order, contrast };
enum class FigureType { none, curves, axis, bands, heat_map, rows, fill };

/// How many of something a kind takes.
struct Count {
  std::size_t least, most;
  constexpr bool holds(std::size_t number) const { return number >= least && number <= most; }
};
inline constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

template <>
struct Names<Better> {
  static constexpr Named<Better> table[] = {{"higher", Better::higher}, {"lower", Better::lower}};
};

// ---- a quantity's reduction over time

struct OverTimeKind {
  std::string_view name;
  OverTime value;
  std::string_view meaning;
  bool needs_last_row = true;         // a run that diverged did not write what this needs, unless train.csv has it
  bool takes_last = false;            // the field `last`
  bool takes_level = false;           // the field `level`
  bool is_spread = false;             // a distance between values, not one of them
  bool counts_steps = false;          // the number is one of steps; a run may only say that it is more than its own
  std::optional<Better> better = {};  // of two such numbers; unset: as the quantity's `better` says
};

template <>
struct Names<OverTime> {
  using enum OverTime;
  static constexpr OverTimeKind table[] = {
      {.name = "final", .value = final, .meaning = "the last row"},
      {.name = "best", .value = best, .meaning = "the best finite value, as `better` says", .needs_last_row = false},
      {.name = "minimum", .value = minimum, .meaning = "the smallest of all rows"},
      {.name = "maximum", .value = maximum, .meaning = "the largest of all rows"},
      {.name = "mean", .value = mean, .meaning = "the mean of all rows, or of the `last` ones", .takes_last = true},
      {.name = "median",
       .value = median,
       .meaning = "the median of all rows, or of the `last` ones",
       .takes_last = true},
      {.name = "range", .value = range, .meaning = "largest value - smallest", .is_spread = true},
      {.name = "area", .value = area, .meaning = "the area under the curve over the steps (trapezoids)"},
      {.name = "standard_deviation",
       .value = standard_deviation,
       .meaning = "the standard deviation of all rows, or of the `last` ones (divided by n - 1)",
       .takes_last = true,
       .is_spread = true},
      {.name = "detrended_deviation",
       .value = detrended_deviation,
       .meaning = "the standard deviation of the differences between successive rows / sqrt(2), which a linear trend "
                  "does not affect; of all rows, or of the `last` ones",
       .takes_last = true,
       .is_spread = true},
      {.name = "at", .value = at, .meaning = "the row of the step `step`", .needs_last_row = false},
      {.name = "at_level",
       .value = at_level,
       .meaning = "the row of the first step at which the series `when` reaches `level`",
       .needs_last_row = false,
       .takes_level = true},
      {.name = "steps_to",
       .value = steps_to,
       .meaning = "the first step at which `level` is reached",
       .needs_last_row = false,
       .takes_level = true,
       .counts_steps = true,
       .better = Better::lower},
      {.name = "first_non_finite",
       .value = first_non_finite,
       .meaning = "the first step at which the value is not finite",
       .needs_last_row = false,
       .counts_steps = true,
       .better = Better::higher},
  };
};

// ---- a quantity's reduction over rows

struct OverRowsKind {
  std::string_view name;
  OverRows value;
  std::string_view meaning;
  bool compares_rows = false;  // it is about differences between rows, so they may be of several splits and statistics
  bool is_logarithm = false;   // people see the factor that it is the logarithm of
};

template <>
struct Names<OverRows> {
  using enum OverRows;
  static constexpr OverRowsKind table[] = {
      {.name = "mean", .value = mean, .meaning = "the mean of all"},
      {.name = "median", .value = median, .meaning = "the median of all"},
      {.name = "minimum", .value = minimum, .meaning = "the smallest"},
      {.name = "maximum", .value = maximum, .meaning = "the largest"},
      {.name = "sum", .value = sum, .meaning = "the sum of all"},
      {.name = "difference", .value = difference, .meaning = "the last - the first", .compares_rows = true},
      {.name = "ratio", .value = ratio, .meaning = "the last / the first", .compares_rows = true},
      {.name = "log_slope",
       .value = log_slope,
       .meaning = "the slope of a line fitted to the logarithm by the index of the row",
       .compares_rows = true,
       .is_logarithm = true},
  };
};

template <>
struct Names<FactorTo> {
  static constexpr Named<FactorTo> table[] = {{"next", FactorTo::next, "from each row to the next"},
                                              {"previous", FactorTo::previous, "from each row to the one before"}};
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

/// What a criterion's effect is measured in.
enum class EffectUnit {
  quantity,    // as the quantity
  difference,  // of two of its values
  times,
  logarithm  // of a factor
};

struct CriterionKind {
  std::string_view name;
  CriterionType value;
  std::string_view meaning;
  Count arms;
  AxisValues axis = AxisValues::no_axis;  // along which an arm has its points
  Count points = {1, 1};                  // of each arm, for which there is an effect
  bool needs_usable = false;              // the field `usable`
  bool needs_weights = false;             // the field `weights`
  ClaimType claim = ClaimType::thresholds;
  EffectUnit unit = EffectUnit::difference;

  constexpr bool has_axis() const { return axis != AxisValues::no_axis; }
};

template <>
struct Names<CriterionType> {
  using enum CriterionType;
  static constexpr CriterionKind table[] = {
      {.name = "value",
       .value = value,
       .meaning = "the quantity of one arm",
       .arms = {1, 1},
       .unit = EffectUnit::quantity},
      {.name = "difference", .value = difference, .meaning = "first arm - second", .arms = {2, 2}},
      {.name = "ratio", .value = ratio, .meaning = "first arm / second", .arms = {2, 2}, .unit = EffectUnit::times},
      {.name = "log_slope",
       .value = log_slope,
       .meaning = "the slope of the quantity's logarithm over an axis (two arms: first - second), shown as a factor",
       .arms = {1, 2},
       .axis = AxisValues::numbers,
       .points = {2, any_number},
       .unit = EffectUnit::logarithm},
      {.name = "range",
       .value = range,
       .meaning = "the largest difference between two points of an axis",
       .arms = {1, 1},
       .axis = AxisValues::any,
       .points = {2, any_number}},
      {.name = "widest_interval",
       .value = widest_interval,
       .meaning = "the widest usable range of an axis, largest value / smallest (two arms: their ratio)",
       .arms = {1, 2},
       .axis = AxisValues::positive_numbers,
       .points = {1, any_number},
       .needs_usable = true,
       .unit = EffectUnit::times},
      {.name = "equality",
       .value = equality,
       .meaning = "two arms are equal within a tolerance",
       .arms = {2, 2},
       .claim = ClaimType::tolerance},
      {.name = "order",
       .value = order,
       .meaning = "the arms are in order, from the smallest value to the largest",
       .arms = {2, any_number},
       .claim = ClaimType::above_zero},
      {.name = "contrast",
       .value = contrast,
       .meaning = "the sum of weight * quantity over the arms",
       .arms = {2, any_number},
       .needs_weights = true},
  };
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
  bool takes_ends = false;    // the fields low and high
  bool takes_divided_by = false;
  bool takes_step = false;
  bool takes_min_y = false;
};

template <>
struct Names<FigureType> {
  using enum FigureType;
  static constexpr FigureKind table[] = {
      {.name = "none", .value = none, .meaning = "no figure"},
      {.name = "curves",
       .value = curves,
       .meaning = "a column over the steps",
       .source = FigureSource::file,
       .takes_column = true,
       .takes_divided_by = true},
      {.name = "axis",
       .value = axis,
       .meaning = "a quantity over an axis",
       .source = FigureSource::quantity,
       .axes = 1,
       .takes_min_y = true},
      {.name = "bands", .value = bands, .meaning = "percentiles over the steps", .source = FigureSource::file},
      {.name = "heat_map",
       .value = heat_map,
       .meaning = "a quantity over two axes",
       .source = FigureSource::quantity,
       .axes = 2},
      {.name = "rows",
       .value = rows,
       .meaning =
           "a column over the rows of one step, such as layers; rows named by numbers are placed at these numbers",
       .source = FigureSource::file,
       .takes_column = true,
       .takes_step = true},
      {.name = "fill",
       .value = fill,
       .meaning = "the area between two columns over the steps",
       .source = FigureSource::file,
       .takes_ends = true},
  };
};

static_assert(has_all_rows(OverTime::first_non_finite) && has_all_rows(OverRows::log_slope));
static_assert(has_all_rows(CriterionType::contrast) && has_all_rows(FigureType::fill));

}  // namespace bnlab::config
