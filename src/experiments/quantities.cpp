#include "experiments/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/csv_columns.h"
#include "config/experiment_fields.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/median.h"
#include "util/nearest.h"

namespace bnlab::experiments {
namespace {

using config::OverRows;
using config::OverTime;
using config::QuantityConfig;
using config::SeriesConfig;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The columns that tell the rows of one step apart; rows that agree in all of them are one series.
constexpr std::array<std::string_view, 11> key_columns{
    "split", "statistics", "batch_size", "layer", "time", "tensor", "unit", "parameter", "factor", "multiplier", "arm"};

struct Sample {
  std::int64_t step;
  double value;
};
using Series = std::vector<Sample>;

/// How a run ended, which its rows do not show.
struct End {
  bool diverged;
  std::int64_t last_step;
  std::int64_t steps;  // that it was to make
};

/// A file's rows that count, in groups of one series each, in the order in which the groups begin.
class Rows {
 public:
  Rows(const QuantityConfig& quantity, const std::filesystem::path& file)
      : quantity_(quantity), file_(file), table_(read_csv(file)), step_(column("step")) {
    if (table_.is_cut_off) throw DataError(file.string() + ": cut off: its last line is not whole");
    std::vector<std::pair<std::size_t, const std::vector<std::string>*>> filters;
    for (const auto& [name, values] : quantity.where.columns) filters.emplace_back(column(name), &values);
    std::vector<std::size_t> keys;
    for (const std::string_view name : key_columns)
      if (const auto place = table_.find(name)) keys.push_back(*place);
    std::map<std::vector<std::string>, std::size_t> places;
    for (const auto& row : table_.rows) {
      const bool counts = std::all_of(filters.begin(), filters.end(), [&](const auto& filter) {
        return std::find(filter.second->begin(), filter.second->end(), row[filter.first]) != filter.second->end();
      });
      if (!counts) continue;
      std::vector<std::string> key;
      for (const std::size_t place : keys) key.push_back(row[place]);
      const auto [group, is_new] = places.emplace(std::move(key), groups_.size());
      if (is_new) groups_.emplace_back();
      groups_[group->second].push_back(&row);
    }
    if (config::run_file_of(quantity.file) == config::RunFile::eval && groups_.size() > 1 &&
        !row_of(quantity.over_rows).compares_rows)
      throw ConfigError(
          fmt::format("quantity {}: where must select one split and one kind of statistics of eval.csv, unless "
                      "over_rows compares them; {} has {} that match",
                      quantity.name, file.string(), groups_.size()));
  }

  std::size_t groups() const { return groups_.size(); }

  /// Throws DataError where no row counts, or a value asked for is nowhere in its column.
  void refuse_missing() const {
    if (table_.rows.empty()) fail("it has no rows");
    for (const auto& [name, values] : quantity_.where.columns) {
      const std::size_t place = column(name);
      std::set<std::string> there;
      for (const auto& row : table_.rows) there.insert(row[place]);
      for (const std::string& value : values)
        if (!there.contains(value))
          fail(fmt::format("column {} is never \"{}\"{}", name, value,
                           did_you_mean(value, {there.begin(), there.end()})));
    }
    if (groups_.empty()) fail("no row matches where");
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw DataError(fmt::format("{}: quantity {}: {}", file_.string(), quantity_.name, problem));
  }

  Series series(std::size_t group, const SeriesConfig& config) const {
    const std::size_t value = column(config.column);
    const std::size_t minus = config.minus.empty() ? value : column(config.minus);
    Series series;
    for (const auto* row : groups_[group]) {
      const std::int64_t step = step_of(*row);
      if (step < config.from_step) continue;
      series.push_back({step, number(*row, value) - (config.minus.empty() ? 0.0 : number(*row, minus))});
    }
    return series;
  }

 private:
  std::size_t column(const std::string& name) const {
    const auto place = table_.find(name);
    if (!place)
      throw ConfigError(fmt::format("quantity {}: {} has no column \"{}\"{}", quantity_.name, file_.string(), name,
                                    did_you_mean(name, table_.columns)));
    return *place;
  }

  std::int64_t step_of(const std::vector<std::string>& row) const {
    const double step = number(row, step_);
    if (!(step >= 0 && step <= 1e18))
      throw DataError(fmt::format("{}: column step: \"{}\" is not a step", file_.string(), row[step_]));
    return static_cast<std::int64_t>(step);
  }

