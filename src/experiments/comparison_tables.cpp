// Comparisons as text, CSV and Markdown.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "config/arm_labels.h"
#include "config/differences.h"
#include "experiments/comparison.h"
#include "experiments/doubts.h"
#include "experiments/summary.h"
#include "util/csv.h"
#include "util/join.h"
#include "util/printable.h"
#include "util/text_table.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using Cells = std::vector<std::string>;

const char* const csv_begin = "directory,label,";
const char* const markdown_begin = "| run |";
const char* const none = "-";

bool differ(const Cells& texts) {
  return std::ranges::any_of(texts, [&](const std::string& one) { return one != texts.front(); });
}

SummaryCell mean_of(const ComparedRun& run, const std::string& metric) {
  const auto found = run.metrics.find(metric);
  return found == run.metrics.end() ? SummaryCell{} : summarize(found->second);
}

double mean_seconds(const ComparedRun& run) {
  const double sum = std::accumulate(run.seconds.begin(), run.seconds.end(), 0.0);
  return run.seconds.empty() ? std::nan("") : sum / static_cast<double>(run.seconds.size());
}

std::int64_t count_of(const ComparedRun& run, RunState state) { return std::ranges::count(run.states, state); }

/// "completed", or "2 completed, 1 diverged".
std::string status_text(const ComparedRun& run) {
  Cells texts;
  for (const RunState state :
       {RunState::completed, RunState::diverged, RunState::failed, RunState::unfinished, RunState::missing})
    if (const std::int64_t count = count_of(run, state); count > 0)
      texts.push_back((run.states.size() > 1 ? fmt::format("{} ", count) : "") + name_of(state));
  return join(texts);
}

std::string steps_text(const ComparedRun& run) {
  const auto [low, high] = std::ranges::minmax(run.steps);
  return low == high ? std::to_string(low) : fmt::format("{}-{}", low, high);
}

std::string seconds_text(const ComparedRun& run) {
  const double mean = mean_seconds(run);
  return std::isnan(mean) ? none : fmt::format("{:.{}f}", mean, mean < 100 ? 1 : 0);
}

std::string seeds_text(const ComparedRun& run) {
  Cells texts;
  for (const std::uint64_t seed : run.seeds) texts.push_back(std::to_string(seed));
  return join(texts, " ");
}

/// The last part of a directory's name, where that tells the directories apart.
Cells short_names(const Comparison& comparison) {
  std::map<std::string, std::set<std::string>> directories;  // by the last part
  const auto last_part = [](const std::string& directory) {
    const fs::path path = fs::path(directory).lexically_normal();
    return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  };
  for (const ComparedRun& run : comparison.runs) directories[last_part(run.directory)].insert(run.directory);
  Cells names;
  for (const ComparedRun& run : comparison.runs) {
    const std::string part = last_part(run.directory);
    const std::string name = part.empty() || directories[part].size() > 1 ? run.directory : part;
    // The axes of a point differ, and so are shown.
    const std::string arm = config::arm_of(run.label);
    if (run.label.empty())
      names.push_back(name);
    else
      names.push_back(directories.size() > 1 ? name + " " + arm : arm);
  }
  return names;
}

std::vector<const config::RunConfig*> configs_of(const Comparison& comparison) {
  std::vector<const config::RunConfig*> configs;
  for (const ComparedRun& run : comparison.runs) configs.push_back(&run.config);
  return configs;
}

/// A column of the table with runs as rows: two lines of heading, and a cell for each run.
struct Column {
  std::string section;  // "optimizer", or what several columns share
  std::string name;
  bool is_number = false;
  Cells cells = {};

  std::string path() const { return section.empty() ? name : section + "." + name; }
};

/// "final_accuracy" below "accuracy", as keys stand below their sections.
Column metric_column(const std::string& metric, const Unit& unit) {
  const std::size_t end = metric.find('_');
  const std::string first = metric.substr(0, end);
  const std::string behind = unit.name.empty() ? "" : fmt::format(" ({})", unit.name);
  if (end == std::string::npos || (first != "final" && first != "best")) return {"", metric + behind, true};
  return {"test " + metric.substr(end + 1) + behind, first, true};
}

