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
using config::RunConfig;
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

/// In the column of eval.csv that a run with several has; none in another.
Names batch_sizes_of(const RunConfig& config) {
  Names names;
  for (const std::int64_t size : config.evaluation.batch_sizes) names.push_back(std::to_string(size));
  return names;
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
        if (check_columns(quantity)) check_splits(quantity);
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

  /// That each arm's eval.csv has the rows, of one split and one kind of statistics.
  void check_splits(const QuantityConfig& quantity) {
    for (const ArmPoint& point : plan_.points) {
      const Names splits = wanted(quantity, "split", splits_of(point.config), point);
      const Names statistics = wanted(quantity, "statistics", statistics_of(point.config), point);
      const Names sizes = wanted(quantity, config::batch_size_column, batch_sizes_of(point.config), point);
      const bool asks_size = filters_by(quantity, config::batch_size_column);
      if (splits.empty() || statistics.empty() || (asks_size && sizes.empty())) return;
      const bool has_sizes = has(statistics, config::name_of(config::Statistics::batch)) && sizes.size() > 1;
      if ((splits.size() * statistics.size() == 1 && !has_sizes) || row_of(quantity.over_rows).compares_rows) continue;
      return add(quantity, fmt::format("where must select one split and one kind of statistics{} of eval.csv; arm {} "
                                       "evaluates {} with {}{}",
                                       has_sizes ? " and one batch_size" : "", point.label, join(splits),
                                       join(statistics), has_sizes ? " of " + join(sizes) + " images" : ""));
    }
  }

  static bool filters_by(const QuantityConfig& quantity, const char* column) {
    return std::ranges::any_of(quantity.where.columns, [&](const auto& one) { return one.first == column; });
  }

  /// Those of a point's values that `where` asks for; none after a problem.
  Names wanted(const QuantityConfig& quantity, const char* column, const Names& there, const ArmPoint& point) {
    Names all;
    bool asks = false;
    for (const auto& [name, values] : quantity.where.columns) {
      if (name != column) continue;
      asks = true;
      for (const std::string& value : values) {
        if (there.empty()) {
          add(quantity, fmt::format("where: arm {} has no column {}: its evaluation.batch_sizes are not given",
                                    point.label, column));
          return {};
        }
        if (!has(there, value)) {
          add(quantity, fmt::format("where: {} \"{}\" is not evaluated in arm {}, but {}{}", column, value, point.label,
                                    join(there), did_you_mean(value, there)));
          return {};
        }
        all.push_back(value);
      }
    }
    return asks ? all : there;
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
