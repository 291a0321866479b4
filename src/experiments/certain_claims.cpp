#include "experiments/certain_claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "data/dataset.h"
#include "experiments/statistics.h"
#include "util/errors.h"
#include "util/join.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::CriterionType;
using config::OverRows;
using config::OverTime;
using config::QuantityConfig;
using config::SeriesConfig;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Interval any_number{-infinity, infinity};
constexpr Interval from_zero{0, infinity};
constexpr Interval fraction{0, 1};

// ---- what values a quantity can have

struct ColumnRange {
  std::string_view column;
  Interval values;
};

/// Columns of runs' files whose values are known to be bounded; a name means the same in each file that has it.
constexpr ColumnRange column_ranges[] = {
    {"step", from_zero},
    {"epoch", from_zero},
    {"examples", from_zero},
    {"learning_rate", from_zero},
    {"loss", from_zero},
    {"accuracy", fraction},
    {"gradient_norm", from_zero},
    {"weight_norm", from_zero},
    {"value_norm", from_zero},
    {"seconds", from_zero},
    {"standard_deviation", from_zero},
    {"fraction_saturated", fraction},
    {"fraction_dead", fraction},
    {"running_variance", from_zero},
    {"batch_variance", from_zero},
    {"mean_magnitude", from_zero},
    {"variance", from_zero},
    {"second_moment", from_zero},
    {"squared_norm", from_zero},
    {"squared_step", from_zero},
    {"effective_rank", {1, infinity}},
    {"mean_cosine", {-1, 1}},
    {"orthogonality_gap", {0, std::numbers::sqrt2}},
    {"trace_gap", fraction},
    {"cosine", {-1, 1}},
    {"ones_cosine", fraction},
    {"normalized_cosine", fraction},
    {"ones_cosine_mean", fraction},
    {"normalized_cosine_mean", fraction},
    {"output_error", from_zero},
    {"gradient_error", from_zero},
    {"identity_error", from_zero},
    {"error", from_zero},
    {"batch_error", from_zero},
    {"size", from_zero},
    {"loss_change", from_zero},
    {"gradient_ratio", from_zero},
    {"running_mean_gap", from_zero},
    {"batch_mean_gap", from_zero},
    {"running_variance_ratio", from_zero},
    {"batch_variance_ratio", from_zero},
    {"branch_magnitude", from_zero},
    {"branch_share", from_zero},
};

Interval range_of_column(const std::string& column) {
  const auto found = std::ranges::find(column_ranges, column, &ColumnRange::column);
  return found == std::end(column_ranges) ? any_number : found->values;
}

Interval minus(Interval a, Interval b) { return {a.low - b.high, a.high - b.low}; }

Interval range_of(const SeriesConfig& series) {
  Interval values = range_of_column(series.column);
  if (!series.minus.empty()) values = minus(values, range_of_column(series.minus));
  switch (series.over_time) {
    case OverTime::final:
    case OverTime::best:
    case OverTime::minimum:
    case OverTime::maximum:
    case OverTime::mean:
    case OverTime::median:
    case OverTime::at:
    case OverTime::at_level:
      return values;
    case OverTime::range:
      return {0, values.high - values.low};
    case OverTime::standard_deviation:
    case OverTime::detrended_deviation:
      return from_zero;
    case OverTime::area:  // over some number of steps
      return {values.low < 0 ? -infinity : 0, values.high > 0 ? infinity : 0};
    case OverTime::steps_to:
    case OverTime::first_non_finite:
      break;
  }
  return from_zero;
}

Interval over_rows(OverRows reduction, Interval values) {
  switch (reduction) {
    case OverRows::mean:
    case OverRows::median:
    case OverRows::minimum:
    case OverRows::maximum:
      return values;
    case OverRows::sum:  // of some number of rows
      return {values.low < 0 ? -infinity : values.low, values.high > 0 ? infinity : values.high};
    case OverRows::difference:
      return minus(values, values);
    case OverRows::ratio:
      return values.low >= 0 ? from_zero : any_number;
    case OverRows::log_slope:
      break;
  }
  return any_number;
}

Interval range_of(const QuantityConfig& quantity) {
  Interval values = range_of(quantity.series);
  if (quantity.divided_by) values = values.low >= 0 && range_of(*quantity.divided_by).low >= 0 ? from_zero : any_number;
  if (!reduces_rows_first(quantity)) values = over_rows(quantity.over_rows, values);
  if (quantity.when_diverged)
    values = {std::min(values.low, *quantity.when_diverged), std::max(values.high, *quantity.when_diverged)};
  return values;
}

/// What the values can be that the level of a quantity is compared with.
Interval range_at_a_step(QuantityConfig quantity) {
  if (quantity.series.when) return range_of_column(quantity.series.when->column);
  quantity.series.over_time = OverTime::final;
  quantity.when_diverged.reset();
  return range_of(quantity);
}

Interval weighted_sum(const std::vector<double>& weights, Interval values) {
  Interval sum{0, 0};
  for (const double weight : weights) {
    const double low = weight * values.low, high = weight * values.high;
    sum = {sum.low + std::min(low, high), sum.high + std::max(low, high)};
  }
  return sum;
}

