#include "experiments/run_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "config/experiment.h"
#include "config/experiment_fields.h"
#include "experiments/quantities.h"
#include "experiments/run_folders.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/nearest.h"

namespace bnlab::experiments {
namespace {

using config::ArmConfig;
using config::ExperimentConfig;
using config::QuantityConfig;

using AxisValues = std::map<std::string, std::string>;

const char* const at_least = "at_least";

bool counts_steps(const QuantityConfig& quantity) { return kind_of(quantity.series.over_time).counts_steps; }

const QuantityConfig& quantity_of(const ExperimentConfig& experiment, const std::string& name) {
  return *std::find_if(experiment.quantities.begin(), experiment.quantities.end(),
                       [&](const QuantityConfig& one) { return one.name == name; });
}

AxisValues axes_of(const ArmPoint& point) { return {point.settings.begin(), point.settings.end()}; }

/// The points of a plan by arm and values of the axes.
class Points {
 public:
  explicit Points(const Plan& plan) {
    for (const ArmPoint& point : plan.points) points_.emplace(std::pair(point.arm, axes_of(point)), &point);
  }
  /// Null where there is none.
  const ArmPoint* find(const std::string& arm, const AxisValues& axes) const {
    const auto found = points_.find({arm, axes});
    return found == points_.end() ? nullptr : found->second;
  }

