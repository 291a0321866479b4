#include "experiments/earlier_results.h"

#include <fmt/format.h>

#include <utility>

#include "config/csv_columns.h"
#include "config/experiment.h"
#include "experiments/low_ends.h"
#include "experiments/plan_identity.h"
#include "experiments/run_cells.h"
#include "experiments/run_folders.h"
#include "experiments/set_aside.h"
#include "experiments/verdict_json.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

using config::ExperimentConfig;
using config::RunColumnName;

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
    throw DataError(fmt::format(
        "{}: {}; directories of runs are missing, and only this file may have their results: repair it or move it away",
        file.string(), problem));
  };
  for (const RunColumnName& column : config::run_columns)
    if (!csv.find(column.name) && !column.is_newer) refuse(fmt::format("no column \"{}\"", column.name));
  if (csv.is_cut_off) refuse("its last row is cut off");
  std::map<std::string, std::size_t> points;  // by hash: an arm's name may be another now
  for (const PlannedRun& run : plan.runs) points[RunFolders::hash_in(run.name)] = run.point;
  const std::string doubt = doubt_about_runs_csv(file.parent_path());
  const RunTable columns = columns_in(csv, experiment, plan);
  for (std::size_t i = 0; i < csv.rows.size(); ++i) {
    RunRow row = read_row(RowCells(csv, i, file), columns);
    if (!is_finished(row)) continue;
    const std::string hash = RunFolders::hash_in(row.run);
    if (const auto point = points.find(hash); point != points.end()) row.point = point->second;
    add_low_ends(row, csv, plan);
    if (!doubt.empty()) row.doubt += (row.doubt.empty() ? "" : "; ") + doubt;
    rows.emplace(hash, std::move(row));
  }
  return rows;
}

}  // namespace

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
