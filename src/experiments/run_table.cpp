#include "experiments/run_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "experiments/quantities.h"
#include "util/csv.h"
#include "util/csv_table.h"
#include "util/errors.h"

namespace bnlab::experiments {
namespace {

using config::ArmConfig;
using config::ExperimentConfig;
using config::QuantityConfig;

bool counts_steps(const QuantityConfig& quantity) {
  return quantity.series.over_time == config::OverTime::steps_to ||
         quantity.series.over_time == config::OverTime::first_non_finite;
}

const QuantityConfig& quantity_of(const ExperimentConfig& experiment, const std::string& name) {
  return *std::find_if(experiment.quantities.begin(), experiment.quantities.end(),
                       [&](const QuantityConfig& one) { return one.name == name; });
}

RunRow measured(const Plan& plan, const PlannedRun& run, const std::filesystem::path& directory,
                const RunReport& report) {
  const ArmPoint& point = plan.points[run.point];
  RunRow row{point.arm,
             {point.settings.begin(), point.settings.end()},
             run.seed,
             run.name,
             name_of(report.state),
             {},
             report.last_step,
             report.seconds,
             report.steps_per_second,
             report.error};
  if (!is_finished(report.state)) return row;
  const std::int64_t steps = report.state == RunState::completed ? report.last_step : report.steps;
  for (const QuantityConfig& quantity : plan.experiment.quantities) {
    try {
      row.quantities[quantity.name] = measure(quantity, directory, report.state, steps);
    } catch (const DataError& error) {
      row.error = error.what();
    }
  }
  return row;
}

/// Runs that were not made alike are named: their difference may be more than their arms.
std::vector<std::string> unlike(const std::vector<RunReport>& reports) {
  std::vector<std::string> warnings;
  const auto compare = [&](const char* what, std::string RunReport::*member) {
    std::set<std::string> values;
    for (const RunReport& report : reports)
      if (is_finished(report.state)) values.insert(report.*member);
    if (values.size() > 1)
      warnings.push_back(fmt::format("the runs differ in their {}: {}", what, fmt::join(values, ", ")));
  };
  compare("instruction set", &RunReport::isa);
  compare("oneDNN version", &RunReport::onednn);
  compare("git revision", &RunReport::git_revision);
  return warnings;
}

std::string label(const RunRow& row, const Plan& plan) {
  for (const ArmPoint& point : plan.points)
    if (point.arm == row.arm &&
        std::map<std::string, std::string>(point.settings.begin(), point.settings.end()) == row.axes)
      return point.label;
  return row.arm;
}

double mean_over_seeds(const RunTable& table, const Plan& plan, const ArmPoint& point, const std::string& quantity) {
  const std::map<std::string, std::string> axes(point.settings.begin(), point.settings.end());
  double sum = 0;
  std::size_t count = 0;
  for (const RunRow& row : table.rows) {
    if (row.arm != point.arm || row.axes != axes) continue;
    const auto found = row.quantities.find(quantity);
    if (found == row.quantities.end()) return std::numeric_limits<double>::quiet_NaN();
    sum += found->second.value;
    ++count;
  }
  return count == plan.experiment.seeds.list.size() ? sum / static_cast<double>(count)
                                                    : std::numeric_limits<double>::quiet_NaN();
}

/// Whether each run of the arm has ended.
bool is_complete(const RunTable& table, const std::string& arm) {
  return std::all_of(table.rows.begin(), table.rows.end(), [&](const RunRow& row) {
    return row.arm != arm || row.status == name_of(RunState::completed) || row.status == name_of(RunState::diverged);
  });
}

void add_best_arms(RunTable& table, const Plan& plan) {
  for (const Choice& choice : choices(table, plan)) {
    if (choice.point.empty()) continue;
    std::vector<RunRow> rows;
    for (const RunRow& row : table.rows)
      if (row.arm == choice.of && label(row, plan) == choice.of + choice.point) rows.push_back(row);
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

std::string shown(double value) { return std::isnan(value) ? "nan" : fmt::format("{:.9g}", value); }

std::vector<std::string> header_of(const RunTable& table, const ExperimentConfig& experiment) {
  std::vector<std::string> columns{"arm"};
  columns.insert(columns.end(), table.axes.begin(), table.axes.end());
  for (const char* name : {"seed", "run", "status"}) columns.emplace_back(name);
  for (const std::string& name : table.quantities) {
    columns.push_back(name);
    if (counts_steps(quantity_of(experiment, name))) columns.push_back(name + "_bound");
  }
  for (const char* name : {"last_step", "error", "seconds", "steps_per_second"}) columns.emplace_back(name);
  return columns;
}

}  // namespace

RunTable collect(const Plan& plan, const std::filesystem::path& directory) {
  RunTable table{plan.axes, {}, {}, {}};
  for (const QuantityConfig& quantity : plan.experiment.quantities) table.quantities.push_back(quantity.name);
  std::vector<RunReport> reports;
  // Rows in the order of the file: arm by arm, seeds together.
  for (std::size_t point = 0; point < plan.points.size(); ++point)
    for (const PlannedRun& run : plan.runs) {
      if (run.point != point) continue;
      const std::filesystem::path folder = directory / "runs" / run.name;
      reports.push_back(read_report(folder));
      table.rows.push_back(measured(plan, run, folder, reports.back()));
    }
  table.warnings = unlike(reports);
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
      if (counts_steps(quantity_of(experiment, name)))
        values.emplace_back(is_there && found->second.bound == Bound::at_least ? "at_least" : "");
    }
    values.insert(values.end(),
                  {std::to_string(row.last_step), row.error, shown(row.seconds), shown(row.steps_per_second)});
    add_line(values);
  }
  return text;
}

RunTable read_run_table(const std::filesystem::path& file, const ExperimentConfig& experiment) {
  const CsvTable csv = read_csv(file);
  RunTable table;
  for (const ArmConfig& arm : experiment.arms)
    for (const config::Axes* axes : {&arm.grid, &arm.zip})
      for (const auto& [path, values] : axes->paths)
        if (std::find(table.axes.begin(), table.axes.end(), path) == table.axes.end()) table.axes.push_back(path);
  for (const QuantityConfig& quantity : experiment.quantities) table.quantities.push_back(quantity.name);
  for (const std::string& column : header_of(table, experiment))
    if (!csv.find(column))
      throw DataError(fmt::format("{}: no column \"{}\", which the experiment beside it needs", file.string(), column));
  const auto cell = [&](const std::vector<std::string>& row, const std::string& column) -> const std::string& {
    return row[*csv.find(column)];
  };
  const auto number = [&](const std::vector<std::string>& row, const std::string& column) {
    const auto value = csv_number(cell(row, column));
    if (!value)
      throw DataError(fmt::format("{}: column {}: \"{}\" is no number", file.string(), column, cell(row, column)));
    return *value;
  };
  for (const auto& line : csv.rows) {
    RunRow row;
    row.arm = cell(line, "arm");
    for (const std::string& axis : table.axes)
      if (const std::string& value = cell(line, axis); !value.empty()) row.axes[axis] = value;
    const std::string& seed = cell(line, "seed");
    if (const auto end = std::from_chars(seed.data(), seed.data() + seed.size(), row.seed);
        end.ec != std::errc() || end.ptr != seed.data() + seed.size())
      throw DataError(fmt::format("{}: column seed: \"{}\" is no seed", file.string(), seed));
    row.run = cell(line, "run");
    row.status = cell(line, "status");
    for (const std::string& name : table.quantities) {
      if (cell(line, name).empty()) continue;
      Value value{number(line, name), Bound::exact};
      if (counts_steps(quantity_of(experiment, name)) && cell(line, name + "_bound") == "at_least")
        value.bound = Bound::at_least;
      row.quantities[name] = value;
    }
    row.last_step = static_cast<std::int64_t>(number(line, "last_step"));
    row.error = cell(line, "error");
    row.seconds = number(line, "seconds");
    row.steps_per_second = number(line, "steps_per_second");
    table.rows.push_back(std::move(row));
  }
  return table;
}

Evidence evidence_for(const config::CriterionConfig& criterion, const RunTable& table, const Plan& plan) {
  Evidence evidence{{}, plan.experiment.seeds.list, quantity_of(plan.experiment, criterion.quantity).better};
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
      const bool has_points =
          std::any_of(plan.points.begin(), plan.points.end(), [&](const ArmPoint& point) { return point.arm == arm; });
      const std::string name = has_points ? label(row, plan) : row.arm;
      if (has_points && wanted != arm && name != wanted) continue;
      Point& point = add(name, 0);
      if (const auto value = row.quantities.find(criterion.quantity); value != row.quantities.end())
        point.values[row.seed] = value->second;
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
    const bool higher = quantity_of(plan.experiment, choice.quantity).better == config::Better::higher;
    for (const ArmPoint& point : plan.points) {
      if (point.arm != choice.of) continue;
      const double mean = mean_over_seeds(table, plan, point, choice.quantity);
      const std::string at = point.label.substr(point.arm.size());
      choice.candidates.emplace_back(at, mean);
      const bool is_better = higher ? mean > choice.mean : mean < choice.mean;
      if (std::isnan(mean) || (!std::isnan(choice.mean) && !is_better)) continue;
      choice.mean = mean;
      choice.point = at;
    }
    // While runs are missing another point may yet be the best.
    if (!is_complete(table, choice.of)) choice.point.clear();
    all.push_back(std::move(choice));
  }
  return all;
}

}  // namespace bnlab::experiments
