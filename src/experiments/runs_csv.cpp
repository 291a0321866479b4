#include "experiments/runs_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "experiments/choices.h"
#include "experiments/low_ends.h"
#include "experiments/plan_identity.h"
#include "experiments/run_cells.h"
#include "experiments/run_folders.h"
#include "util/csv.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/printable.h"

namespace bnlab::experiments {
namespace {

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
  std::size_t take(const RunRow& row, const RowCells& cells) {
    const auto point = points_.find({row.arm, row.axes});
    if (point == points_.end()) cells.fail(fmt::format("experiment.json has no such point of arm \"{}\"", row.arm));
    const std::string& label = plan_.points[point->second].label;
    const auto run = missing_.find({label, row.seed});
    if (run == missing_.end())
      cells.fail(fmt::format("seed {} of {} appears twice, or is not in experiment.json", row.seed, label));
    if (RunFolders::hash_in(row.run) != run->second)
      cells.fail(fmt::format("run {} belongs to another config: the name of {} with seed {} begins with {}", row.run,
                             label, row.seed, run->second));
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

bool is_best_of(const config::ExperimentConfig& experiment, const std::string& arm) {
  return std::ranges::any_of(experiment.arms,
                             [&](const config::ArmConfig& one) { return one.name == arm && one.best_of; });
}

}  // namespace

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
      throw DataError(fmt::format("{}: no column \"{}\", which experiment.json needs", file.string(), column));
  refuse_other_plan(csv, plan, file);
  ExpectedRuns expected(plan);
  for (std::size_t i = 0; i < csv.rows.size(); ++i) {
    const RowCells cells(csv, i, file);
    if (is_best_of(plan.experiment, cells.text("arm"))) continue;
    RunRow& row = table.rows.emplace_back(read_row(cells, table));
    row.point = expected.take(row, cells);
    add_low_ends(row, csv, plan);
  }
  expected.refuse_missing(file);
  add_best_arms(table, plan);
  return table;
}

}  // namespace bnlab::experiments
