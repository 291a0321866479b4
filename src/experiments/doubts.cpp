#include "experiments/doubts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "experiments/run_folders.h"
#include "util/csv.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/posix.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using Line = std::vector<std::string>;

// ---- one run

/// The whole lines among the last bytes of a file, the last line first, each cut at its commas.
std::vector<Line> last_lines(const fs::path& path) {
  constexpr std::size_t most_bytes = 2048;
  const posix::Descriptor file = posix::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const off_t begin = std::max<off_t>(0, status.st_size - static_cast<off_t>(most_bytes));
  std::string text(most_bytes, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, pread(file.get(), text.data(), most_bytes, begin))));
  std::vector<Line> lines;
  for (std::size_t end = text.rfind('\n'); end != std::string::npos && end > 0;) {
    const std::size_t before = text.rfind('\n', end - 1);
    if (before == std::string::npos) break;  // the header, or a line whose begin is not here
    Line& line = lines.emplace_back();
    std::string_view rest = std::string_view(text).substr(before + 1, end - before - 1);
    for (std::size_t comma = rest.find(','); comma != std::string_view::npos; comma = rest.find(',')) {
      line.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(comma + 1);
    }
    line.emplace_back(rest);
    end = before;
  }
  return lines;
}

/// Whether a cell has the number that run.json has, where what is not finite is nan.
bool agrees(const std::string& cell, double number) {
  const std::optional<double> there = csv_number(cell);
  return there && (std::isfinite(number) ? cell == csv_text(number) : !std::isfinite(*there));
}

/// Where the last rows of the tables contradict the metrics in run.json; "" where they don't.
std::string contradiction(const fs::path& directory, const RunReport& report) {
  const std::vector<Line> train = last_lines(directory / "train.csv"), eval = last_lines(directory / "eval.csv");
  const auto differs = [](const Line& row, std::size_t loss, const training::FinalMetric& metric) {
    return row.size() > loss + 1 && !(agrees(row[loss], metric.loss) && agrees(row[loss + 1], metric.accuracy));
  };
  // Columns as config/csv_columns.h has them.
  constexpr std::size_t train_loss = 4, eval_split = 2, eval_statistics = 3, eval_loss = 4;
  for (const training::FinalMetric& metric : report.finals) {
    if (metric.statistics.empty()) {
      if (!train.empty() && train[0][0] == std::to_string(report.last_step) && differs(train[0], train_loss, metric))
        return "the last row of train.csv contradicts run.json";
      continue;
    }
    for (const Line& row : eval) {
      if (row.size() <= eval_loss || row[eval_split] != metric.split || row[eval_statistics] != metric.statistics)
        continue;
      if (row[0] == std::to_string(metric.step) && differs(row, eval_loss, metric))
        return fmt::format("the last row of eval.csv for {} and {} contradicts run.json", metric.split,
                           metric.statistics);
      break;
    }
  }
  return "";
}

// ---- all runs

/// Adds at most ten lines, and how many more there are.
void add_some(std::vector<std::string>& lines, const std::vector<std::string>& more, const char* what) {
  constexpr std::size_t most = 10;
  lines.insert(lines.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(std::min(most, more.size())));
  if (more.size() > most) lines.push_back(fmt::format("and {} more {}", more.size() - most, what));
}

std::vector<std::string> own_doubts(const RunTable& table) {
  std::vector<std::string> lines;
  std::set<std::string> told;  // arms may share a run
  for (const RunRow& row : table.rows)
    if (!row.doubt.empty() && told.insert(row.run).second) lines.push_back(row.run + ": " + row.doubt);
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
    if (!config.initialization.from.empty() && !row.initial_weights_sha256.empty())
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
  if (std::string problem = contradiction(directory, report); !problem.empty()) problems.push_back(std::move(problem));
  return fmt::format("{}", fmt::join(problems, "; "));
}

std::vector<std::string> doubts_about(const RunTable& table, const Plan& plan) {
  std::vector<std::string> lines;
  add_some(lines, own_doubts(table), "runs whose files were changed");
  add_some(lines, copies(table), "groups of runs with the same train.csv");
  for (std::string& line : inputs_that_differ(table, plan)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace bnlab::experiments
