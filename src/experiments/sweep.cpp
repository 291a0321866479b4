#include "experiments/sweep.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "config/experiment.h"
#include "config/load.h"
#include "util/errors.h"
#include "util/file.h"

namespace bnlab::experiments {

namespace fs = std::filesystem;

bool fits(const std::string& pattern, const std::string& name) {
  // The brackets of a point's label are no sets of characters.
  std::string escaped;
  for (const char c : pattern) escaped += c == '[' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return ::fnmatch(escaped.c_str(), name.c_str(), 0) == 0;
}

std::vector<Standing> standings(const Plan& plan, const fs::path& directory, const std::vector<std::string>& only) {
  for (const std::string& pattern : only)
    if (std::none_of(plan.points.begin(), plan.points.end(),
                     [&](const ArmPoint& point) { return fits(pattern, point.arm) || fits(pattern, point.label); }))
      throw ConfigError(fmt::format("--only {}: no arm of {} fits", pattern, plan.experiment.name));
  std::vector<Standing> all;
  std::set<std::string> names;
  for (const PlannedRun& run : plan.runs) {
    const ArmPoint& point = plan.points[run.point];
    const bool wanted = only.empty() || std::any_of(only.begin(), only.end(), [&](const std::string& pattern) {
                          return fits(pattern, point.arm) || fits(pattern, point.label);
                        });
    if (!wanted || !names.insert(run.name).second) continue;
    const fs::path folder = directory / "runs" / run.name;
    const std::int64_t steps = run.config.training.epochs ? 0 : run.config.training.steps;
    all.push_back({&run, {run.name, directory / "configs" / (run.name + ".json"), folder, steps}, read_report(folder)});
  }
  return all;
}

void prepare(const Plan& plan, const std::vector<Standing>& runs, const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory / "configs", error);
  fs::create_directories(directory / "runs", error);
  if (!fs::is_directory(directory / "runs", error))
    throw ConfigError(fmt::format("--out: can't make {}: {}", (directory / "runs").string(), error.message()));
  write_file_atomically(directory / "experiment.json", config::to_json(plan.experiment));
  for (const Standing& one : runs)
    if (!fs::exists(one.task.config)) write_file_atomically(one.task.config, config::to_json(one.run->config));
}

std::vector<Task> remaining(const std::vector<Standing>& runs, bool retry_failed) {
  std::vector<Task> tasks;
  for (const Standing& one : runs)
    if (!is_finished(one.report.state) && (one.report.state != RunState::failed || retry_failed))
      tasks.push_back(one.task);
  return tasks;
}

}  // namespace bnlab::experiments