 private:
  std::map<std::pair<std::string, AxisValues>, const ArmPoint*> points_;
};

bool is_best_of(const ExperimentConfig& experiment, const std::string& arm) {
  return std::any_of(experiment.arms.begin(), experiment.arms.end(),
                     [&](const ArmConfig& one) { return one.name == arm && one.best_of; });
}

std::string shown(double value) { return std::isnan(value) ? "nan" : fmt::format("{:.9g}", value); }

/// As runs.csv has it, so that no choice or verdict depends on digits that it lacks.
double as_in_file(double value) { return csv_number(shown(value)).value_or(value); }

RunRow measured(const Plan& plan, const PlannedRun& run, const std::filesystem::path& directory) {
  const RunReport report = read_report(directory, run.config);
  const ArmPoint& point = plan.points[run.point];
  RunRow row{point.arm,
             axes_of(point),
             run.seed,
             directory.filename().string(),
             name_of(report.state),
             {},
             report.last_step,
             report.seconds,
             report.steps_per_second,
             report.error,
             report.isa,
             report.onednn,
             report.git_revision,
             report.threads,
             report.dataset_sha256,
             report.machine,
             report.build};
  if (!is_finished(report.state)) return row;
  for (const QuantityConfig& quantity : plan.experiment.quantities) {
    try {
      Value value = measure(quantity, directory, report);
      value.value = as_in_file(value.value);
      if (value.between) value.between = Interval{as_in_file(value.between->low), as_in_file(value.between->high)};
      row.quantities[quantity.name] = value;
    } catch (const DataError& error) {
      row.error = error.what();
    } catch (const ConfigError& error) {
      row.error = error.what();
    }
  }
  return row;
}

/// The mean over the seeds of each point of an arm; NaN where a seed has no value, a bound where one is.
std::map<AxisValues, Value> means_over_seeds(const RunTable& table, const Plan& plan, const std::string& arm,
                                             const std::string& quantity) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  struct Sum {
    Value value;
    std::size_t count = 0;
  };
  std::map<AxisValues, Sum> sums;
  for (const RunRow& row : table.rows) {
    if (row.arm != arm) continue;
    Sum& sum = sums[row.axes];
    const auto found = row.quantities.find(quantity);
    const Value value = found == row.quantities.end() ? Value{none} : found->second;
    sum.value.value += value.value;
    if (value.bound != Bound::exact) sum.value.bound = value.bound;
    ++sum.count;
  }
  std::map<AxisValues, Value> means;
  for (const auto& [axes, sum] : sums) {
    const bool is_whole = sum.count == plan.experiment.seeds.list.size();
    means[axes] = {is_whole ? sum.value.value / static_cast<double>(sum.count) : none, sum.value.bound};
  }
  return means;
}

/// Of equal numbers of steps the one that may be more is worse where fewer are better, and better where more are.
bool is_better(const Value& a, const Value& b, config::Better better) {
  const bool higher = better == config::Better::higher;
  if (a.value != b.value) return higher ? a.value > b.value : a.value < b.value;
  const Value& more = higher ? a : b;
  const Value& less = higher ? b : a;
  return more.bound == Bound::at_least && less.bound == Bound::exact;
}

/// Whether each run of the arm has ended.
bool is_complete(const RunTable& table, const std::string& arm) {
  return std::all_of(table.rows.begin(), table.rows.end(),
                     [&](const RunRow& row) { return row.arm != arm || is_finished(row); });
}

void add_best_arms(RunTable& table, const Plan& plan) {
  const Points points(plan);
  for (const Choice& choice : choices(table, plan)) {
    if (choice.point.empty()) continue;
    std::vector<RunRow> rows;
    for (const RunRow& row : table.rows)
      if (row.arm == choice.of && points.find(row.arm, row.axes)->label == choice.of + choice.point)
        rows.push_back(row);
    for (RunRow& row : rows) {
      row.arm = choice.arm;
      table.rows.push_back(std::move(row));
    }
  }
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

std::vector<std::string> header_of(const RunTable& table, const ExperimentConfig& experiment) {
  constexpr auto before_quantities = config::run_columns.begin() + 4;
  std::vector<std::string> columns{config::run_columns.front()};
  columns.insert(columns.end(), table.axes.begin(), table.axes.end());
  columns.insert(columns.end(), config::run_columns.begin() + 1, before_quantities);
  for (const std::string& name : table.quantities) {
    columns.push_back(name);
    if (counts_steps(quantity_of(experiment, name)))
      columns.insert(columns.end(), {name + config::bound_suffix, name + config::from_suffix});
  }
  columns.insert(columns.end(), before_quantities, config::run_columns.end());
  return columns;
}

/// Whether a file of an earlier version may lack the column.
bool may_be_missing(const std::string& column) {
  return column.ends_with(config::from_suffix) ||
         std::ranges::find(config::newer_run_columns, column) != config::newer_run_columns.end();
}

RunTable empty_table(const Plan& plan) {
  RunTable table{plan.axes, {}, {}};
  for (const QuantityConfig& quantity : plan.experiment.quantities) table.quantities.push_back(quantity.name);
  return table;
}

// ---- reading

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

  template <class Integer>
  Integer integer(const std::string& column, const char* what) const {
    const std::string& cell = text(column);
    Integer value = 0;
    const auto end = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (end.ec != std::errc() || end.ptr != cell.data() + cell.size()) wrong(column, what);
    return value;
  }

  Value quantity(const std::string& name, bool counts_steps) const {
    Value value{as_in_file(number(name)), Bound::exact};
    if (!counts_steps) return value;
    const std::string column = name + config::bound_suffix;
    if (text(column) == at_least)
      value.bound = Bound::at_least;
    else if (!text(column).empty())
      wrong(column, "at_least or empty");
    if (const std::string from = name + config::from_suffix; has(from) && !text(from).empty()) {
      const double low = as_in_file(number(from));
      if (!(low < value.value)) wrong(from, "below " + text(name));
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

/// The most steps between two rows of a quantity's file in the runs of a point; of an unknown one (null) all steps.
double rows_apart(const QuantityConfig& quantity, const ArmPoint* point) {
  if (!point) return std::numeric_limits<double>::infinity();
  const config::TrainingConfig& training = point->config.training;
  std::int64_t every = quantity.file == "train.csv" ? training.log_every : training.eval_every;
  for (const config::ProbeConfig& probe : point->config.probes)
    if (config::name_of(probe.type) + ".csv" == quantity.file) every = probe.every;
  // 0: at the end alone.
  return every > 0 ? static_cast<double>(every) : std::numeric_limits<double>::infinity();
}

/// Adds the low ends that a file of an earlier version lacks, from how often the point's runs wrote rows.
void add_low_ends(RunRow& row, const CsvTable& csv, const ArmPoint* point, const Plan& plan) {
  for (auto& [name, value] : row.quantities) {
    const QuantityConfig& quantity = quantity_of(plan.experiment, name);
    if (!counts_steps(quantity) || csv.find(name + config::from_suffix)) continue;
    if (value.bound == Bound::exact && value.value > 0)
      value.between = Interval{std::max(value.value - rows_apart(quantity, point), 0.0), value.value};
  }
}

RunRow read_row(const Cells& cells, const RunTable& table, const Plan& plan) {
  RunRow row;
  row.arm = cells.text("arm");
  for (const std::string& axis : table.axes)
    if (const std::string& value = cells.text(axis); !value.empty()) row.axes[axis] = value;
  row.seed = cells.integer<std::uint64_t>("seed", "a seed");
  row.run = cells.text("run");
  row.status = cells.text("status");
  std::vector<std::string> states;
  for (const RunState state :
       {RunState::missing, RunState::unfinished, RunState::completed, RunState::diverged, RunState::failed})
    states.push_back(name_of(state));
  if (std::find(states.begin(), states.end(), row.status) == states.end())
    cells.wrong("status", "one of " + join(states) + did_you_mean(row.status, states));
  for (const std::string& name : table.quantities)
    if (!cells.text(name).empty())
      row.quantities[name] = cells.quantity(name, counts_steps(quantity_of(plan.experiment, name)));
  row.last_step = cells.integer<std::int64_t>("last_step", "a step");
  row.error = cells.text("error");
  row.seconds = cells.number("seconds");
  row.steps_per_second = cells.number("steps_per_second");
  row.instruction_set = cells.text("instruction_set");
  row.onednn = cells.text("onednn");
  row.git_revision = cells.text("git_revision");
  row.threads = cells.integer<int>("threads", "a number of threads");
  row.dataset_sha256 = cells.text("dataset_sha256");
  if (cells.has("machine")) row.machine = cells.text("machine");
  if (cells.has("build")) row.build = cells.text("build");
  return row;
}

/// The results of a runs.csv by the hash of the run, for the quantities that it has. None where there is no such file.
/// Throws DataError where it can't be understood: it is to be written anew, and would lose what it alone has.
std::map<std::string, RunRow> earlier_results(const std::filesystem::path& file, const Plan& plan) {
  std::map<std::string, RunRow> rows;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return rows;
  const CsvTable csv = read_csv(file);
  RunTable columns;  // no axes: the plan knows them
  for (const QuantityConfig& one : plan.experiment.quantities)
    if (csv.find(one.name) && (!counts_steps(one) || csv.find(one.name + config::bound_suffix)))
      columns.quantities.push_back(one.name);
  const auto refuse = [&](const std::string& problem) {
    throw DataError(
        fmt::format("{}: {}; folders of runs are gone, whose results it alone may have: mend it or move it away",
                    file.string(), problem));
  };
  for (const char* column : config::run_columns)
    if (!csv.find(column) && !may_be_missing(column)) refuse(fmt::format("no column \"{}\"", column));
  if (csv.is_cut_off) refuse("its last row is cut off");
  std::map<std::string, const ArmPoint*> points;  // by hash: an arm's name may be another now
  for (const PlannedRun& run : plan.runs) points[RunFolders::hash_in(run.name)] = &plan.points[run.point];
  for (std::size_t i = 0; i < csv.rows.size(); ++i) {
    RunRow row = read_row(Cells(csv, i, file), columns, plan);
    if (!is_finished(row)) continue;
    const std::string hash = RunFolders::hash_in(row.run);
    const auto point = points.find(hash);
    add_low_ends(row, csv, point == points.end() ? nullptr : point->second, plan);
    rows.emplace(hash, std::move(row));
  }
  return rows;
}

/// Puts them in place of rows of runs that have no folder.
void keep_earlier_results(RunTable& table, const std::filesystem::path& file, const Plan& plan) {
  const auto is_missing = [](const RunRow& row) { return row.status == name_of(RunState::missing); };
  if (std::none_of(table.rows.begin(), table.rows.end(), is_missing)) return;
  const std::map<std::string, RunRow> earlier = earlier_results(file, plan);
  for (RunRow& row : table.rows) {
    const auto found = earlier.find(RunFolders::hash_in(row.run));
    if (!is_missing(row) || found == earlier.end()) continue;
    RunRow kept = found->second;
    kept.arm = row.arm;
    kept.axes = row.axes;
    kept.seed = row.seed;
    for (const std::string& name : table.quantities)
      if (kept.error.empty() && !kept.quantities.contains(name))
        kept.error = fmt::format("its folder is gone, and {} has no {}", file.filename().string(), name);
    row = std::move(kept);
  }
}

/// The runs of a plan, each of which a file must have once.
class ExpectedRuns {
 public:
  explicit ExpectedRuns(const Plan& plan) : points_(plan) {
    for (const PlannedRun& run : plan.runs) missing_.emplace(plan.points[run.point].label, run.seed);
  }

  void take(const RunRow& row, const Cells& cells) {
    const ArmPoint* point = points_.find(row.arm, row.axes);
    if (!point) cells.fail(fmt::format("arm \"{}\" has no such point in the experiment beside it", row.arm));
    if (missing_.erase({point->label, row.seed}) == 0)
      cells.fail(
          fmt::format("seed {} of {} stands twice, or is none of the experiment beside it", row.seed, point->label));
  }

  void refuse_missing(const std::filesystem::path& file) const {
    if (missing_.empty()) return;
    const auto& [label, seed] = *missing_.begin();
    throw DataError(fmt::format("{}: {} rows are missing, such as that of {} with seed {}", file.string(),
                                missing_.size(), label, seed));
  }

 private:
  Points points_;
  std::set<std::pair<std::string, std::uint64_t>> missing_;  // label and seed
};

}  // namespace

bool is_finished(const RunRow& row) {
  return row.status == name_of(RunState::completed) || row.status == name_of(RunState::diverged);
}

RunTable collect(const Plan& plan, const std::filesystem::path& directory) {
  RunTable table = empty_table(plan);
  // Rows in the order of the file: arm by arm, seeds together.
  std::vector<const PlannedRun*> runs;
  for (const PlannedRun& run : plan.runs) runs.push_back(&run);
  std::ranges::stable_sort(runs, {}, &PlannedRun::point);
  const RunFolders folders(directory);
  for (const PlannedRun* run : runs) table.rows.push_back(measured(plan, *run, folders.path_of(*run)));
  keep_earlier_results(table, directory / "runs.csv", plan);
  add_best_arms(table, plan);
  return table;
}

std::string to_csv(const RunTable& table, const ExperimentConfig& experiment) {
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) text += (i > 0 ? "," : "") + quoted(values[i]);
    text += "\n";
  };
  add_line(header_of(table, experiment));
  for (const RunRow& row : table.rows) {
    std::vector<std::string> values{row.arm};
    for (const std::string& axis : table.axes) values.push_back(row.axes.contains(axis) ? row.axes.at(axis) : "");
    values.insert(values.end(), {std::to_string(row.seed), row.run, row.status});
    for (const std::string& name : table.quantities) {
      const auto found = row.quantities.find(name);
      const bool is_there = found != row.quantities.end();
      values.push_back(is_there ? shown(found->second.value) : "");
      if (!counts_steps(quantity_of(experiment, name))) continue;
      values.emplace_back(is_there && found->second.bound == Bound::at_least ? at_least : "");
      values.push_back(is_there && found->second.between ? shown(found->second.between->low) : "");
    }
    values.insert(values.end(), {std::to_string(row.last_step), row.error, shown(row.seconds),
                                 shown(row.steps_per_second), row.instruction_set, row.onednn, row.git_revision,
                                 std::to_string(row.threads), row.dataset_sha256, row.machine, row.build});
    add_line(values);
  }
  return text;
}

RunTable read_run_table(const std::filesystem::path& file, const Plan& plan) {
  const CsvTable csv = read_csv(file);
  RunTable table = empty_table(plan);
  for (const std::string& column : header_of(table, plan.experiment))
    if (!csv.find(column) && !may_be_missing(column))
      throw DataError(fmt::format("{}: no column \"{}\", which the experiment beside it needs", file.string(), column));
  ExpectedRuns expected(plan);
  const Points points(plan);
  for (std::size_t i = 0; i < csv.rows.size(); ++i) {
    const Cells cells(csv, i, file);
    if (is_best_of(plan.experiment, cells.text("arm"))) continue;
    table.rows.push_back(read_row(cells, table, plan));
    RunRow& row = table.rows.back();
    expected.take(row, cells);
    add_low_ends(row, csv, points.find(row.arm, row.axes), plan);
  }
  expected.refuse_missing(file);
  add_best_arms(table, plan);
  return table;
}

std::vector<std::string> warnings_of(const RunTable& table, const Plan& plan) {
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& what, const auto& values) {
    if (values.size() > 1)
      warnings.push_back(fmt::format("the runs differ in their {}: {}", what, fmt::join(values, ", ")));
  };
  const auto compare = [&](const char* what, auto RunRow::*member) {
    std::set<std::decay_t<decltype(std::declval<RunRow>().*member)>> values;
    for (const RunRow& row : table.rows)
      if (is_finished(row)) values.insert(row.*member);
    warn(what, values);
  };
  const auto compare_known = [&](const char* what, std::string RunRow::*member) {  // texts with commas
    std::set<std::string> values;
    for (const RunRow& row : table.rows)
      if (is_finished(row) && !(row.*member).empty()) values.insert(row.*member);
    if (values.size() > 1)
      warnings.push_back(fmt::format("the runs differ in their {}: {}", what, fmt::join(values, "; ")));
  };
  compare("instruction set", &RunRow::instruction_set);
  compare("oneDNN version", &RunRow::onednn);
  compare("git revision", &RunRow::git_revision);
  compare_known("build", &RunRow::build);
  compare_known("machine", &RunRow::machine);
  compare("number of threads", &RunRow::threads);
  const Points points(plan);
  std::map<std::string, std::set<std::string>> sums;  // by dataset; where it is made, arms may differ in how
  for (const RunRow& row : table.rows) {
    const ArmPoint* point = points.find(row.arm, row.axes);  // null: the best of another arm
    if (is_finished(row) && point && point->config.dataset.synthetic == plan.points.front().config.dataset.synthetic)
      sums[point->config.dataset.name].insert(row.dataset_sha256);
  }
  for (const auto& [name, values] : sums) warn(fmt::format("data of {} (SHA-256)", name), values);
  return warnings;
}

