#include "experiments/runs_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "config/csv_columns.h"
#include "config/experiment.h"
#include "config/names.h"
#include "config/probe_files.h"
#include "experiments/choices.h"
#include "experiments/plan_identity.h"
#include "experiments/run_folders.h"
#include "experiments/set_aside.h"
#include "util/csv.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/nearest.h"
#include "util/printable.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

using config::ExperimentConfig;
using config::QuantityConfig;
using config::RunColumn;
using config::RunColumnName;

const char* const at_least = "at_least";

// ---- columns

/// A column's place in a row, and what its cells must be, for errors.
struct Column {
  std::variant<std::string RunRow::*, RunState RunRow::*, double RunRow::*, int RunRow::*, std::int64_t RunRow::*,
               std::uint64_t RunRow::*>
      member;
  const char* what = "";
};

Column column_of(RunColumn column) {
  switch (column) {
    case RunColumn::arm:
      return {&RunRow::arm};
    case RunColumn::seed:
      return {&RunRow::seed, "a seed"};
    case RunColumn::run:
      return {&RunRow::run};
    case RunColumn::status:
      return {&RunRow::status};
    case RunColumn::last_step:
      return {&RunRow::last_step, "a step"};
    case RunColumn::error:
      return {&RunRow::error};
    case RunColumn::seconds:
      return {&RunRow::seconds};
    case RunColumn::steps_per_second:
      return {&RunRow::steps_per_second};
    case RunColumn::instruction_set:
      return {&RunRow::instruction_set};
    case RunColumn::onednn:
      return {&RunRow::onednn};
    case RunColumn::git_revision:
      return {&RunRow::git_revision};
    case RunColumn::threads:
      return {&RunRow::threads, "a number of threads"};
    case RunColumn::dataset_sha256:
      return {&RunRow::dataset_sha256};
    case RunColumn::machine:
      return {&RunRow::machine};
    case RunColumn::build:
      return {&RunRow::build};
    case RunColumn::initial_weights_sha256:
      return {&RunRow::initial_weights_sha256};
    case RunColumn::train_sha256:
      return {&RunRow::train_sha256};
    case RunColumn::doubt:
      return {&RunRow::doubt};
    case RunColumn::plan:
      return {&RunRow::plan};
  }
  return {&RunRow::arm};
}

constexpr std::span<const RunColumnName> all_columns = config::run_columns;
constexpr auto columns_before_axes = all_columns.first(config::columns_before_axes);
constexpr auto columns_after_axes =
    all_columns.first(config::columns_before_quantities).subspan(config::columns_before_axes);
constexpr auto columns_after_quantities = all_columns.subspan(config::columns_before_quantities);

std::string bound_column(const std::string& quantity) { return quantity + config::bound_suffix; }
std::string from_column(const std::string& quantity) { return quantity + config::from_suffix; }

std::vector<std::string> header_of(const RunTable& table) {
  std::vector<std::string> header;
  const auto add = [&](std::span<const RunColumnName> columns) {
    for (const RunColumnName& column : columns) header.emplace_back(column.name);
  };
  add(columns_before_axes);
  header.insert(header.end(), table.axes.begin(), table.axes.end());
  add(columns_after_axes);
  for (const QuantityColumn& quantity : table.quantities) {
    header.push_back(quantity.name);
    if (quantity.counts_steps) header.insert(header.end(), {bound_column(quantity.name), from_column(quantity.name)});
  }
  add(columns_after_quantities);
  return header;
}

/// Whether a file of an earlier version may lack the column.
bool may_be_missing(const std::string& name) {
  return name.ends_with(config::from_suffix) || std::ranges::any_of(config::run_columns, [&](const auto& column) {
           return column.name == name && column.is_newer;
         });
}

// ---- writing

std::string text_of(const std::string& text) { return text; }
std::string text_of(RunState state) { return name_of(state); }
std::string text_of(double number) { return csv_text(number); }
template <class Integer>
requires std::is_integral_v<Integer> std::string text_of(Integer number) { return std::to_string(number); }

