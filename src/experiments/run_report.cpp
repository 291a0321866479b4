#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <system_error>

#include "config/differences.h"
#include "config/load.h"
#include "experiments/executor.h"
#include "training/run_directory.h"
#include "training/run_summary.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/posix.h"
#include "util/printable.h"
#include "util/result_file.h"
#include "util/text_table.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

/// At most `count` bytes from `offset` on, or (`offset` < 0) the last ones. Throws as open_result does.
std::string part_of(const fs::path& path, std::int64_t offset, std::size_t count) {
  const posix::Descriptor file = open_result(path);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) throw_read_error(path, "look at", errno);
  if (offset < 0) offset = std::max<std::int64_t>(0, status.st_size - static_cast<std::int64_t>(count));
  std::string text(count, '\0');
  ssize_t got;
  do got = pread(file.get(), text.data(), count, offset);
  while (got < 0 && errno == EINTR);
  if (got < 0) throw_read_error(path, "read", errno);
  text.resize(static_cast<std::size_t>(got));
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <class Number>
bool parse(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// The last three lines after the first `offset` bytes, as one.
std::string last_lines(const fs::path& file, std::uint64_t offset) {
  constexpr std::size_t most_lines = 3, most_bytes = 1000;
  const std::uint64_t size = size_of_log(file);
  if (size <= offset) return "";
  std::string text;
  try {
    text = part_of(file, -1, std::min<std::size_t>(most_bytes, size - offset));
  } catch (const DataError&) {  // how the process ended is known without it
    return "";
  }
  std::vector<std::string> lines = split(text, '\n');
  std::erase(lines, "");
  std::string joined;
  for (std::size_t i = lines.size() - std::min(lines.size(), most_lines); i < lines.size(); ++i)
    joined += (joined.empty() ? "" : " | ") + (lines[i].starts_with("bnlab: ") ? lines[i].substr(7) : lines[i]);
  return on_one_line(joined);
}

constexpr std::size_t most_row_bytes = 512;  // of the header of a CSV file, and of a row

/// What is wrong with a file whose last row must be of this step; "" where nothing is. Throws ReadError where the file
/// can't be read.
std::string problem_of_end(const fs::path& file, std::int64_t last_step) {
  const std::string text = is_there(file) ? part_of(file, -1, most_row_bytes) : "";
  if (text.empty()) return file.string() + ": missing or empty";
  if (text.back() != '\n') return file.string() + ": cut off: its last line is not whole";
  const std::vector<std::string> lines = split(text, '\n');
  const std::string& row = lines[lines.size() - 2];
  const std::string step = row.substr(0, row.find(','));  // the first column
  if (step == std::to_string(last_step)) return "";
  return fmt::format("{}: its last row must be of step {}, at which the run ended, got {}", file.string(), last_step,
                     elided(step, 40));
}

struct ConfigProblem {
  std::string text;         // "": none
  bool is_another = false;  // whole, but of another config
};

/// None where a run of this config wrote the directory's config.json. Epochs are steps there, and batches of all images
/// have their size. Throws ReadError where it can't be read.
ConfigProblem problem_of_config(const fs::path& directory, config::RunConfig config) {
  const fs::path file = directory / "config.json";
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 28;
  try {
    const std::vector<std::uint8_t> bytes = read_file(file, most_bytes, Place::results);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text == config::to_json(config)) return {};  // as nearly always; to parse it takes five times as long
    const config::RunConfig there = config::parse(text, {}, directory, file.string());
    if (config.training.epochs) config.training.steps = there.training.steps;
    config.training.epochs.reset();
    if (config.training.composition == config::BatchComposition::full_batch)
      config.training.batch_size = there.training.batch_size;
    config.description = there.description;
    const std::vector<config::Difference> differences = config::differences(config, there);
    if (differences.empty()) return {};
    const config::Difference& first = differences.front();
    return {fmt::format("{}: belongs to another config: {} must be {}, got {}", file.string(), first.path, first.first,
                        first.second),
            true};
  } catch (const ConfigError&) {
    return {fmt::format("{}: is not a valid config", file.string())};
  } catch (const ReadError&) {
    throw;
  } catch (const DataError& error) {
    return {error.what()};
  }
}

std::string end_text(const ProcessEnd& end) {
  if (end.signal != 0) return fmt::format("ended by signal {} ({})", end.signal, strsignal(end.signal));
  switch (end.status) {
    case 0:
      return "ended with status 0, but left no result";
    case 2:
      return "config error (status 2)";
    case 3:
      return "data missing or damaged (status 3)";
    default:
      return fmt::format("ended with status {}", end.status);
  }
}

RunState state_after(training::RunStatus status) {
  switch (status) {
    case training::RunStatus::completed:
      return RunState::completed;
    case training::RunStatus::diverged:
      return RunState::diverged;
    case training::RunStatus::failed:
      return RunState::failed;
    case training::RunStatus::interrupted:
      break;
  }
  return RunState::unfinished;
}

RunReport report_of(const fs::path& directory) {
  RunReport report;
  refuse_other_than_folder(directory);
  if (const auto end = training::read_end(directory / "run.json")) {
    report.error = on_one_line(end->error);
    report.last_step = end->last_step;
    report.steps = end->steps;
    report.seconds = end->seconds;
    report.steps_per_second = end->steps_per_second;
    report.threads = end->threads;
    report.dataset_sha256 = end->dataset_sha256;
    report.instruction_set = end->instruction_set;
    report.git_revision = end->git_revision;
    report.onednn = end->onednn;
    report.machine = end->machine;
    report.build = end->build;
    report.initial_weights_sha256 = end->initial_weights_sha256;
    report.files = end->files;
    report.finals = end->finals;
    report.reason = end->reason;
    report.is_changed = end->is_changed;
    report.state = end->status ? state_after(*end->status) : RunState::unfinished;
    if (is_finished(report.state)) return report;
  } else if (!training::holds_nothing(directory)) {
    report.state = RunState::unfinished;
  }
  if (const auto error = training::read_failure(directory / training::failure_file)) {
    report.state = RunState::failed;
    report.error = on_one_line(*error);
  }
  return report;
}

