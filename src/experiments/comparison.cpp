#include "experiments/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <system_error>

#include "config/csv_columns.h"
#include "config/experiment.h"
#include "config/load.h"
#include "config/names.h"
#include "config/text_file.h"
#include "experiments/doubts.h"
#include "experiments/earlier_results.h"
#include "experiments/plan.h"
#include "experiments/quantities.h"
#include "experiments/run_cells.h"
#include "experiments/run_folders.h"
#include "training/evaluation.h"
#include "util/errors.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

struct Metric {
  const char* name;
  const char* column;
  config::OverTime over_time;
  config::Better better;
};

constexpr Metric metrics[] = {
    {"final_accuracy", "accuracy", config::OverTime::final, config::Better::higher},
    {"best_accuracy", "accuracy", config::OverTime::best, config::Better::higher},
    {"final_loss", "loss", config::OverTime::final, config::Better::lower},
    {"best_loss", "loss", config::OverTime::best, config::Better::lower},
};

/// Of the test split, with the first statistics that the run evaluates.
config::QuantityConfig quantity_of(const Metric& metric, const config::RunConfig& config) {
  config::QuantityConfig quantity;
  quantity.name = metric.name;
  quantity.where.columns = {{"split", {config::name_of(config::SplitName::test)}},
                            {"statistics", {config::name_of(training::evaluated_statistics(config).front())}}};
  quantity.series.column = metric.column;
  quantity.series.over_time = metric.over_time;
  quantity.better = metric.better;
  return quantity;
}

void add_column(Comparison& comparison, const std::string& name) {
  if (std::find(comparison.metrics.begin(), comparison.metrics.end(), name) == comparison.metrics.end())
    comparison.metrics.push_back(name);
}

void add_metric(ComparedRun& run, const std::string& name, const Value& value) {
  if (!std::isnan(value.value)) run.metrics[name].push_back(value);
}

void add_end(ComparedRun& run, std::uint64_t seed, const std::string& name, RunState state, std::int64_t steps,
             double seconds, const std::string& error, const std::string& data) {
  run.seeds.push_back(seed);
  run.states.push_back(state);
  run.steps.push_back(steps);
  if (seconds > 0) run.seconds.push_back(seconds);
  if (!error.empty()) run.errors.push_back(fmt::format("{}: {}: {}", name, name_of(state), error));
  if (!data.empty() && std::find(run.data.begin(), run.data.end(), data) == run.data.end()) run.data.push_back(data);
}

void add_doubt(ComparedRun& run, const std::string& name, const std::string& doubt) {
  if (!doubt.empty()) run.doubts.push_back(name + ": " + doubt);
}

/// Adds a run from its directory; `name` is for errors.
void add_run(Comparison& comparison, ComparedRun& run, const config::RunConfig& config, const fs::path& directory,
             const std::string& name) {
  const RunReport report = read_report(directory, config);
  std::string error = report.error;
  for (const Metric& metric : metrics) add_column(comparison, metric.name);
  if (is_finished(report.state)) {
    add_doubt(run, name, doubt_about(directory, report, training::Check::changed));
    for (const Metric& metric : metrics) {
      try {
        add_metric(run, metric.name, as_in_file(measure(quantity_of(metric, config), directory, report)));
      } catch (const ReadError&) {
        throw;
      } catch (const DataError& problem) {
        error = problem.what();
      } catch (const ConfigError& problem) {
        error = problem.what();
      }
    }
  }
  add_end(run, config.training.seed, name, report.state, report.last_step, report.seconds, error,
          report.dataset_sha256);
}

/// A run whose folder is gone, from the row that runs.csv has of it.
void add_row(Comparison& comparison, ComparedRun& run, const RunRow& row, std::uint64_t seed) {
  for (const auto& [name, value] : row.quantities) {
    add_column(comparison, name);
    add_metric(run, name, value);
  }
  add_end(run, seed, row.run, row.status, row.last_step, row.seconds, row.error, row.dataset_sha256);
  add_doubt(run, row.run, row.doubt);
}

/// The config that a run wrote into its directory.
config::RunConfig config_of(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  return config::parse(config::read_text(file, Place::results), {}, directory, file.string());
}

void add_sweep(Comparison& comparison, const fs::path& directory) {
  const Plan plan = make_plan(config::load_experiment(directory / "experiment.json", Place::results));
  const RunFolders folders(directory);
  const bool some_are_gone =
      !std::all_of(plan.runs.begin(), plan.runs.end(), [&](const PlannedRun& run) { return folders.has(run); });
  std::map<std::string, RunRow> earlier;
  if (some_are_gone) earlier = earlier_results(directory, plan);
  std::vector<ComparedRun> points;
  for (const ArmPoint& point : plan.points)
    points.push_back({.directory = directory.string(), .label = point.label, .config = point.config});
  for (const PlannedRun& run : plan.runs) {
    ComparedRun& point = points[run.point];
    const auto row = earlier.find(RunFolders::hash_in(run.name));
    if (!folders.has(run) && row != earlier.end())
      add_row(comparison, point, row->second, run.seed);
    else
      add_run(comparison, point, run.config, folders.path_of(run), run.name);
  }
  for (ComparedRun& point : points) comparison.runs.push_back(std::move(point));
}

/// The metrics that every run may have come first, in their order, then the others as they were found.
void sort_metrics(Comparison& comparison) {
  const auto rank = [](const std::string& name) {
    return std::find_if(std::begin(metrics), std::end(metrics), [&](const Metric& one) { return one.name == name; }) -
           std::begin(metrics);
  };
  std::stable_sort(comparison.metrics.begin(), comparison.metrics.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
}

}  // namespace

bool is_run(const fs::path& directory) {
  return is_there(directory / "config.json") && (is_there(directory / "run.json") || is_there(directory / "train.csv"));
}

bool is_sweep(const fs::path& directory) { return is_there(directory / "experiment.json"); }

std::string sweeps_below(const fs::path& directory) {
  std::vector<fs::path> folders{directory};
  fs::path pattern = directory;
  for (int depth = 1; depth <= 2; ++depth) {
    pattern /= "*";
    std::vector<fs::path> below;
    std::error_code error;
    for (const fs::path& folder : folders)
      for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        if (fs::is_directory(entry->symlink_status(error))) below.push_back(entry->path());
    for (const fs::path& folder : below)
      if (fs::exists(folder / "experiment.json", error)) return "; there are sweeps in it: " + pattern.string();
    folders = std::move(below);
  }
  return "";
}

void add_directory(Comparison& comparison, const fs::path& directory) {
  if (is_sweep(directory)) {
    add_sweep(comparison, directory);
  } else if (is_run(directory)) {
    ComparedRun run{.directory = directory.string(), .label = "", .config = config_of(directory)};
    add_run(comparison, run, run.config, directory, directory.string());
    comparison.runs.push_back(std::move(run));
  } else {
    throw ConfigError(fmt::format("{}: {}", directory.string(),
                                  is_there(directory) ? "has neither a run nor a sweep" : "no such directory"));
  }
  sort_metrics(comparison);
}

}  // namespace bnlab::experiments
