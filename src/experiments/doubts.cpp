#include "experiments/doubts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "config/find_kind.h"
#include "config/names.h"
#include "experiments/run_folders.h"
#include "util/csv.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/posix.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

// ---- one run

/// The last bytes of a file; "" where it can't be read.
std::string end_of(const fs::path& path) {
  constexpr std::size_t most_bytes = 1024;
  const posix::Descriptor file = posix::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  std::string text(most_bytes, '\0');
  const off_t begin = std::max<off_t>(0, status.st_size - static_cast<off_t>(most_bytes));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, pread(file.get(), text.data(), most_bytes, begin))));
  return text;
}

/// Takes the last whole line off `text`; "" where none is left: the first may be the header, or not whole.
std::string_view take_last_line(std::string_view& text) {
  const std::size_t end = text.rfind('\n');
  if (end == std::string_view::npos || end == 0) return "";
  const std::size_t before = text.rfind('\n', end - 1);
  if (before == std::string_view::npos) return "";
  const std::string_view line = text.substr(before + 1, end - before - 1);
  text = text.substr(0, before + 1);
  return line;
}

/// The first cells of a line; a cell that it lacks is "".
std::array<std::string_view, 6> cells_of(std::string_view line) {
  std::array<std::string_view, 6> cells;
  for (std::string_view& cell : cells) {
    const std::size_t comma = std::min(line.find(','), line.size());
    cell = line.substr(0, comma);
    line.remove_prefix(std::min(comma + 1, line.size()));
  }
  return cells;
}

/// Whether a cell has the number that run.json has, where what is not finite is nan.
bool agrees(std::string_view cell, double number) {
  const std::optional<double> there = csv_number(cell);
  return there && (std::isfinite(number) ? cell == csv_text(number) : !std::isfinite(*there));
}

/// Whether a row of either table has another loss and accuracy, in its fifth and sixth column, than run.json.
bool differs(const std::array<std::string_view, 6>& row, const training::FinalMetric& metric) {
  return !agrees(row[4], metric.loss) || !agrees(row[5], metric.accuracy);
}

/// Where the status in run.json contradicts what else it says, or the last row of train.csv; "" where it does not.
std::string contradiction_of_status(const fs::path& directory, const RunReport& report) {
  const std::string text = end_of(directory / "train.csv");
  std::string_view rest = text;
  const std::optional<double> loss = csv_number(cells_of(take_last_line(rest))[4]);
  if (report.state == RunState::diverged && report.reason.empty() && loss && std::isfinite(*loss))
    return "run.json says that the run diverged, but the last row of train.csv is finite";
  if (report.state != RunState::completed) return "";
  if (report.steps > 0 && report.last_step != report.steps)
    return fmt::format("run.json says that the run completed, but ended after {} of {} steps", report.last_step,
                       report.steps);
  if (!report.reason.empty()) return "run.json says that the run completed, and why it diverged";
  if (loss && !std::isfinite(*loss))
    return "run.json says that the run completed, but the last row of train.csv is not finite";
  return "";
}

/// Where the last rows of the tables contradict the metrics in run.json; "" where they don't.
std::string contradiction_of_metrics(const fs::path& directory, const RunReport& report) {
  const std::string last_step = std::to_string(report.last_step);
  const auto is_of_batch = [](const training::FinalMetric& metric) { return !metric.split; };
  const auto batch = std::ranges::find_if(report.finals, is_of_batch);
  if (batch != report.finals.end()) {
    const std::string text = end_of(directory / "train.csv");
    std::string_view rest = text;
    const auto row = cells_of(take_last_line(rest));
    if (row[0] == last_step && differs(row, *batch)) return "the last row of train.csv contradicts run.json";
  }
  if (std::ranges::all_of(report.finals, is_of_batch)) return "";
  const std::string text = end_of(directory / "eval.csv");
  std::string_view rest = text;
  for (std::string_view line = take_last_line(rest); !line.empty(); line = take_last_line(rest)) {
    const auto row = cells_of(line);
    if (row[0] != last_step) break;
    const auto split = config::find_kind<config::SplitName>(row[2]);
    const auto statistics = config::find_kind<config::Statistics>(row[3]);
    for (const training::FinalMetric& metric : report.finals)
      if (split && metric.split == split && metric.statistics == statistics && metric.step == report.last_step &&
          differs(row, metric))
        return fmt::format("the last row of eval.csv for {} and {} contradicts run.json", row[2], row[3]);
  }
  return "";
}