std::vector<std::string> cells_of(const RunRow& row, const RunTable& table) {
  std::vector<std::string> cells;
  const auto add = [&](std::span<const RunColumnName> columns) {
    for (const RunColumnName& column : columns)
      std::visit([&](auto member) { cells.push_back(text_of(row.*member)); }, column_of(column.value).member);
  };
  add(columns_before_axes);
  for (const std::string& axis : table.axes) cells.push_back(row.axes.contains(axis) ? row.axes.at(axis) : "");
  add(columns_after_axes);
  for (const QuantityColumn& quantity : table.quantities) {
    const auto found = row.quantities.find(quantity.name);
    const Value* value = found == row.quantities.end() ? nullptr : &found->second;
    cells.push_back(value ? csv_text(value->value) : "");
    if (!quantity.counts_steps) continue;
    cells.emplace_back(value && value->bound == Bound::at_least ? at_least : "");
    cells.push_back(value && value->between ? csv_text(value->between->low) : "");
  }
  add(columns_after_quantities);
  return cells;
}

// ---- reading

double as_in_file(double value) { return csv_number(csv_text(value)).value_or(value); }

/// The cells of one row of a runs.csv.
class Cells {
 public:
  Cells(const CsvTable& table, std::size_t row, const std::filesystem::path& file)
      : table_(table), row_(row), file_(file) {}

  const std::string& text(const std::string& column) const { return table_.rows[row_][*table_.find(column)]; }
  bool has(const std::string& column) const { return table_.find(column).has_value(); }

  double number(const std::string& column) const {
    const auto value = csv_number(text(column));
    if (!value) wrong(column, "a number");
    return *value;
  }

  /// Reads a cell into the member of a row.
  void read(const std::string& column, const char*, std::string& value) const { value = text(column); }
  void read(const std::string& column, const char*, double& value) const { value = number(column); }
  void read(const std::string& column, const char*, RunState& value) const {
    const auto state = run_state_of(text(column));
    if (!state) wrong(column, "one of " + join(run_state_names()) + did_you_mean(text(column), run_state_names()));
    value = *state;
  }
  template <class Integer>
  requires std::is_integral_v<Integer>
  void read(const std::string& column, const char* what, Integer& value) const {
    const std::string& cell = text(column);
    const auto end = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (end.ec != std::errc() || end.ptr != cell.data() + cell.size()) wrong(column, what);
  }

  Value quantity(const QuantityColumn& quantity) const {
    Value value{as_in_file(number(quantity.name)), Bound::exact};
    if (!quantity.counts_steps) return value;
    const std::string column = bound_column(quantity.name);
    if (text(column) == at_least)
      value.bound = Bound::at_least;
    else if (!text(column).empty())
      wrong(column, "at_least or empty");
    if (const std::string from = from_column(quantity.name); has(from) && !text(from).empty()) {
      const double low = as_in_file(number(from));
      if (!(low < value.value)) wrong(from, "below " + text(quantity.name));
      value.between = Interval{low, known(value).high};
    }
    return value;
  }

  /// "FILE: row 3: column seed: "x" is not a seed".
  [[noreturn]] void wrong(const std::string& column, const std::string& what) const {
    fail(fmt::format("column {}: \"{}\" is not {}", column, text(column), what));
  }
  [[noreturn]] void fail(const std::string& problem) const {
    throw DataError(fmt::format("{}: row {}: {}", file_.string(), row_ + 1, problem));
  }

 private:
  const CsvTable& table_;
  std::size_t row_;
  const std::filesystem::path& file_;
};

/// The row without its point.
RunRow read_row(const Cells& cells, const RunTable& table) {
  RunRow row;
  const auto read = [&](std::span<const RunColumnName> columns) {
    for (const RunColumnName& column : columns) {
      const std::string name(column.name);
      if (column.is_newer && !cells.has(name)) continue;
      const Column place = column_of(column.value);
      std::visit([&](auto member) { cells.read(name, place.what, row.*member); }, place.member);
    }
  };
  read(columns_before_axes);
  for (const std::string& axis : table.axes)
    if (const std::string& value = cells.text(axis); !value.empty()) row.axes[axis] = value;
  read(columns_after_axes);
  for (const QuantityColumn& quantity : table.quantities)
    if (!cells.text(quantity.name).empty()) row.quantities[quantity.name] = cells.quantity(quantity);
  read(columns_after_quantities);
  return row;
}