  double number(const std::vector<std::string>& row, std::size_t place) const {
    const auto value = csv_number(row[place]);
    if (!value)
      throw DataError(
          fmt::format("{}: column {}: \"{}\" is not a number", file_.string(), table_.columns[place], row[place]));
    return *value;
  }

  const QuantityConfig& quantity_;
  const std::filesystem::path& file_;
  CsvTable table_;
  std::size_t step_;
  std::vector<std::vector<const std::vector<std::string>*>> groups_;
};

std::vector<double> values_of(const Series& series) {
  std::vector<double> values;
  for (const Sample& sample : series) values.push_back(sample.value);
  return values;
}

bool has_nan(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? none : sum / static_cast<double>(values.size());
}

double smallest(const std::vector<double>& values) {
  return values.empty() || has_nan(values) ? none : *std::min_element(values.begin(), values.end());
}
double greatest(const std::vector<double>& values) {
  return values.empty() || has_nan(values) ? none : *std::max_element(values.begin(), values.end());
}

/// The best of the values that are numbers; NaN where there is none.
double best(const Series& series, config::Better better) {
  double found = none;
  for (const Sample& sample : series) {
    if (std::isnan(sample.value)) continue;
    const bool is_better = better == config::Better::higher ? sample.value > found : sample.value < found;
    if (std::isnan(found) || is_better) found = sample.value;
  }
  return found;
}

double area(const Series& series) {
  double sum = 0;
  for (std::size_t i = 1; i < series.size(); ++i)
    sum += (series[i].value + series[i - 1].value) / 2 * static_cast<double>(series[i].step - series[i - 1].step);
  return series.size() < 2 ? none : sum;
}

/// Divided by n - 1; NaN of less than two values.
double standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return none;
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

/// Independent noise of standard deviation s around a straight line has differences of standard deviation sqrt(2) s.
double detrended_deviation(const std::vector<double>& values) {
  std::vector<double> differences;
  for (std::size_t i = 1; i < values.size(); ++i) differences.push_back(values[i] - values[i - 1]);
  return standard_deviation(differences) / std::sqrt(2.0);
}

/// The event is seen in the row of `step` and in no earlier row of a series that begins at `from`. It is exact in the
/// first possible row, otherwise it lies between the row before and this one.
Value seen_at(std::int64_t step, std::optional<std::int64_t> row_before, std::int64_t from) {
  const std::int64_t low = row_before.value_or(from);
  Value value{static_cast<double>(step)};
  if (low < step) value.between = Interval{static_cast<double>(low), value.value};
  return value;
}

/// The value where no row shows the event: at least the steps that the run was to make. In a run that completed, it can
/// only have happened after the last row.
Value never_seen(const Series& series, const End& end) {
  Value value{static_cast<double>(end.steps), Bound::at_least};
  if (!end.diverged && !series.empty() && series.back().step < end.steps)
    value.between = Interval{static_cast<double>(series.back().step), std::numeric_limits<double>::infinity()};
  return value;
}

Value steps_to(const Series& series, const SeriesConfig& config, config::Better better, const End& end) {
  std::optional<std::int64_t> before;
  for (const Sample& sample : series) {
    if (better == config::Better::higher ? sample.value >= config.level : sample.value <= config.level)
      return seen_at(sample.step, before, config.from_step);
    before = sample.step;
  }
  return never_seen(series, end);
}

/// Also without rows: a run that diverged was not finite at its last step, whether it wrote a row of it or not.
Value first_non_finite(const Series& series, const SeriesConfig& config, const End& end) {
  std::optional<std::int64_t> before;
  for (const Sample& sample : series) {
    if (!std::isfinite(sample.value)) return seen_at(sample.step, before, config.from_step);
    before = sample.step;
  }
  if (end.diverged) return seen_at(end.last_step, before, config.from_step);
  return never_seen(series, end);
}

/// The sample of a step; null where there is none.
const Sample* sample_at(const Series& series, std::int64_t step) {
  const auto found = std::find_if(series.begin(), series.end(), [&](const Sample& one) { return one.step == step; });
  return found == series.end() ? nullptr : &*found;
}

std::vector<double> last_of(const Series& series, std::optional<std::int64_t> count) {
  std::vector<double> values = values_of(series);
  if (count && static_cast<std::size_t>(*count) < values.size())
    values.erase(values.begin(), values.end() - static_cast<std::ptrdiff_t>(*count));
  return values;
}

Value over_time(const Series& series, const SeriesConfig& config, config::Better better, const End& end) {
  switch (config.over_time) {
    case OverTime::final:
      return {series.empty() ? none : series.back().value};
    case OverTime::best:
      return {best(series, better)};
    case OverTime::minimum:
      return {smallest(values_of(series))};
    case OverTime::maximum:
      return {greatest(values_of(series))};
    case OverTime::mean:
      return {mean(last_of(series, config.last))};
    case OverTime::median:
      return {median(last_of(series, config.last))};
    case OverTime::range:
      return {greatest(values_of(series)) - smallest(values_of(series))};
    case OverTime::area:
      return {area(series)};
    case OverTime::standard_deviation:
      return {standard_deviation(last_of(series, config.last))};
    case OverTime::detrended_deviation:
      return {detrended_deviation(last_of(series, config.last))};
    case OverTime::at: {
      const Sample* sample = sample_at(series, config.step);
      return {sample ? sample->value : none};
    }
    case OverTime::steps_to:
      return steps_to(series, config, better, end);
    case OverTime::first_non_finite:
      return first_non_finite(series, config, end);
  }
  return {none};
}

/// Slope of the least-squares line of ln(value) against 0, 1, 2, ...
double log_slope(const std::vector<double>& values) {
  const std::size_t n = values.size();
  if (n < 2 || std::any_of(values.begin(), values.end(), [](double value) { return !(value > 0); })) return none;
  const double centre = static_cast<double>(n - 1) / 2;
  double products = 0, squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = static_cast<double>(i) - centre;
    products += x * std::log(values[i]);
    squares += x * x;
  }
  return products / squares;
}

double over_rows(const std::vector<double>& values, OverRows reduction) {
  switch (reduction) {
    case OverRows::mean:
      return mean(values);
    case OverRows::median:
      return median(values);
    case OverRows::minimum:
      return smallest(values);
    case OverRows::maximum:
      return greatest(values);
    case OverRows::sum:
      return values.empty() ? none : mean(values) * static_cast<double>(values.size());
    case OverRows::difference:
      return values.size() < 2 ? none : values.back() - values.front();
    case OverRows::ratio:
      return values.size() < 2 ? none : values.back() / values.front();
    case OverRows::log_slope:
      return log_slope(values);
  }
  return none;
}

/// Only numbers of steps have ends of their own, and for them no reduction is a difference, a ratio or a slope. All
/// others grow with each of the values, so the reduced ends are the ends of the result.
Value over_rows(const std::vector<Value>& values, OverRows reduction) {
  std::vector<double> measured, low, high;
  for (const Value& value : values) {
    measured.push_back(value.value);
    low.push_back(known(value).low);
    high.push_back(known(value).high);
  }
  Value result{over_rows(measured, reduction)};
  const Interval ends = {over_rows(low, reduction), over_rows(high, reduction)};
  if (std::isinf(ends.high) && !std::isinf(result.value)) result.bound = Bound::at_least;
  if (ends.low < result.value) result.between = ends;
  return result;
}

}  // namespace