/// Of what differs between the runs, then of how they ended.
std::vector<Column> columns_of(const Comparison& comparison) {
  std::vector<Column> columns;
  for (config::Variation& key : config::variations(configs_of(comparison))) {
    const std::size_t dot = key.path.rfind('.');
    Column column{dot == std::string::npos ? "" : key.path.substr(0, dot), key.path.substr(dot + 1), false};
    if (dot == std::string::npos) column.name = key.path;
    constexpr std::size_t widest = 40;
    for (std::string& value : key.values) column.cells.push_back(value.empty() ? none : elided(value, widest));
    columns.push_back(std::move(column));
  }
  const auto add = [&](Column column, bool always, auto text) {
    for (const ComparedRun& run : comparison.runs) column.cells.push_back(text(run));
    if (always || differ(column.cells)) columns.push_back(std::move(column));
  };
  add({"", "seeds"}, false, seeds_text);
  add({"", "status"}, true, status_text);
  add({"", "steps", true}, true, steps_text);
  for (const std::string& metric : comparison.metrics) {
    if (std::ranges::none_of(comparison.runs, [&](const ComparedRun& run) { return run.metrics.contains(metric); }))
      continue;
    const Unit unit = unit_of_column(metric);
    add(metric_column(metric, unit), true,
        [&](const ComparedRun& run) { return mean_text(mean_of(run, metric), run.seeds.size(), unit); });
    // Without evaluations before the end the best is the final one.
    if (metric.starts_with("best_") && columns[columns.size() - 2].cells == columns.back().cells) columns.pop_back();
  }
  add({"", "seconds", true}, true, seconds_text);
  return columns;
}

