#include "experiments/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "config/experiment.h"
#include "config/load.h"
#include "experiments/comparison.h"
#include "experiments/plan_identity.h"
#include "experiments/run_folders.h"
#include "experiments/set_aside.h"
#include "experiments/verdict_json.h"
#include "training/run_directory.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/join.h"
#include "util/pattern.h"
#include "util/result_file.h"

namespace bnlab::experiments {

namespace fs = std::filesystem;

namespace {

bool fits(const std::string& pattern, const ArmPoint& point) {
  return bnlab::fits(pattern, point.arm) || bnlab::fits(pattern, point.label);
}

/// Throws where a pattern fits no arm that has runs.
void refuse_unknown(const std::string& pattern, const Plan& plan) {
  if (std::any_of(plan.points.begin(), plan.points.end(), [&](const auto& point) { return fits(pattern, point); }))
    return;
  for (const config::ArmConfig& arm : plan.experiment.arms)
    if (arm.best_of && bnlab::fits(pattern, arm.name))
      throw ConfigError(fmt::format("--only {}: arm {} of {} has no runs of its own; it is the best point of {}",
                                    pattern, arm.name, plan.experiment.name, arm.best_of->arm));
  throw ConfigError(fmt::format("--only {}: no arm of {} matches", pattern, plan.experiment.name));
}

/// Of each run of the plan whether one of the patterns fits it, or a run that starts from its weights; all without any.
std::vector<bool> wanted_runs(const Plan& plan, const std::vector<std::string>& only) {
  std::vector<bool> wanted;
  for (const PlannedRun& run : plan.runs)
    wanted.push_back(only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& one) {
                       return fits(one, plan.points[run.point]);
                     }));
  for (std::size_t i = plan.runs.size(); i-- > 0;)  // parents come before
    if (wanted[i] && plan.runs[i].parent) wanted[*plan.runs[i].parent] = true;
  return wanted;
}

/// The experiment that a directory holds; nothing where there is none.
std::optional<config::ExperimentConfig> earlier_experiment(const fs::path& directory) {
  try {
    return experiment_in(directory);
  } catch (const ConfigError& problem) {
    throw ConfigError(
        fmt::format("--out: cannot tell which experiment {} belongs to; choose another directory, or remove {}\n{}",
                    directory.string(), (directory / "experiment.json").string(), problem.what()));
  }
}

/// Throws where runs.csv is no table of runs, or the end of one is missing: it would be replaced.
void refuse_other_table(const fs::path& directory) {
  const fs::path file = directory / "runs.csv";
  if (!is_there(file)) return;
  const CsvTable csv = read_csv(file);
  if (csv.find("run") && csv.find("status") && !csv.is_cut_off) return;
  throw ConfigError(fmt::format("--out: {} is {}; it would be replaced. Move it away, or choose another directory",
                                file.string(), csv.is_cut_off ? "cut off" : "not a table of runs"));
}

/// Throws where the directory has results but does not say of which experiment, or is that of a run.
void refuse_results_of_nobody(const fs::path& directory) {
  if (is_run(directory))
    throw ConfigError(fmt::format("--out: {} holds a run; choose another directory for a sweep", directory.string()));
  for (const char* name : {"runs.csv", "verdict.json", "summary.csv"})
    if (const fs::path file = directory / name; is_there(file))
      throw ConfigError(
          fmt::format("--out: {} would be replaced, but has no experiment.json beside it. Move it away, or choose "
                      "another directory",
                      file.string()));
}

/// The plan that the directory's files belong to where it is another than this one; "" otherwise.
std::string other_plan(const std::optional<config::ExperimentConfig>& earlier, const Plan& plan,
                       const fs::path& directory) {
  if (!earlier) return "";
  std::vector<std::string> plans{plan_of(*earlier), read_verdict(directory).plan};
  for (const char* name : {"runs.csv", "summary.csv", "figure.csv"}) {
    try {
      plans.push_back(plan_of_csv(directory / name));
    } catch (const ReadError&) {
      throw;
    } catch (const DataError&) {  // damaged: of any plan; it will be written again
    }
  }
  for (const std::string& one : plans)
    if (!one.empty() && one != plan.hash) return one;
  return "";
}

void write_where_different(const fs::path& file, const std::string& text) {
  try {
    const std::vector<std::uint8_t> there = read_file(file, text.size(), Place::results);
    if (std::ranges::equal(there, text, {}, {}, [](char c) { return static_cast<std::uint8_t>(c); })) return;
  } catch (const ReadError&) {
    throw;
  } catch (const DataError&) {  // missing, or longer than the text
  }
  write_file_atomically(file, text);
}

}  // namespace

