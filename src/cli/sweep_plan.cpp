#include "cli/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "cli/output_guard.h"
#include "cli/status_line.h"
#include "config/ablation.h"
#include "config/effective.h"
#include "config/experiment.h"
#include "config/load.h"
#include "experiments/plan_identity.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/result_file.h"

namespace bnlab::cli {
namespace {

namespace fs = std::filesystem;
using namespace experiments;  // every name here is of a sweep

fs::path directory_of(const SweepOptions& options, const config::ExperimentConfig& experiment) {
  if (!options.out.empty()) return options.is_parent ? fs::path(options.out) / experiment.name : fs::path(options.out);
  return results_of(options.profile) / experiment.name;
}

Sweep load_experiment(const std::string& file, const SweepOptions& options) {
  const config::ExperimentConfig written = config::load_experiment(file);
  const fs::path folder = fs::path(file).has_parent_path() ? fs::path(file).parent_path() : fs::path(".");
  Sweep sweep{
      make_plan(config::effective(written, options.profile, options.overrides, options.seeds, folder)), {}, 0, 0, ""};
  sweep.directory = directory_of(options, sweep.plan.experiment);
  const config::ProfileConfig& chosen = options.profile == config::Profile::full ? written.full : written.quick;
  sweep.minutes = chosen.minutes;
  std::set<std::string> different;  // points can share runs
  for (const PlannedRun& run : sweep.plan.runs) different.insert(run.name);
  sweep.runs_of_minutes = different.size() * chosen.seeds.value_or(written.seeds).list.size() /
                          std::max<std::size_t>(1, sweep.plan.experiment.seeds.list.size());
  return sweep;
}

/// Whether a directory holds a sweep of these axes and this base, which the plan can continue.
bool continues(const Plan& plan, const fs::path& directory) {
  try {
    const auto there = experiment_in(directory);
    return there && there->base == plan.experiment.base && there->arms == plan.experiment.arms &&
           conflicts(*there, plan).empty();
  } catch (const ConfigError&) {
    return false;
  }
}

/// results/sweeps/NAME, or the first of results/sweeps/NAME_2, ... that does not exist or holds the same ablation,
/// maybe with other metrics or fewer seeds.
fs::path directory_of_ablation(const SweepOptions& options, const Plan& plan) {
  if (!options.out.empty()) return directory_of(options, plan.experiment);
  for (int number = 1;; ++number) {
    const std::string end = number == 1 ? "" : fmt::format("_{}", number);
    fs::path directory = fs::path("results/sweeps") / (plan.experiment.name + end);
    if (!is_there(directory) || continues(plan, directory)) return directory;
  }
}

bool is_experiment_text(std::string_view text) { return text.find("\"arms\"") != std::string_view::npos; }

/// Throws where --save-experiment would replace something unasked, its own input, or a file of a sweep.
void refuse_to_replace(const SweepOptions& options, const std::string& config_file) {
  const std::string& file = options.save_experiment;
  std::error_code error;
  if (file.empty()) {
    if (options.force) throw ConfigError("--force: only with --save-experiment");
    return;
  }
  if (fs::equivalent(file, config_file, error))
    throw ConfigError(fmt::format("--save-experiment: must not be the input file {}", config_file));
  if (fs::is_directory(file, error)) throw ConfigError(fmt::format("--save-experiment: {} is a folder", file));
  if (!options.force && fs::exists(fs::symlink_status(file, error)))
    throw ConfigError(fmt::format("--save-experiment: {} exists; --force replaces it", file));
  cli::refuse_to_replace("--save-experiment", file, is_experiment_text);
}

Sweep load_ablation(const std::string& file, const SweepOptions& options) {
  if (config::is_network_file(file))
    throw ConfigError(fmt::format("{}: this is a network; expected an experiment or a run's config", file));
  if (options.grid.empty() && options.zip.empty())
    throw ConfigError(
        fmt::format("{}: this is a run's config; use `bnlab train {}`, or `bnlab sweep {} --grid PATH=VALUE,VALUE,...`",
                    file, file, file));
  refuse_to_replace(options, file);
  if (options.has_profile)
    throw ConfigError(fmt::format("--profile: only with an experiment; {} is a run's config", file));
  Sweep sweep{make_plan(config::to_experiment({.file = file,
                                               .settings = options.overrides,
                                               .grid = options.grid,
                                               .zip = options.zip,
                                               .metrics = options.metrics,
                                               .seeds = options.seeds})),
              {},
              0,
              0,
              file};
  for (const ArmPoint& point : sweep.plan.points) {
    try {
      check_config(point.config);
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("{}: {}", point.label, error.what()));
    }
  }
  sweep.directory = directory_of_ablation(options, sweep.plan);
  return sweep;
}

Sweep load_sweep(const std::string& file, const SweepOptions& options) {
  config::refuse_result_file(file);
  if (!config::is_experiment_file(file)) return load_ablation(file, options);
  if (!options.save_experiment.empty())
    throw ConfigError(fmt::format("--save-experiment: only with a run's config; {} is an experiment", file));
  for (const auto& [option, values] :
       {std::pair("--grid", &options.grid), std::pair("--zip", &options.zip), std::pair("--metric", &options.metrics)})
    if (!values->empty())
      throw ConfigError(fmt::format(
          "{}: only with a run's config; {} is an experiment and defines its own arms and quantities", option, file));
  return load_experiment(file, options);
}

std::string estimate(const Sweep& sweep, const std::vector<SweepRun>& runs, std::size_t left, int jobs) {
  double seconds = 0;
  std::size_t finished = 0;
  for (const SweepRun& one : runs)
    if (is_finished(one.report.state)) seconds += one.report.seconds, ++finished;
  const double rounds = static_cast<double>(left) / std::min(jobs, static_cast<int>(left));
  if (finished > 0)
    return fmt::format("about {} with {} at a time (from the {} finished runs)",
                       duration_text(seconds / static_cast<double>(finished) * rounds), jobs, finished);
  if (sweep.minutes <= 0) return "no time estimate (set `minutes`)";
  const double minutes = 2 * sweep.minutes * rounds / static_cast<double>(sweep.runs_of_minutes);
  return fmt::format("about {} with {} at a time (the experiment states {} on two cores)", duration_text(60 * minutes),
                     jobs, duration_text(60 * sweep.minutes));
}

/// The arms and points that have runs, and what each changes.
void print_arms(const Plan& plan, const std::vector<SweepRun>& runs) {
  for (const ArmPoint& point : plan.points) {
    const auto is_of = [&](const SweepRun& one) { return plan.points[one.run->point].label == point.label; };
    if (std::none_of(runs.begin(), runs.end(), is_of)) continue;
    say("arm {}\n", point.label);
    const std::vector<std::string> changes = changes_of(plan, point);
    for (const std::string& change : changes) say("  {}\n", on_one_line(change));
    if (changes.empty()) say("  no changes from the base\n");
  }
}

}  // namespace