Evidence evidence_for(const config::CriterionConfig& criterion, const RunTable& table, const Plan& plan) {
  const Points all_points(plan);
  const QuantityConfig& quantity = quantity_of(plan.experiment, criterion.quantity);
  Evidence evidence{{}, plan.experiment.seeds.list, better_value(quantity)};
  for (const std::string& wanted : criterion.arms) {
    const std::string arm = wanted.substr(0, wanted.find('['));
    std::vector<Point> points;
    const auto add = [&](const std::string& name, double axis) -> Point& {
      const auto found =
          std::find_if(points.begin(), points.end(), [&](const Point& point) { return point.label == name; });
      if (found != points.end()) return *found;
      points.push_back({name, axis, {}});
      return points.back();
    };
    // Points without any run are there too, so that what is missing is named.
    for (const ArmPoint& point : plan.points) {
      if (point.arm != arm || (wanted != arm && point.label != wanted)) continue;
      double axis = 0;
      for (const auto& [path, value] : point.settings)
        if (path == criterion.axis) axis = axis_value(plan, arm, path, value);
      add(point.label, axis);
    }
    for (const RunRow& row : table.rows) {
      if (row.arm != arm) continue;
      const ArmPoint* point_of_row = all_points.find(arm, row.axes);  // null: the best of another arm
      const std::string name = point_of_row ? point_of_row->label : arm;
      if (wanted != arm && name != wanted) continue;
      Point& point = add(name, 0);
      const auto found = row.quantities.find(criterion.quantity);
      if (found == row.quantities.end()) continue;
      Value& value = point.values[row.seed] = found->second;
      if (row.status == name_of(RunState::diverged)) value.diverged_at = row.last_step;
    }
    if (points.empty()) points.push_back({wanted, 0, {}});
    if (!criterion.axis.empty())
      std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.axis < b.axis; });
    evidence.arms.push_back(std::move(points));
  }
  return evidence;
}