// ---- all runs

std::vector<std::string> own_doubts(const RunTable& table) {
  std::vector<std::string> lines;
  std::set<std::string> seen;  // arms may share a run
  for (const RunRow& row : table.rows)
    if (!row.doubt.empty() && seen.insert(row.run).second) lines.push_back(row.run + ": " + row.doubt);
  return lines;
}

/// Runs of different configs whose train.csv is one file: it has their times, so no two runs write the same.
std::vector<std::string> copies(const RunTable& table) {
  std::map<std::string, std::map<std::string, std::string>> runs;  // by the file's sum: the run, by its hash
  for (const RunRow& row : table.rows)
    if (is_finished(row) && !row.train_sha256.empty())
      runs[row.train_sha256].emplace(RunFolders::hash_in(row.run), row.run);
  std::vector<std::string> lines;
  for (const auto& [sum, by_hash] : runs) {
    if (by_hash.size() < 2) continue;
    std::vector<std::string> names;
    for (const auto& [hash, run] : by_hash) names.push_back(run);
    lines.push_back(fmt::format("{} have the same train.csv: one is a copy of another", join(names)));
  }
  return lines;
}

/// Inputs that the config names alike, and that were not the same for all runs.
std::vector<std::string> inputs_that_differ(const RunTable& table, const Plan& plan) {
  std::map<std::string, std::set<std::string>> data, weights;  // sums, by what the config names
  for (const RunRow& row : table.rows) {
    if (!is_finished(row) || !row.point) continue;
    const config::RunConfig& config = plan.points[*row.point].config;
    // Where data is made, arms may differ in how.
    if (config.dataset.synthetic == plan.points.front().config.dataset.synthetic)
      data[config.dataset.name + (config.dataset.path.empty() ? "" : " in " + config.dataset.path)].insert(
          row.dataset_sha256);
    const bool is_of_an_arm = config.initialization.from.starts_with(arm_prefix);  // of each seed others
    if (!config.initialization.from.empty() && !is_of_an_arm && !row.initial_weights_sha256.empty())
      weights[config.initialization.from].insert(row.initial_weights_sha256);
  }
  std::vector<std::string> lines;
  for (const auto& [name, sums] : data)
    if (sums.size() > 1)
      lines.push_back(fmt::format("the runs differ in their data of {} (SHA-256): {}", name, fmt::join(sums, ", ")));
  for (const auto& [name, sums] : weights)
    if (sums.size() > 1)
      lines.push_back(
          fmt::format("the runs differ in their initial weights from {} (SHA-256): {}", name, fmt::join(sums, ", ")));
  return lines;
}

}  // namespace

std::string doubt_about(const fs::path& directory, const RunReport& report, training::Check check) {
  std::vector<std::string> problems = training::problems_of_files(directory, report.files, check);
  if (report.is_changed)
    problems.emplace_back("run.json was changed after the run: its SHA-256 differs from that at its end");
  for (std::string problem : {contradiction_of_status(directory, report), contradiction_of_metrics(directory, report)})
    if (!problem.empty()) problems.push_back(std::move(problem));
  return fmt::format("{}", fmt::join(problems, "; "));
}

void add_some(std::vector<std::string>& lines, const std::vector<std::string>& more, const char* what) {
  constexpr std::size_t most = 10;
  lines.insert(lines.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(std::min(most, more.size())));
  if (more.size() > most) lines.push_back(fmt::format("and {} more {}", more.size() - most, what));
}

std::vector<std::string> doubts_about(const RunTable& table, const Plan& plan) {
  std::vector<std::string> lines;
  add_some(lines, own_doubts(table), changed_runs);
  add_some(lines, copies(table), "groups of runs with the same train.csv");
  for (std::string& line : inputs_that_differ(table, plan)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace bnlab::experiments