config::Better better_value(const QuantityConfig& quantity) {
  return row_of(quantity.series.over_time).better.value_or(quantity.better);
}

Value measure(const QuantityConfig& quantity, const std::filesystem::path& directory, const RunReport& report) {
  const bool diverged = report.state == RunState::diverged;
  if (diverged && quantity.when_diverged) return {*quantity.when_diverged};
  const End end{diverged, report.last_step, diverged ? report.steps : report.last_step};
  const OverTime reduction = quantity.series.over_time;
  const std::filesystem::path file = directory / quantity.file;
  const Rows rows(quantity, file);
  if (!diverged) rows.refuse_missing();
  if (rows.groups() == 0)
    return row_of(reduction).counts_steps ? over_time({}, quantity.series, quantity.better, end) : Value{none};
  const bool at_the_end = row_of(reduction).needs_last_row ||
                          (quantity.divided_by && row_of(quantity.divided_by->over_time).needs_last_row);
  if (diverged && config::run_file_of(quantity.file) != config::RunFile::train && at_the_end) return {none};
  const auto reduced = [&](std::size_t group, const SeriesConfig& config) {
    const Series series = rows.series(group, config);
    if (!diverged && config.over_time == OverTime::at && !sample_at(series, config.step))
      rows.fail(fmt::format("no row at step {}", config.step));
    return over_time(series, config, quantity.better, end);
  };
  std::vector<Value> values;
  for (std::size_t group = 0; group < rows.groups(); ++group) {
    Value& value = values.emplace_back(reduced(group, quantity.series));
    if (quantity.divided_by) value.value /= reduced(group, *quantity.divided_by).value;
  }
  return over_rows(values, quantity.over_rows);
}

}  // namespace bnlab::experiments