RunReport damaged(RunReport report, const std::string& problem) {
  report.state = RunState::failed;
  report.is_damaged = true;
  report.error = problem + "; --retry-failed repeats the run";
  return report;
}

}  // namespace

bool is_finished(RunState state) { return state == RunState::completed || state == RunState::diverged; }

RunReport read_report(const fs::path& directory) {
  try {
    return report_of(directory);
  } catch (const ReadError&) {
    throw;  // what may not be read is not damaged: another user's, or a matter of a moment
  } catch (const DataError& error) {
    return damaged({}, error.what());
  }
}

RunReport read_report(const fs::path& directory, const config::RunConfig& config) {
  RunReport report = read_report(directory);
  if (report.state == RunState::unfinished) {
    const std::string problem = training::problem_of_interruption(directory);
    return problem.empty() ? report : damaged(std::move(report), problem);
  }
  if (!is_finished(report.state)) return report;
  const ConfigProblem of_config = problem_of_config(directory, config);
  if (of_config.is_another) {  // perhaps somebody else's run: nothing here is removed
    report.state = RunState::failed;
    report.error = fmt::format("{}; move {} away to repeat the run", of_config.text, directory.string());
    return report;
  }
  std::string problem = of_config.text;
  if (problem.empty()) problem = problem_of_end(directory / "train.csv", report.last_step);
  if (problem.empty() && report.state == RunState::completed)
    problem = problem_of_end(directory / "eval.csv", report.last_step);
  return problem.empty() ? report : damaged(std::move(report), problem);
}

void clear_failure(const fs::path& directory) {
  refuse_other_than_folder(directory);
  const auto remove = [&](const char* name) {
    switch (kind_of(directory / name)) {
      case FileKind::missing:
        return;
      case FileKind::file:
        break;
      case FileKind::folder:
      case FileKind::link:
      case FileKind::other:
        throw RunError(fmt::format("cannot remove {}: not a regular file", (directory / name).string()));
    }
    std::error_code error;
    fs::remove(directory / name, error);
    if (error) throw RunError(fmt::format("cannot remove {}: {}", (directory / name).string(), error.message()));
  };
  training::refuse_foreign_failure(directory / training::failure_file);
  const auto end = training::read_end(directory / "run.json");
  if (end && end->status == training::RunStatus::failed) remove("run.json");
  remove(training::failure_file);
}

void require_parent(const Task& task) {
  if (task.parent.empty()) return;
  const RunReport parent = read_report(task.parent);
  if (parent.state == RunState::completed) return;
  throw RunError(fmt::format("the run whose weights it starts from has not completed: {} is {}{}",
                             task.parent.filename().string(), name_of(parent.state),
                             parent.error.empty() ? "" : " (" + parent.error + ")"));
}

std::vector<std::string> arguments_of(const Task& task, const fs::path& program, int threads) {
  // A path that begins with a dash would be an option.
  const auto argument = [](const fs::path& path) {
    return path.native().starts_with('-') ? "./" + path.native() : path.native();
  };
  return {program.native(), "train",     argument(task.config),   "--out",  argument(task.directory),
          "--resume",       "--threads", std::to_string(threads), "--quiet"};
}

RunReport record_failure(const fs::path& directory, const std::string& error) {
  std::string problem;
  try {
    training::refuse_foreign_failure(directory / training::failure_file);
    write_file_atomically(directory / training::failure_file, training::failure_json(error));
  } catch (const RunError& failure) {
    problem = fmt::format(" ({})", failure.what());
  }
  RunReport report;
  try {
    report = read_report(directory);
  } catch (const ReadError&) {  // the failure is known without it
  }
  report.state = RunState::failed;
  report.error = error + problem;
  return report;
}

std::string failure_text(const ProcessEnd& end, const fs::path& directory, std::uint64_t offset) {
  const std::string said = last_lines(directory / training::stderr_file, offset);
  return end_text(end) + (said.empty() ? "" : ": " + said);
}

std::uint64_t size_of_log(const fs::path& file) {
  struct stat status {};
  return lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::optional<LoggedStep> last_logged_step(const fs::path& directory) {
  const fs::path file = directory / "train.csv";
  std::vector<std::string> columns, lines;
  try {
    columns = split(split(part_of(file, 0, most_row_bytes), '\n').front(), ',');
    lines = split(part_of(file, -1, most_row_bytes), '\n');
  } catch (const DataError&) {  // none so far, or the next look reads it
    return std::nullopt;
  }
  // The text after the last line end is a row that is not whole, and the first line may not be.
  if (lines.size() < 3) return std::nullopt;
  const std::vector<std::string> values = split(lines[lines.size() - 2], ',');
  if (values.size() != columns.size()) return std::nullopt;
  LoggedStep row;
  const auto read = [&](const char* column, auto& value) {
    const auto at = std::find(columns.begin(), columns.end(), column);
    return at != columns.end() && parse(values[static_cast<std::size_t>(at - columns.begin())], value);
  };
  if (!read("step", row.step) || !read("loss", row.loss)) return std::nullopt;
  return row;
}

}  // namespace bnlab::experiments