bool is_file_of_a_sweep(const fs::path& directory, const fs::path& file) {
  std::error_code ignored;
  const auto whole = [&](const fs::path& path) { return fs::weakly_canonical(fs::absolute(path, ignored), ignored); };
  const fs::path inside = whole(file).lexically_relative(whole(directory));
  if (inside.empty()) return false;
  const fs::path first = *inside.begin();
  if (first == "configs" || first == "runs" || first == "old") return true;
  const std::set<fs::path> names{"experiment.json",  "runs.csv",   "summary.csv", "verdict.json", ".sweep.lock",
                                 ".sweep.runs.lock", "figure.csv", "figure.png",  "figure.svg"};
  return names.contains(inside);
}

std::vector<SweepRun> sweep_runs(const Plan& plan, const fs::path& directory, const std::vector<std::string>& only) {
  for (const std::string& pattern : only) refuse_unknown(pattern, plan);
  const RunFolders folders(directory);
  const std::vector<bool> wanted = wanted_runs(plan, only);
  std::vector<SweepRun> all;
  std::set<std::string> names;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const PlannedRun& run = plan.runs[i];
    if (!wanted[i] || !names.insert(run.name).second) continue;
    const std::string name = folders.name_of(run);
    const fs::path folder = folders.path_of(run);
    const std::int64_t steps = run.config.training.epochs ? 0 : run.config.training.steps;
    const fs::path parent = run.parent ? folders.path_of(plan.runs[*run.parent]) : fs::path();
    all.push_back({&run,
                   {name, directory / "configs" / (name + ".json"), folder, steps, run.config.dataset, parent},
                   read_report(folder, run.config)});
  }
  return all;
}

void refuse_another_sweep(const Plan& plan, const fs::path& directory, bool replace) {
  const auto earlier = earlier_experiment(directory);
  if (!earlier) return refuse_results_of_nobody(directory);
  if (earlier->name != plan.experiment.name)
    throw ConfigError(fmt::format("--out: {} has the sweep of {}; choose another directory for {}", directory.string(),
                                  earlier->name, plan.experiment.name));
  refuse_other_table(directory);
  if (replace) return;
  if (const std::vector<std::string> lines = conflicts(*earlier, plan); !lines.empty())
    throw ConfigError(
        fmt::format("--out: {} has another sweep of {}; nothing was changed. {}\nRepeat its --profile, --seeds and "
                    "--set, choose another directory, or replace it with --replace, which moves its results to {}",
                    directory.string(), plan.experiment.name, join(lines, "; "), (directory / "old").string()));
}

fs::path prepare(const Plan& plan, const std::vector<SweepRun>& runs, const fs::path& directory, bool replace) {
  refuse_another_sweep(plan, directory, replace);
  for (const char* name : {"configs", "runs"}) {
    std::error_code error;
    fs::create_directories(directory / name, error);
    if (kind_of(directory / name) == FileKind::link) refuse_other_than_folder(directory / name);
    if (kind_of(directory / name) != FileKind::folder)
      throw ConfigError(fmt::format("--out: cannot create the directory {}: {}", (directory / name).string(),
                                    error ? error.message() : "a file of that name exists"));
  }
  const std::string other = other_plan(earlier_experiment(directory), plan, directory);
  const fs::path aside = other.empty() ? fs::path() : set_aside(directory, other);
  for (const SweepRun& one : runs) write_where_different(one.task.config, config::to_json(one.run->config));
  config::ExperimentConfig experiment = plan.experiment;
  experiment.plan = plan.hash;
  write_file_atomically(directory / "experiment.json", config::to_json(experiment));
  return aside;
}

void clear_failures(const std::vector<SweepRun>& runs) {
  for (const SweepRun& one : runs) {
    if (one.report.state != RunState::failed) continue;
    if (!one.report.is_damaged) {
      clear_failure(one.task.directory);
      continue;
    }
    training::RunDirectory(one.task.directory, training::Existing::replace).clear();
    std::error_code ignored;  // files that are not the run's stay, with their folder
    fs::remove(one.task.directory, ignored);
  }
}

std::vector<Task> remaining(const std::vector<SweepRun>& runs, bool retry_failed) {
  std::vector<Task> tasks;
  for (const SweepRun& one : runs)
    if (!is_finished(one.report.state) && (one.report.state != RunState::failed || retry_failed))
      tasks.push_back(one.task);
  return tasks;
}

}  // namespace bnlab::experiments
