#include "experiments/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "config/csv_columns.h"
#include "config/experiment_fields.h"
#include "experiments/run_rows.h"
#include "util/errors.h"
#include "util/median.h"

namespace bnlab::experiments {
namespace {

using config::OverRows;
using config::OverTime;
using config::QuantityConfig;
using config::SeriesConfig;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// How a run ended, which its rows do not show.
struct End {
  bool diverged;
  std::int64_t last_step;
  std::int64_t steps;  // that it was to make
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

bool reaches(double value, double level, config::Better better) {
  return better == config::Better::higher ? value >= level : value <= level;
}

Value steps_to(const Series& series, const SeriesConfig& config, config::Better better, const End& end) {
  std::optional<std::int64_t> before;
  for (const Sample& sample : series) {
    if (reaches(sample.value, config.level, better)) return seen_at(sample.step, before, config.from_step);
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
    case OverTime::at_level:  // is `at` when it is here: Measurement finds the step
      break;
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

/// A quantity of one run, whose file is read once.
class Measurement {
 public:
  Measurement(const QuantityConfig& quantity, const std::filesystem::path& file, const End& end)
      : quantity_(quantity), file_(file), end_(end), table_(read_whole_csv(file)), rows_(rows_where(quantity.where)) {
    const bool compares_rows = row_of(quantity.over_rows).compares_rows;
    if (config::run_file_of(quantity.file) == config::RunFile::eval && rows_.groups() > 1 && !compares_rows)
      throw ConfigError(
          fmt::format("quantity {}: where must select one split and one kind of statistics of eval.csv, unless "
                      "over_rows compares them; {} has {} that match",
                      quantity.name, file.string(), rows_.groups()));
    if (!end.diverged) rows_.refuse_missing();
  }

  Value value() const {
    const SeriesConfig& series = quantity_.series;
    if (rows_.groups() == 0)
      return row_of(series.over_time).counts_steps ? over_time({}, series, quantity_.better, end_) : Value{none};
    const bool at_the_end = row_of(series.over_time).needs_last_row ||
                            (quantity_.divided_by && row_of(quantity_.divided_by->over_time).needs_last_row);
    if (end_.diverged && config::run_file_of(quantity_.file) != config::RunFile::train && at_the_end) return {none};
    if (reduces_rows_first(quantity_)) return over_time(compared_rows(), series, quantity_.better, end_);
    const std::optional<SeriesConfig> dividend = with_step(series);
    const std::optional<SeriesConfig> divisor = quantity_.divided_by ? with_step(*quantity_.divided_by) : std::nullopt;
    if (!dividend || (quantity_.divided_by && !divisor)) return {none};
    std::vector<Value> values;
    for (std::size_t group = 0; group < rows_.groups(); ++group) {
      Value& value = values.emplace_back(reduced(group, *dividend));
      if (divisor) value.value /= reduced(group, *divisor).value;
    }
    return over_rows(values, quantity_.over_rows);
  }

 private:
  RunRows rows_where(const config::RowFilter& where) const { return {quantity_, file_, table_, where}; }

  Value reduced(std::size_t group, const SeriesConfig& config) const {
    const Series series = rows_.series(group, config.column, config.minus, config.from_step);
    if (!end_.diverged && config.over_time == OverTime::at && !sample_at(series, config.step))
      rows_.fail(fmt::format("no row at step {}", config.step));
    return over_time(series, config, quantity_.better, end_);
  }

  /// With `at` and the step of the level for at_level, where the level is reached; others as they are.
  std::optional<SeriesConfig> with_step(SeriesConfig config) const {
    if (config.over_time != OverTime::at_level) return config;
    const std::optional<std::int64_t> step = step_of_level(config);
    if (!step) return std::nullopt;
    config.over_time = OverTime::at;
    config.step = *step;
    return config;
  }

  /// The first step at which the series of `when` is seen at the level; none where no row shows it.
  std::optional<std::int64_t> step_of_level(const SeriesConfig& config) const {
    const config::WhenConfig& when = *config.when;
    const RunRows rows = rows_where(when.where);
    if (!end_.diverged) rows.refuse_missing();
    if (rows.groups() == 0) return std::nullopt;
    if (rows.groups() > 1)
      throw ConfigError(fmt::format("quantity {}: when.where must select one row of each step; {} has {} that match",
                                    quantity_.name, file_.string(), rows.groups()));
    for (const Sample& sample : rows.series(0, when.column, "", config.from_step))
      if (reaches(sample.value, config.level, when.better)) return sample.step;
    return std::nullopt;
  }

  /// One series: the reduction over the rows of each step that all groups have.
  Series compared_rows() const {
    const SeriesConfig& one = quantity_.series;
    std::map<std::int64_t, std::vector<double>> values;
    for (std::size_t group = 0; group < rows_.groups(); ++group)
      for (const Sample& sample : rows_.series(group, one.column, one.minus, one.from_step))
        values[sample.step].push_back(sample.value);
    Series series;
    for (const auto& [step, all] : values)
      if (all.size() == rows_.groups()) series.push_back({step, over_rows(all, quantity_.over_rows)});
    return series;
  }

  const QuantityConfig& quantity_;
  const std::filesystem::path& file_;
  const End& end_;
  CsvTable table_;
  RunRows rows_;
};

}  // namespace

config::Better better_value(const QuantityConfig& quantity) {
  return row_of(quantity.series.over_time).better.value_or(quantity.better);
}

Value measure(const QuantityConfig& quantity, const std::filesystem::path& directory, const RunReport& report) {
  const bool diverged = report.state == RunState::diverged;
  if (diverged && quantity.when_diverged) return {*quantity.when_diverged};
  const End end{diverged, report.last_step, diverged ? report.steps : report.last_step};
  return Measurement(quantity, directory / quantity.file, end).value();
}

}  // namespace bnlab::experiments
