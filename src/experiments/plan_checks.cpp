#include "experiments/plan_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/csv_columns.h"
#include "config/experiment_fields.h"
#include "config/probe_files.h"
#include "training/evaluation.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/nearest.h"

namespace bnlab::experiments {
namespace {

using config::CriterionConfig;
using config::QuantityConfig;
using config::RowFilter;
using config::RunConfig;
using config::WhenConfig;
using Names = std::vector<std::string>;

bool has(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// In eval.csv, as the evaluation of a run names them.
Names splits_of(const RunConfig& config) {
  using config::SplitName;
  Names names{name_of(SplitName::test)};
  if (config.evaluation.train_split) names.push_back(name_of(SplitName::train));
  if (config.dataset.validation > 0) names.push_back(name_of(SplitName::validation));
  return names;
}

Names statistics_of(const RunConfig& config) {
  Names names;
  for (const config::Statistics one : training::evaluated_statistics(config)) names.push_back(config::name_of(one));
  return names;
}

/// Of batch statistics, in the column of eval.csv that a run with several has; none in another.
Names batch_sizes_of(const RunConfig& config) {
  Names names;
  for (const std::int64_t size : config.evaluation.batch_sizes) names.push_back(std::to_string(size));
  return names;
}

/// All in that column: those of other statistics have evaluation.batch_size.
Names all_batch_sizes_of(const RunConfig& config) {
  Names names = batch_sizes_of(config);
  if (std::string other = std::to_string(config.evaluation.batch_size); !names.empty() && !has(names, other))
    names.push_back(std::move(other));
  return names;
}

/// The series that decide at which step a quantity is read.
std::vector<WhenConfig> conditions_of(const QuantityConfig& quantity) {
  std::vector<WhenConfig> all;
  if (quantity.series.when) all.push_back(*quantity.series.when);
  if (quantity.divided_by && quantity.divided_by->when) all.push_back(*quantity.divided_by->when);
  return all;
}

class PlanChecks {
 public:
  explicit PlanChecks(const Plan& plan) : plan_(plan) {}

  void run() {
    for (const QuantityConfig& quantity : plan_.experiment.quantities) check(quantity);
    for (const CriterionConfig& criterion : plan_.experiment.criteria)
      for (const std::string& arm : criterion.arms)
        if (!criterion.axis.empty()) check_axis(criterion, arm);
    if (!problems_.empty()) throw ConfigError(join(problems_, "\n"));
  }

 private:
  void add(const char* kind, const std::string& name, const std::string& problem) {
    problems_.push_back(fmt::format("{}: {} {}: {}", plan_.experiment.name, kind, name, problem));
  }
  void add(const QuantityConfig& quantity, const std::string& problem) { add("quantity", quantity.name, problem); }

  void check(const QuantityConfig& quantity) {
    switch (config::run_file_of(quantity.file)) {
      case config::RunFile::train:
        check_columns(quantity);
        break;
      case config::RunFile::eval:
        if (!check_columns(quantity)) break;
        check_splits(quantity, "where", quantity.where, row_of(quantity.over_rows).compares_rows);
        for (const WhenConfig& when : conditions_of(quantity)) check_splits(quantity, "when.where", when.where, false);
        break;
      case config::RunFile::probe:
        check_probe(quantity);
        break;
    }
  }

  /// Whether they are there.
  bool check_columns(const QuantityConfig& quantity) {
    const auto columns = config::columns_of(config::run_file_of(quantity.file));
    const Names there(columns.begin(), columns.end());
    Names wanted{quantity.series.column, quantity.series.minus};
    if (quantity.divided_by) wanted.insert(wanted.end(), {quantity.divided_by->column, quantity.divided_by->minus});
    for (const auto& [column, values] : quantity.where.columns) wanted.push_back(column);
    for (const WhenConfig& when : conditions_of(quantity)) {
      wanted.push_back(when.column);
      for (const auto& [column, values] : when.where.columns) wanted.push_back(column);
    }
    bool good = true;
    for (const std::string& column : wanted) {
      if (column.empty() || has(there, column)) continue;
      const std::string hint = did_you_mean(column, there);
      add(quantity, fmt::format("{} has no column \"{}\"{}", quantity.file, column,
                                hint.empty() ? "; it has " + join(there, ", ") : hint));
      good = false;
    }
    return good;
  }

  /// That each arm's eval.csv has the rows of a filter, of one split and one kind of statistics unless several may be.
  void check_splits(const QuantityConfig& quantity, const std::string& field, const RowFilter& where,
                    bool may_be_several) {
    for (const ArmPoint& point : plan_.points) {
      const auto rows = [&](const char* column, const Names& there) {
        return wanted(quantity, field, where, column, there, point);
      };
      const Names splits = rows("split", splits_of(point.config));
      const Names statistics = rows("statistics", statistics_of(point.config));
      Names sizes = rows(config::batch_size_column, all_batch_sizes_of(point.config));
      if (splits.empty() || statistics.empty() || (find(where, config::batch_size_column) && sizes.empty())) return;
      const Names of_batch = batch_sizes_of(point.config);
      std::erase_if(sizes, [&](const std::string& size) { return !has(of_batch, size); });
      const bool has_sizes = has(statistics, config::name_of(config::Statistics::batch)) && sizes.size() > 1;
      if ((splits.size() * statistics.size() == 1 && !has_sizes) || may_be_several) continue;
      return add(quantity, fmt::format("{} must select one split and one kind of statistics{} of eval.csv; arm {} "
                                       "evaluates {} with {}{}",
                                       field, has_sizes ? " and one batch_size" : "", point.label, join(splits),
                                       join(statistics), has_sizes ? " of " + join(sizes) + " images" : ""));
    }
  }

  /// The values that a filter asks for in a column; null where it does not.
  static const Names* find(const RowFilter& where, const char* column) {
    const auto found = std::ranges::find_if(where.columns, [&](const auto& one) { return one.first == column; });
    return found == where.columns.end() ? nullptr : &found->second;
  }

  /// Those of a point's values that a filter leaves; none after a problem.
  Names wanted(const QuantityConfig& quantity, const std::string& field, const RowFilter& where, const char* column,
               const Names& there, const ArmPoint& point) {
    const Names* asked = find(where, column);
    if (!asked) return there;
    for (const std::string& value : *asked) {
      if (there.empty()) {
        add(quantity, fmt::format("{}: arm {} has no column {}: its evaluation.batch_sizes are not given", field,
                                  point.label, column));
        return {};
      }
      if (!has(there, value)) {
        add(quantity, fmt::format("{}: {} \"{}\" is not evaluated in arm {}, but {}{}", field, column, value,
                                  point.label, join(there), did_you_mean(value, there)));
        return {};
      }
    }
    return *asked;
  }

  void check_probe(const QuantityConfig& quantity) {
    const Names files = config::files_of_probes();
    if (!has(files, quantity.file)) {
      const std::string guess = did_you_mean(quantity.file, files);
      return add(quantity, fmt::format("no run writes {}; there are train.csv, eval.csv and, of probes, {}{}",
                                       quantity.file, join(files), guess));
    }
    for (const ArmPoint& point : plan_.points) {
      const auto& probes = point.config.probes;
      if (std::any_of(probes.begin(), probes.end(),
                      [&](const config::ProbeConfig& probe) { return config::writes(probe, quantity.file); }))
        continue;
      return add(quantity, fmt::format("arm {} has no probe that writes {}", point.label, quantity.file));
    }
  }

  void check_axis(const CriterionConfig& criterion, const std::string& arm) {
    const config::AxisValues needed = row_of(criterion.type).axis;
    const bool positive = needed == config::AxisValues::positive_numbers;
    std::size_t points = 0;
    for (const ArmPoint& point : plan_.points) {
      if (point.arm != arm) continue;
      ++points;
      for (const auto& [path, value] : point.settings) {
        if (path != criterion.axis || needed == config::AxisValues::any) continue;
        const std::optional<double> number = csv_number(value);
        if (number && (*number > 0 || !positive)) continue;
        return add("criterion", criterion.name,
                   fmt::format("axis {} of arm {} must have {} for {}, got {}", criterion.axis, arm,
                               positive ? "positive numbers" : "numbers", config::name_of(criterion.type), value));
      }
    }
    if (points < 2)
      add("criterion", criterion.name,
          fmt::format("axis {} of arm {} must have at least 2 values, got {}", criterion.axis, arm, points));
  }

  const Plan& plan_;
  Names problems_;
};

}  // namespace

void refuse_what_no_run_gives(const Plan& plan) { PlanChecks(plan).run(); }

}  // namespace bnlab::experiments