/// The most steps between two rows of a quantity's file in the runs of a point.
double steps_between_rows(const QuantityConfig& quantity, const ArmPoint& point) {
  const config::TrainingConfig& training = point.config.training;
  std::int64_t every = quantity.file == "train.csv" ? training.log_every : training.eval_every;
  for (const config::ProbeConfig& probe : point.config.probes)
    if (config::writes(probe, quantity.file)) every = probe.every;
  // 0: at the end alone.
  return every > 0 ? static_cast<double>(every) : std::numeric_limits<double>::infinity();
}

/// Adds the low ends that a file of an earlier version lacks, from how often the runs of the row's point wrote rows. A
/// row of an unknown point may have had all its steps between two rows.
void add_low_ends(RunRow& row, const CsvTable& csv, const Plan& plan) {
  for (auto& [name, value] : row.quantities) {
    const QuantityConfig& quantity = quantity_of(plan.experiment, name);
    if (!row_of(quantity.series.over_time).counts_steps || csv.find(from_column(name))) continue;
    if (value.bound != Bound::exact || !(value.value > 0)) continue;
    const double apart =
        row.point ? steps_between_rows(quantity, plan.points[*row.point]) : std::numeric_limits<double>::infinity();
    value.between = Interval{std::max(value.value - apart, 0.0), value.value};
  }
}

/// The points and runs of a plan, each of which a file must have once.
class ExpectedRuns {
 public:
  explicit ExpectedRuns(const Plan& plan) : plan_(plan) {
    for (std::size_t i = 0; i < plan.points.size(); ++i) {
      const ArmPoint& point = plan.points[i];
      Axes axes;
      for (const auto& [path, value] : point.settings) axes[path] = printable(value);  // as the file has it
      points_.emplace(std::pair(point.arm, std::move(axes)), i);
    }
    for (const PlannedRun& run : plan.runs)
      missing_.emplace(std::pair(plan.points[run.point].label, run.seed), RunFolders::hash_in(run.name));
  }

  /// The point of a row, which counts as found. Throws DataError where the plan has no such run, or it was found
  /// before.
  std::size_t take(const RunRow& row, const Cells& cells) {
    const auto point = points_.find({row.arm, row.axes});
    if (point == points_.end())
      cells.fail(fmt::format("arm \"{}\" has no such point in the experiment beside it", row.arm));
    const std::string& label = plan_.points[point->second].label;
    const auto run = missing_.find({label, row.seed});
    if (run == missing_.end())
      cells.fail(fmt::format("seed {} of {} stands twice, or is none of the experiment beside it", row.seed, label));
    if (RunFolders::hash_in(row.run) != run->second)
      cells.fail(fmt::format("run {} is of another config: that of {} with seed {} begins with {}", row.run, label,
                             row.seed, run->second));
    missing_.erase(run);
    return point->second;
  }

  void refuse_missing(const std::filesystem::path& file) const {
    if (missing_.empty()) return;
    const auto& [label, seed] = missing_.begin()->first;
    throw DataError(fmt::format("{}: {} rows are missing, such as that of {} with seed {}", file.string(),
                                missing_.size(), label, seed));
  }

 private:
  using Axes = std::map<std::string, std::string>;

  const Plan& plan_;
  std::map<std::pair<std::string, Axes>, std::size_t> points_;            // by arm and values of its axes
  std::map<std::pair<std::string, std::uint64_t>, std::string> missing_;  // by label and seed: the hash of the run
};

bool is_best_of(const ExperimentConfig& experiment, const std::string& arm) {
  return std::ranges::any_of(experiment.arms,
                             [&](const config::ArmConfig& one) { return one.name == arm && one.best_of; });
}