std::size_t width_of(const std::string& text) {
  std::size_t width = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    width = std::max(width, display_width(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  return width;
}

/// Runs as rows. A section's name is shown above its first column alone, names only where they differ.
std::string with_runs_as_rows(const Cells& names, const std::vector<const Column*>& columns) {
  std::vector<Cells> rows(names.size() + 2);
  if (names.size() == 1 || differ(names)) {
    rows[0].emplace_back();
    rows[1].emplace_back("run");
    for (std::size_t i = 0; i < names.size(); ++i) rows[i + 2].push_back(names[i]);
  }
  std::string section;
  for (const Column* column : columns) {
    rows[0].push_back(column->section == section ? "" : column->section);
    section = column->section;
    rows[1].push_back(column->name);
    for (std::size_t i = 0; i < names.size(); ++i) rows[i + 2].push_back(column->cells[i]);
  }
  std::string text = table(rows, rows[0].size());
  if (text.front() == '\n') text.erase(0, 1);  // no column has a section
  return text;
}

/// Runs as columns, with numbers for names that are all the same.
std::string with_runs_as_columns(const Cells& names, const std::vector<Column>& columns) {
  std::vector<Cells> rows{{""}};
  const bool are_told_apart = names.size() == 1 || differ(names);
  for (std::size_t i = 0; i < names.size(); ++i) rows[0].push_back(are_told_apart ? names[i] : std::to_string(i + 1));
  for (const Column& column : columns) {
    Cells row{column.section.starts_with("test ") ? column.section + ", " + column.name : column.path()};
    row.insert(row.end(), column.cells.begin(), column.cells.end());
    rows.push_back(std::move(row));
  }
  return table(rows, rows[0].size());
}

/// Several tables below each other, each with the names, which have to differ, and as many columns as fit.
std::string in_parts(const Cells& names, const std::vector<Column>& columns, std::size_t width) {
  std::string text, last;
  std::vector<const Column*> part;
  for (const Column& column : columns) {
    part.push_back(&column);
    const std::string longer = with_runs_as_rows(names, part);
    if (part.size() > 1 && width_of(longer) > width) {
      text += last + "\n";
      part = {&column};
      last = with_runs_as_rows(names, part);
    } else {
      last = longer;
    }
  }
  return text + last;
}

/// What is known besides: equal configs, different data, what failed.
std::string notes_of(const Comparison& comparison, bool configs_differ) {
  std::string text;
  if (comparison.runs.size() > 1 && !configs_differ) text += "The configs do not differ, except for the seed.\n";
  std::map<std::string, std::set<std::string>> sums;  // by dataset
  for (const ComparedRun& run : comparison.runs) sums[run.config.dataset.name].insert(run.data.begin(), run.data.end());
  for (const auto& [dataset, files] : sums)
    if (files.size() > 1) text += fmt::format("The runs used different files of {}.\n", dataset);
  for (const ComparedRun& run : comparison.runs)
    for (const std::string& error : run.errors) text += error.substr(0, error.find('\n')) + "\n";
  for (const std::string& doubt : doubts_of(comparison)) text += doubt + "\n";
  return text.empty() ? "" : "\n" + text;
}

bool is_key(const Column& column) {
  const std::set<std::string> others{"seeds", "status", "steps", "seconds"};
  return !column.is_number && !(column.section.empty() && others.contains(column.name));
}

}  // namespace

std::string text_table(const Comparison& comparison, std::size_t width) {
  if (comparison.runs.empty()) return "";
  const std::vector<Column> columns = columns_of(comparison);
  Cells names = short_names(comparison);
  for (std::string& name : names) name = elided(name, width / 3);
  std::vector<const Column*> all;
  for (const Column& column : columns) all.push_back(&column);
  std::string text = with_runs_as_rows(names, all);
  if (width_of(text) > width) text = with_runs_as_columns(names, columns);
  if (width_of(text) > width) {
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = fmt::format("{} {}", i + 1, names[i]);
    text = in_parts(names, columns, width);
  }
  return text + notes_of(comparison, std::ranges::any_of(columns, is_key));
}

std::string to_csv(const Comparison& comparison) {
  const std::vector<config::Variation> keys = config::variations(configs_of(comparison));
  Cells header{"directory", "label"};
  for (const config::Variation& key : keys) header.push_back(key.path);
  header.insert(header.end(), {"seeds", "runs", "completed", "diverged", "failed", "steps", "seconds"});
  for (const std::string& metric : comparison.metrics) header.insert(header.end(), {metric, metric + "_half_interval"});
  header.emplace_back("doubts");
  const auto number = [](double value) { return std::isnan(value) ? std::string() : csv_text(value); };
  std::string text = csv_line(header);
  for (std::size_t i = 0; i < comparison.runs.size(); ++i) {
    const ComparedRun& run = comparison.runs[i];
    Cells cells{run.directory, run.label};
    for (const config::Variation& key : keys) cells.push_back(key.values[i]);
    cells.push_back(seeds_text(run));
    cells.push_back(std::to_string(run.states.size()));
    for (const RunState state : {RunState::completed, RunState::diverged, RunState::failed})
      cells.push_back(std::to_string(count_of(run, state)));
    cells.push_back(steps_text(run));
    cells.push_back(number(mean_seconds(run)));
    for (const std::string& metric : comparison.metrics) {
      const SummaryCell mean = mean_of(run, metric);
      cells.insert(cells.end(), {number(mean.mean), number(mean.half_interval)});
    }
    cells.push_back(join(run.doubts, "; "));
    text += csv_line(cells);
  }
  return text;
}

std::string markdown_table(const Comparison& comparison) {
  const std::vector<Column> columns = columns_of(comparison);
  const Cells names = short_names(comparison);
  std::string text = markdown_begin, line = "| --- |";
  for (const Column& column : columns) {
    text += " ";
    if (is_key(column))
      text += "`" + column.path() + "`";
    else
      text += markdown_text(column.section.empty() ? column.name : column.section + ", " + column.name);
    text += " |";
    line += column.is_number ? " ---: |" : " --- |";
  }
  text += "\n" + line + "\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += "| " + markdown_text(names[i]) + " |";
    for (const Column& column : columns) text += " " + markdown_text(column.cells[i]) + " |";
    text += "\n";
  }
  const Cells doubts = doubts_of(comparison);
  if (!doubts.empty()) text += "\n";
  for (const std::string& doubt : doubts) text += "- " + markdown_text(doubt) + "\n";
  return text;
}

Cells doubts_of(const Comparison& comparison) {
  Cells all, lines;
  for (const ComparedRun& run : comparison.runs) all.insert(all.end(), run.doubts.begin(), run.doubts.end());
  add_some(lines, all, changed_runs);
  return lines;
}

bool is_comparison_csv(std::string_view text) { return text.starts_with(csv_begin); }
bool is_comparison_markdown(std::string_view text) { return text.starts_with(markdown_begin); }

}  // namespace bnlab::experiments
