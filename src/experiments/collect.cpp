#include "experiments/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/arm_labels.h"
#include "config/csv_columns.h"
#include "experiments/choices.h"
#include "experiments/doubts.h"
#include "experiments/earlier_results.h"
#include "experiments/quantities.h"
#include "experiments/run_cells.h"
#include "experiments/run_folders.h"
#include "util/errors.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

using config::arm_of;
using config::QuantityConfig;

/// For each quantity, the arms that a criterion, a choice or the figure uses it with. A quantity that none of them
/// uses, as in an ablation, is asked of every arm.
class Users {
 public:
  explicit Users(const config::ExperimentConfig& experiment) {
    for (const config::CriterionConfig& criterion : experiment.criteria)
      for (const std::string& label : criterion.arms) add(criterion.quantity, arm_of(label));
    for (const config::ArmConfig& arm : experiment.arms)
      if (arm.best_of) add(arm.best_of->quantity, arm.best_of->chosen_by.value_or(arm.best_of->arm));
    for (const std::string& label : experiment.figure.arms) add(experiment.figure.quantity, arm_of(label));
    if (experiment.figure.arms.empty())  // it draws all
      for (const config::ArmConfig& arm : experiment.arms) add(experiment.figure.quantity, arm.name);
    for (auto& [quantity, arms] : users_)
      for (const config::ArmConfig& arm : experiment.arms)
        if (arm.best_of && arms.contains(arm.name)) arms.insert(arm.best_of->arm);
  }

  bool ask(const std::string& arm, const std::string& quantity) const {
    const auto found = users_.find(quantity);
    return found == users_.end() || found->second.contains(arm);
  }

 private:
  void add(const std::string& quantity, const std::string& arm) { users_[quantity].insert(arm); }

  std::map<std::string, std::set<std::string>> users_;
};

/// The row of a run, from its directory.
RunRow row_of(const Plan& plan, const PlannedRun& run, const std::filesystem::path& directory, training::Check check,
              const Users& users) {
  const RunReport report = read_report(directory, run.config);
  const ArmPoint& point = plan.points[run.point];
  RunRow row{.arm = point.arm,
             .axes = {point.settings.begin(), point.settings.end()},
             .point = run.point,
             .seed = run.seed,
             .run = directory.filename().string(),
             .status = report.state,
             .quantities = {},
             .last_step = report.last_step,
             .seconds = report.seconds,
             .steps_per_second = report.steps_per_second,
             .error = report.error,
             .instruction_set = report.instruction_set,
             .onednn = report.onednn,
             .git_revision = report.git_revision,
             .threads = report.threads,
             .dataset_sha256 = report.dataset_sha256,
             .machine = report.machine,
             .build = report.build,
             .initial_weights_sha256 = report.initial_weights_sha256,
             .train_sha256 = "",
             .doubt = "",
             .plan = plan.hash};
  if (!is_finished(report.state)) return row;
  row.doubt = doubt_about(directory, report, check);
  for (const training::FileRecord& file : report.files)
    if (config::run_file_of(file.name) == config::RunFile::train) row.train_sha256 = file.sha256;
  for (const QuantityConfig& quantity : plan.experiment.quantities) {
    try {
      row.quantities[quantity.name] = as_in_file(measure(quantity, directory, report));
    } catch (const ReadError&) {
      throw;  // its value may be in runs.csv, which must not lose it
    } catch (const DataError& error) {
      if (users.ask(row.arm, quantity.name)) row.error = error.what();
    } catch (const ConfigError& error) {
      if (users.ask(row.arm, quantity.name)) row.error = error.what();
    }
  }
  return row;
}

/// Replaces the rows of runs that have no folder by what runs.csv, or that of an earlier plan, has of them. Arm, axes
/// and seed are the plan's: the arm may have had another name.
void keep_earlier_results(RunTable& table, const std::filesystem::path& directory, const Plan& plan,
                          const Users& users) {
  const auto is_missing = [](const RunRow& row) { return row.status == RunState::missing; };
  if (std::none_of(table.rows.begin(), table.rows.end(), is_missing)) return;
  const std::map<std::string, RunRow> earlier = earlier_results(directory, plan);
  for (RunRow& row : table.rows) {
    const auto found = earlier.find(RunFolders::hash_in(row.run));
    if (!is_missing(row) || found == earlier.end()) continue;
    RunRow kept = found->second;
    kept.arm = row.arm;
    kept.axes = row.axes;
    kept.point = row.point;
    kept.seed = row.seed;
    kept.plan = row.plan;
    for (const QuantityColumn& quantity : table.quantities)
      if (kept.error.empty() && !kept.quantities.contains(quantity.name) && users.ask(row.arm, quantity.name))
        kept.error = fmt::format("its directory is missing, and runs.csv has no {}", quantity.name);
    row = std::move(kept);
  }
}

}  // namespace

RunTable collect(const Plan& plan, const std::filesystem::path& directory, training::Check check) {
  RunTable table = empty_table(plan);
  // Rows in the order of the file: arm by arm, seeds together.
  std::vector<const PlannedRun*> runs;
  for (const PlannedRun& run : plan.runs) runs.push_back(&run);
  std::ranges::stable_sort(runs, {}, &PlannedRun::point);
  const RunFolders folders(directory);
  const Users users(plan.experiment);
  for (const PlannedRun* run : runs) table.rows.push_back(row_of(plan, *run, folders.path_of(*run), check, users));
  keep_earlier_results(table, directory, plan, users);
  add_best_arms(table, plan);
  return table;
}

}  // namespace bnlab::experiments