/// The columns of quantities that the file of an experiment has, of those that the plan asks for.
RunTable columns_in(const CsvTable& csv, const ExperimentConfig& experiment, const Plan& plan) {
  RunTable table = empty_table(plan);
  table.axes.clear();  // the plan knows them
  std::erase_if(table.quantities, [&](const QuantityColumn& quantity) {
    return !csv.find(quantity.name) || (quantity.counts_steps && !csv.find(bound_column(quantity.name))) ||
           !is_defined_alike(quantity.name, experiment, plan.experiment);
  });
  return table;
}

/// The finished runs of one file, which is of `experiment`.
std::map<std::string, RunRow> results_in(const std::filesystem::path& file, const ExperimentConfig& experiment,
                                         const Plan& plan) {
  std::map<std::string, RunRow> rows;
  if (!is_there(file)) return rows;
  const CsvTable csv = read_csv(file);
  const auto refuse = [&](const std::string& problem) {
    throw DataError(
        fmt::format("{}: {}; folders of runs are gone, whose results it alone may have: mend it or move it away",
                    file.string(), problem));
  };
  for (const RunColumnName& column : config::run_columns)
    if (!csv.find(column.name) && !column.is_newer) refuse(fmt::format("no column \"{}\"", column.name));
  if (csv.is_cut_off) refuse("its last row is cut off");
  std::map<std::string, std::size_t> points;  // by hash: an arm's name may be another now
  for (const PlannedRun& run : plan.runs) points[RunFolders::hash_in(run.name)] = run.point;
  const RunTable columns = columns_in(csv, experiment, plan);
  for (std::size_t i = 0; i < csv.rows.size(); ++i) {
    RunRow row = read_row(Cells(csv, i, file), columns);
    if (!is_finished(row)) continue;
    const std::string hash = RunFolders::hash_in(row.run);
    if (const auto point = points.find(hash); point != points.end()) row.point = point->second;
    add_low_ends(row, csv, plan);
    rows.emplace(hash, std::move(row));
  }
  return rows;
}

}  // namespace

Value as_in_file(Value value) {
  value.value = as_in_file(value.value);
  if (value.between) value.between = Interval{as_in_file(value.between->low), as_in_file(value.between->high)};
  return value;
}

std::string to_csv(const RunTable& table) {
  std::string text = csv_line(header_of(table));
  for (const RunRow& row : table.rows) text += csv_line(cells_of(row, table));
  return text;
}

RunTable read_run_table(const std::filesystem::path& file, const Plan& plan) {
  const CsvTable csv = read_csv(file);
  RunTable table = empty_table(plan);
  for (const std::string& column : header_of(table))
    if (!csv.find(column) && !may_be_missing(column))
      throw DataError(fmt::format("{}: no column \"{}\", which the experiment beside it needs", file.string(), column));
  refuse_other_plan(csv, plan, file);
  ExpectedRuns expected(plan);
  for (std::size_t i = 0; i < csv.rows.size(); ++i) {
    const Cells cells(csv, i, file);
    if (is_best_of(plan.experiment, cells.text("arm"))) continue;
    RunRow& row = table.rows.emplace_back(read_row(cells, table));
    row.point = expected.take(row, cells);
    add_low_ends(row, csv, plan);
  }
  expected.refuse_missing(file);
  add_best_arms(table, plan);
  return table;
}

std::map<std::string, RunRow> earlier_results(const std::filesystem::path& directory, const Plan& plan) {
  std::map<std::string, RunRow> rows = results_in(directory / "runs.csv", plan.experiment, plan);
  for (const std::filesystem::path& folder : earlier_plans(directory)) {
    try {
      rows.merge(
          results_in(folder / "runs.csv", config::load_experiment(folder / "experiment.json", Place::results), plan));
    } catch (const ReadError&) {
      throw;
    } catch (const ConfigError&) {  // kept for people; what it can't give counts as missing
    } catch (const DataError&) {
    }
  }
  return rows;
}

}  // namespace bnlab::experiments