std::vector<Choice> choices(const RunTable& table, const Plan& plan) {
  std::vector<Choice> all;
  for (const ArmConfig& arm : plan.experiment.arms) {
    if (!arm.best_of) continue;
    Choice choice{arm.name, arm.best_of->arm, "", arm.best_of->quantity, std::numeric_limits<double>::quiet_NaN(), {}};
    const config::Better better = better_value(quantity_of(plan.experiment, choice.quantity));
    const std::map<AxisValues, Value> means = means_over_seeds(table, plan, choice.of, choice.quantity);
    Value best{choice.mean};
    for (const ArmPoint& point : plan.points) {
      if (point.arm != choice.of) continue;
      const auto of_point = means.find(axes_of(point));
      const Value mean = of_point == means.end() ? Value{std::numeric_limits<double>::quiet_NaN()} : of_point->second;
      const std::string at = point.label.substr(point.arm.size());
      choice.candidates.emplace_back(at, mean.value);
      if (std::isnan(mean.value) || (!std::isnan(best.value) && !is_better(mean, best, better))) continue;
      best = mean;
      choice.mean = mean.value;
      choice.point = at;
    }
    // While runs are missing another point may yet be the best.
    if (!is_complete(table, choice.of)) choice.point.clear();
    all.push_back(std::move(choice));
  }
  return all;
}

}  // namespace bnlab::experiments