std::vector<Sweep> load_sweeps(const std::vector<std::string>& files, const SweepOptions& options) {
  std::vector<Sweep> all;
  std::map<fs::path, std::string> files_by_directory;
  for (const std::string& file : files) {
    all.push_back(load_sweep(file, options));
    const auto [other, is_new] = files_by_directory.emplace(all.back().directory.lexically_normal(), file);
    if (!is_new)
      throw ConfigError(
          fmt::format("{} and {} have the same name {} and would share the directory {}; sweep each with its own --out",
                      other->second, file, all.back().plan.experiment.name, all.back().directory.string()));
  }
  return all;
}

void save_experiment(const Sweep& sweep, const SweepOptions& options) {
  if (options.save_experiment.empty()) return;
  const fs::path file = fs::absolute(options.save_experiment);
  const fs::path base = fs::weakly_canonical(fs::absolute(sweep.config_file))
                            .lexically_relative(fs::weakly_canonical(file.parent_path()));
  write_output("--save-experiment", file, config::draft_json(sweep.plan.experiment, base.string()), is_experiment_text);
}

void warn_of_overridden(const Sweep& sweep, const SweepOptions& options, Context& context) {
  const auto overlap = [](const std::string& a, const std::string& b) {
    return (a + ".").starts_with(b + ".") || (b + ".").starts_with(a + ".");
  };
  for (const std::string& setting : options.overrides)
    for (const config::ArmConfig& arm : sweep.plan.experiment.arms) {
      const std::string path = setting.substr(0, setting.find('='));
      const auto sets = [&](const auto& own) {
        return std::any_of(own.begin(), own.end(), [&](const auto& entry) { return overlap(entry.first, path); });
      };
      if (sets(arm.set.paths) || sets(arm.grid.paths) || sets(arm.zip.paths))
        context.logger->warn("--set {}: arm {} of {} sets {} itself and keeps its value", setting, arm.name,
                             sweep.plan.experiment.name, path);
    }
}

void print_plan(const Sweep& sweep, const std::vector<SweepRun>& runs, const SweepOptions& options) {
  const Plan& plan = sweep.plan;
  const config::ExperimentConfig& experiment = plan.experiment;
  say("{}: {} runs{}\n", experiment.name, runs.size(),
      experiment.profile.empty() ? "" : ", profile " + experiment.profile);
  say("{}", experiment.claim.empty() ? "" : on_one_line(experiment.claim) + "\n");
  say("directory: {}\n\n", sweep.directory.string());
  print_arms(plan, runs);
  say("\n");
  std::vector<std::vector<std::string>> rows{{"run", "state"}};
  for (const SweepRun& one : runs) rows.push_back({one.task.name, experiments::name_of(one.report.state)});
  say("{}\n", table(rows, 2));
  const std::size_t left = remaining(runs, options.retry_failed).size();
  const auto failed = std::ranges::count(runs, RunState::failed, [](const SweepRun& one) { return one.report.state; });
  if (left > 0)
    say("{} runs to do, {}.\n", left, estimate(sweep, runs, left, local_options(options).jobs));
  else if (failed > 0)
    say("No runs to do; {} failed (--retry-failed runs them again).\n", failed);
  else
    say("All runs are finished.\n");
}

}  // namespace bnlab::cli
