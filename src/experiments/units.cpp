#include "experiments/units.h"

namespace bnlab::experiments {

using config::QuantityConfig;

bool is_share(const QuantityConfig& quantity) {
  const config::OverTimeKind& kind = row_of(quantity.series.over_time);
  return !unit_of_column(quantity.series.column).name.empty() && quantity.unit.empty() && !quantity.divided_by &&
         !kind.counts_steps && quantity.series.over_time != config::OverTime::area &&
         !row_of(quantity.over_rows).is_logarithm && quantity.over_rows != config::OverRows::ratio;
}

bool is_difference(const QuantityConfig& quantity) {
  return !quantity.series.minus.empty() || unit_of_column(quantity.series.column).name == points.name ||
         row_of(quantity.over_rows).compares_rows || row_of(quantity.series.over_time).is_spread;
}

Unit unit_of(const QuantityConfig& quantity) {
  if (row_of(quantity.over_rows).is_logarithm) {
    Unit unit{quantity.unit.empty() ? "times" : "times " + quantity.unit};
    unit.is_factor = true;
    unit.is_backwards = quantity.factor_to == config::FactorTo::previous;
    return unit;
  }
  if (is_share(quantity)) return is_difference(quantity) ? points : percent;
  const bool counts_steps = row_of(quantity.series.over_time).counts_steps;
  return {counts_steps && quantity.unit.empty() ? "steps" : quantity.unit};
}

Unit unit_of_column(const std::string& column) {
  if (column == "accuracy_lost") return points;
  const std::size_t end = column.rfind('_');
  return column.substr(end == std::string::npos ? 0 : end + 1) == "accuracy" ? percent : Unit{};
}

}  // namespace bnlab::experiments