/// What a criterion's effect can be, where its quantity has these values.
Interval range_of_effect(const CriterionConfig& criterion, Interval values) {
  switch (criterion.type) {
    case CriterionType::value:
      return values;
    case CriterionType::difference:
    case CriterionType::equality:
      return minus(values, values);
    case CriterionType::ratio:
      return from_zero;
    case CriterionType::range:
      return {0, values.high - values.low};
    case CriterionType::widest_interval:
      return criterion.arms.size() == 1 ? Interval{1, infinity} : from_zero;
    case CriterionType::contrast:
      return weighted_sum(criterion.weights, values);
    case CriterionType::log_slope:
    case CriterionType::order:
      break;
  }
  return any_number;
}

// ---- the checks

/// What a run of a config trains and measures: equal texts where they can't differ.
std::string essence_of(config::RunConfig config) {
  config.description.clear();
  config.record = {};
  if (!config.dataset.path.empty())
    if (const auto place = data::locate(config.dataset); place && place->empty())
      config.dataset.path.clear();  // no file
  return config::to_json(config);
}

class ClaimChecks {
 public:
  explicit ClaimChecks(const Plan& plan) : plan_(plan) {
    for (const ArmPoint& point : plan.points) {
      runs_[point.label] = essence_of(point.config);
      labels_[point.arm].push_back(point.label);
    }
  }

  void run() {
    for (const config::ArmConfig& arm : plan_.experiment.arms) check_points(arm.name);
    for (const QuantityConfig& quantity : plan_.experiment.quantities) check_level(quantity);
    for (const CriterionConfig& criterion : plan_.experiment.criteria) {
      check_arms(criterion);
      check_thresholds(criterion);
    }
    if (!problems_.empty()) throw ConfigError(join(problems_, "\n"));
  }

 private:
  void add(const CriterionConfig& criterion, const std::string& problem) {
    problems_.push_back(fmt::format("{}: criterion {}: {}", plan_.experiment.name, criterion.name, problem));
  }

  void check_points(const std::string& arm) {
    std::map<std::string, std::string> first;  // label, by its runs
    for (const std::string& label : labels_[arm]) {
      const auto [other, is_new] = first.emplace(runs_[label], label);
      if (!is_new)
        problems_.push_back(fmt::format("{}: arm {}: the points {} and {} have the same config; remove one",
                                        plan_.experiment.name, arm, other->second, label));
    }
  }

  /// What the runs of a criterion's arm or point are: equal texts for equal runs.
  std::string runs_of(const std::string& label) {
    if (runs_.contains(label)) return runs_[label];
    for (const config::ArmConfig& arm : plan_.experiment.arms)
      if (arm.name == label && arm.best_of)
        return fmt::format("best of {} by {} of {}", arm.best_of->arm, arm.best_of->quantity,
                           arm.best_of->chosen_by.value_or(arm.best_of->arm));
    std::vector<std::string> all;
    for (const std::string& point : labels_[label]) all.push_back(runs_[point]);
    std::ranges::sort(all);
    return join(all);
  }

  void check_arms(const CriterionConfig& criterion) {
    std::map<std::string, std::string> first;  // arm, by its runs
    for (const std::string& arm : criterion.arms) {
      const auto [other, is_new] = first.emplace(runs_of(arm), arm);
      if (!is_new) add(criterion, fmt::format("compares {} with {}, which have the same config", other->second, arm));
    }
  }

  void check_thresholds(const CriterionConfig& criterion) {
    const QuantityConfig& quantity =
        *std::ranges::find(plan_.experiment.quantities, criterion.quantity, &QuantityConfig::name);
    const Interval effects = range_of_effect(criterion, range_of(quantity));
    const auto refuse = [&](const char* field, const std::optional<double>& threshold, bool always, bool never) {
      if (threshold && (always || never))
        add(criterion,
            fmt::format("{} {:.4g} is {} met: {} of {} lies in [{:.4g}, {:.4g}]; {}", field, *threshold,
                        always ? "always" : "never",
                        criterion.type == CriterionType::value ? "the value" : "a " + config::name_of(criterion.type),
                        criterion.quantity, effects.low, effects.high,
                        always ? "remove the threshold to measure without a verdict" : "choose a threshold inside"));
    };
    const CriterionConfig& c = criterion;
    refuse("at_least", c.at_least, c.at_least <= effects.low, c.at_least > effects.high);
    refuse("more_than", c.more_than, c.more_than < effects.low, c.more_than >= effects.high);
    refuse("at_most", c.at_most, c.at_most >= effects.high, c.at_most < effects.low);
    refuse("less_than", c.less_than, c.less_than > effects.high, c.less_than <= effects.low);
    refuse("within", c.within, c.within >= effects.high, false);
  }

  /// A level, which values reach from the other side.
  void check_level(const QuantityConfig& quantity) {
    const SeriesConfig& series = quantity.series;
    if (!row_of(series.over_time).takes_level) return;
    const double level = series.level;
    const bool is_higher = (series.when ? series.when->better : quantity.better) == config::Better::higher;
    const Interval values = range_at_a_step(quantity);
    const bool always = is_higher ? level <= values.low : level >= values.high;
    if (always || (is_higher ? level > values.high : level < values.low))
      problems_.push_back(fmt::format(
          "{}: quantity {}: level {:.4g} is {} reached: its values lie in [{:.4g}, {:.4g}]; "
          "choose a level inside",
          plan_.experiment.name, quantity.name, level, always ? "always" : "never", values.low, values.high));
  }

  const Plan& plan_;
  std::map<std::string, std::string> runs_;                 // what they train, by label
  std::map<std::string, std::vector<std::string>> labels_;  // of the points, by arm
  std::vector<std::string> problems_;
};

}  // namespace

void refuse_certain_claims(const Plan& plan) { ClaimChecks(plan).run(); }

}  // namespace bnlab::experiments
