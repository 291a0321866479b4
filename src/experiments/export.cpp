#include "experiments/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "config/csv_columns.h"
#include "config/experiment.h"
#include "config/names.h"
#include "config/probe_files.h"
#include "experiments/comparison.h"
#include "experiments/doubts.h"
#include "experiments/executor.h"
#include "experiments/run_folders.h"
#include "util/csv.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/nearest.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using Cells = std::vector<std::string>;

const char* const export_begin = "sweep,arm,";

template <class T>
bool contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

/// Whether a run of this config writes the file.
bool is_written(const config::RunConfig& config, const std::string& file) {
  return config::run_file_of(file) != config::RunFile::probe ||
         std::any_of(config.probes.begin(), config.probes.end(),
                     [&](const config::ProbeConfig& probe) { return config::writes(probe, file); });
}

void add_files(const fs::path& folder, Cells& files) {
  for (const std::string& name : names_in(folder))
    if (name.ends_with(".csv") && !contains(files, name)) files.push_back(name);
}

}  // namespace

Export::Export(const std::vector<fs::path>& directories, const std::string& file) : file_(file) {
  std::vector<Plan> plans;
  std::map<std::string, int> names;
  std::vector<fs::path> places;
  for (const fs::path& directory : directories) {
    if (!is_sweep(directory))
      throw ConfigError(fmt::format(
          "{}: is not the directory of a sweep{}", directory.string(),
          is_run(directory) ? ", but of a run, whose CSV files are tables already" : sweeps_below(directory)));
    std::error_code ignored;
    const fs::path place = fs::weakly_canonical(directory, ignored);
    if (contains(places, place)) throw ConfigError(fmt::format("{}: is given twice", directory.string()));
    places.push_back(place);
    plans.push_back(make_plan(config::load_experiment(directory / "experiment.json", Place::results)));
    ++names[plans.back().experiment.name];
    for (const std::string& axis : plans.back().axes)
      if (!contains(axes_, axis)) axes_.push_back(axis);
  }
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const std::string& name = plans[i].experiment.name;
    add_sweep(directories[i], names[name] > 1 ? directories[i].lexically_normal().string() : name, plans[i]);
  }
  if (!runs_.empty()) return;
  std::sort(files_.begin(), files_.end());
  if (files_.empty()) throw DataError(fmt::format("{}: no run has a result", join(without_result_, "\n")));
  throw ConfigError(
      fmt::format("--file: no run has {}; there are {}{}", file_, join(files_), did_you_mean(file_, files_)));
}

void Export::add_sweep(const fs::path& directory, const std::string& name, const Plan& plan) {
  std::vector<const PlannedRun*> ordered;
  for (const PlannedRun& run : plan.runs) ordered.push_back(&run);
  std::ranges::stable_sort(ordered, {}, &PlannedRun::point);
  const RunFolders folders(directory);
  for (const PlannedRun* run : ordered) {
    const fs::path folder = folders.path_of(*run);
    const RunReport report = read_report(folder, run->config);
    const auto leave_out = [&](const std::string& why) {
      without_result_.push_back(fmt::format("{}: {}: {}", name, folder.filename().string(), why));
    };
    if (!is_finished(report.state)) {
      leave_out(name_of(report.state) + (report.error.empty() ? "" : ": " + report.error));
      continue;
    }
    if (files_.empty()) add_files(folder, files_);
    const fs::path file = folder / file_;
    if (!is_there(file)) {
      if (is_written(run->config, file_))
        leave_out("its " + file_ + " is gone");
      else
        ++without_file_;
      continue;
    }
    const ArmPoint& point = plan.points[run->point];
    Cells keys{name, point.arm};
    for (const std::string& axis : axes_) {
      const auto setting = std::ranges::find(point.settings, axis, [](const auto& one) { return one.first; });
      keys.push_back(setting == point.settings.end() ? "" : shown_value(setting->second));
    }
    keys.push_back(std::to_string(run->seed));
    add_columns(file);
    if (const std::string doubt = doubt_about(folder, report, training::Check::changed); !doubt.empty())
      doubts_.push_back(fmt::format("{}: {}: {}", name, folder.filename().string(), doubt));
    runs_.push_back({std::move(keys), file});
  }
}

void Export::add_columns(const fs::path& file) {
  const CsvFile csv(file);
  for (const std::string& column : csv.columns())
    if (!contains(columns_, column)) columns_.push_back(column);
}

void Export::write(const std::function<void(std::string_view)>& write) const {
  Cells header{"sweep", "arm"};
  header.insert(header.end(), axes_.begin(), axes_.end());
  header.emplace_back("seed");
  const Cells keys = header;
  for (const std::string& column : columns_)
    header.push_back(contains(keys, column) ? fs::path(file_).stem().string() + "_" + column : column);
  write(csv_line(header));
  for (const Run& run : runs_) {
    CsvFile csv(run.file);
    std::vector<std::size_t> places;  // in a line, of the file's columns
    for (const std::string& column : csv.columns())
      places.push_back(keys.size() + static_cast<std::size_t>(std::find(columns_.begin(), columns_.end(), column) -
                                                              columns_.begin()));
    Cells cells = run.keys;
    cells.resize(header.size());
    while (auto row = csv.next()) {
      for (std::size_t i = 0; i < places.size(); ++i) cells[places[i]] = std::move((*row)[i]);
      write(csv_line(cells));
    }
  }
}

std::vector<std::string> Export::doubts() const {
  std::vector<std::string> lines;
  add_some(lines, doubts_, changed_runs);
  return lines;
}

bool is_export(std::string_view text) { return text.starts_with(export_begin); }

}  // namespace bnlab::experiments
