#include "experiments/sweep.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <set>

#include "config/experiment.h"
#include "config/load.h"
#include "experiments/run_folders.h"
#include "training/run_directory.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/result_file.h"

namespace bnlab::experiments {

namespace fs = std::filesystem;

namespace {

bool fits(const std::string& pattern, const ArmPoint& point) {
  return experiments::fits(pattern, point.arm) || experiments::fits(pattern, point.label);
}

/// Throws where a pattern fits no arm that has runs.
void refuse_unknown(const std::string& pattern, const Plan& plan) {
  if (std::any_of(plan.points.begin(), plan.points.end(), [&](const auto& point) { return fits(pattern, point); }))
    return;
  for (const config::ArmConfig& arm : plan.experiment.arms)
    if (arm.best_of && experiments::fits(pattern, arm.name))
      throw ConfigError(fmt::format("--only {}: arm {} of {} has no runs of its own, but those of the best point of {}",
                                    pattern, arm.name, plan.experiment.name, arm.best_of->arm));
  throw ConfigError(fmt::format("--only {}: no arm of {} fits", pattern, plan.experiment.name));
}

/// The experiment that a directory holds; nothing where there is none.
std::optional<config::ExperimentConfig> earlier_experiment(const fs::path& directory) {
  const fs::path file = directory / "experiment.json";
  if (!is_there(file)) return std::nullopt;
  try {
    return config::load_experiment(file, Place::results);
  } catch (const ConfigError& problem) {
    throw ConfigError(
        fmt::format("--out: whose sweep {} holds can't be told; choose another directory, or remove {}\n{}",
                    directory.string(), file.string(), problem.what()));
  }
}

/// Throws where only runs.csv has the results of runs that are not in the plan. It will be written again from the
/// plan's runs, and those results would be lost.
void refuse_to_lose_results(const Plan& plan, const fs::path& directory) {
  const fs::path file = directory / "runs.csv";
  if (!is_there(file)) return;
  const CsvTable csv = read_csv(file);
  const auto run = csv.find("run"), status = csv.find("status");
  if (!run || !status || csv.is_cut_off)
    throw ConfigError(fmt::format("--out: {} is {}; it would be replaced. Move it away, or choose another directory",
                                  file.string(), csv.is_cut_off ? "cut off" : "no table of runs"));
  std::set<std::string> hashes;
  for (const PlannedRun& one : plan.runs) hashes.insert(RunFolders::hash_in(one.name));
  const RunFolders folders(directory);
  std::set<std::string> lost;
  for (const std::vector<std::string>& row : csv.rows) {
    const auto state = run_state_of(row[*status]);
    if (state && is_finished(*state) && !hashes.contains(RunFolders::hash_in(row[*run])) && !folders.has(row[*run]))
      lost.insert(row[*run]);
  }
  if (!lost.empty())
    throw ConfigError(
        fmt::format("--out: {} has results of {} runs, such as {}, that are not of this sweep and whose "
                    "directories are gone; they would be lost. Choose another directory",
                    file.string(), lost.size(), *lost.begin()));
}

/// A name beside `file` that nothing has yet.
fs::path unused_name(const fs::path& file) {
  fs::path name = file.string() + ".old";
  for (int i = 2; is_there(name); ++i) name = fmt::format("{}.old{}", file.string(), i);
  return name;
}

/// What decides the numbers in runs.csv.
std::vector<config::QuantityConfig> without_words(std::vector<config::QuantityConfig> quantities) {
  for (config::QuantityConfig& one : quantities) one.meaning = one.unit = "";
  return quantities;
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
  if (first == "configs" || first == "runs") return true;
  const std::set<fs::path> names{"experiment.json", "runs.csv", "verdict.json", ".sweep.lock", ".sweep.runs.lock"};
  return names.contains(inside);
}

bool fits(const std::string& pattern, const std::string& name) {
  // The brackets of a point's label are no sets of characters.
  std::string escaped;
  for (const char c : pattern) escaped += c == '[' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return ::fnmatch(escaped.c_str(), name.c_str(), 0) == 0;
}

std::vector<SweepRun> sweep_runs(const Plan& plan, const fs::path& directory, const std::vector<std::string>& only) {
  for (const std::string& pattern : only) refuse_unknown(pattern, plan);
  const RunFolders folders(directory);
  std::vector<SweepRun> all;
  std::set<std::string> names;
  for (const PlannedRun& run : plan.runs) {
    const ArmPoint& point = plan.points[run.point];
    const bool wanted =
        only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& one) { return fits(one, point); });
    if (!wanted || !names.insert(run.name).second) continue;
    const std::string name = folders.name_of(run);
    const fs::path folder = folders.path_of(run);
    const std::int64_t steps = run.config.training.epochs ? 0 : run.config.training.steps;
    all.push_back(
        {&run, {name, directory / "configs" / (name + ".json"), folder, steps}, read_report(folder, run.config)});
  }
  return all;
}

void prepare(const Plan& plan, const std::vector<SweepRun>& runs, const fs::path& directory) {
  const auto earlier = earlier_experiment(directory);
  if (earlier && earlier->name != plan.experiment.name)
    throw ConfigError(fmt::format("--out: {} holds the sweep of {}; choose another directory for {}",
                                  directory.string(), earlier->name, plan.experiment.name));
  const fs::path runs_csv = directory / "runs.csv", verdict = directory / "verdict.json";
  if (!earlier && is_there(verdict) && !is_there(runs_csv))
    throw ConfigError(
        fmt::format("--out: {} is no sweep's, which would have an experiment.json; it would be replaced. Move "
                    "it away, or choose another directory",
                    verdict.string()));
  std::error_code error;
  for (const char* name : {"configs", "runs"}) {
    fs::create_directories(directory / name, error);
    if (kind_of(directory / name) == FileKind::link) refuse_other_than_folder(directory / name);
    if (kind_of(directory / name) != FileKind::folder)
      throw ConfigError(fmt::format("--out: can't make the directory {}: {}", (directory / name).string(),
                                    error ? error.message() : "a file of that name exists"));
  }
  if (earlier && without_words(earlier->quantities) != without_words(plan.experiment.quantities)) {
    if (const fs::path aside = unused_name(runs_csv); is_there(runs_csv)) fs::rename(runs_csv, aside, error);
    if (error) throw RunError(fmt::format("can't rename {}: {}", runs_csv.string(), error.message()));
  } else {
    refuse_to_lose_results(plan, directory);
  }
  write_file_atomically(directory / "experiment.json", config::to_json(plan.experiment));
  for (const SweepRun& one : runs) write_where_different(one.task.config, config::to_json(one.run->config));
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
