#include "experiments/local_executor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <list>
#include <system_error>

#include "data/shared_data.h"
#include "experiments/shared_datasets.h"
#include "training/run_directory.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto tick = std::chrono::milliseconds(200);
constexpr int interrupted_status = 130;

std::chrono::duration<double> seconds(double value) { return std::chrono::duration<double>(value); }

class LocalExecutor {
 public:
  LocalExecutor(const LocalOptions& options, SweepDisplay& display, const std::atomic<int>& stop)
      : options_(options), display_(display), stop_(stop) {}

  SweepEnd run(const std::vector<Task>& tasks) {
    datasets_ = SharedDatasets(tasks);
    for (const Task& task : tasks) waiting_.push_back({&task, {}});
    while (!waiting_.empty() || !running_.empty()) {
      check_stop();
      start_some();
      wait();
      for (auto run = running_.begin(); run != running_.end();) {
        const auto end = run->process.end();
        if (end) finish(*run, *end);
        run = end ? running_.erase(run) : std::next(run);
      }
      end_late_runs();
      show_progress();
    }
    return is_interrupted_ ? SweepEnd::interrupted : SweepEnd::done;
  }

 private:
  struct Waiting {
    const Task* task;
    std::optional<Clock::time_point> locked_since;  // by a process that is not ours
  };

  struct Running {
    const Task* task;
    Process process;
    std::uint64_t stderr_offset;
    Clock::time_point started = Clock::now();
    std::optional<Clock::time_point> timed_out = {};
    std::int64_t step = 0;
  };

  void check_stop() {
    const int asked = stop_;
    if (asked == handled_) return;
    if (handled_ == 0) {
      is_interrupted_ = !waiting_.empty();
      waiting_.clear();
      if (!running_.empty())
        display_.message(
            fmt::format("stopping {} runs, which first write checkpoints; another signal kills them", running_.size()));
      for (const Running& run : running_) ask_to_stop(run.process);
    }
    if (asked > 1)
      for (const Running& run : running_) run.process.send(SIGKILL);
    handled_ = asked;
  }

  static void ask_to_stop(const Process& process) {
    process.send(SIGTERM);
    process.send(SIGCONT);  // so that a suspended process gets the signal too
  }

  void start_some() {
    if (Clock::now() < next_start_) return;
    for (auto next = waiting_.begin(); next != waiting_.end() && running_.size() < most_running_;) {
      const Task& task = *next->task;
      try {
        if (is_awaited(task.parent) || must_wait(*next)) {
          ++next;
          continue;
        }
        require_parent(task);
        start(task);
        short_since_.reset();
      } catch (const ResourceError& error) {
        if (wait_for_a_place(error.what())) return;
        display_.ended(task, not_started(task, error.what()));
      } catch (const RunError& error) {
        display_.ended(task, not_started(task, error.what()));
      } catch (const DataError& error) {  // what the directory holds is unknown
        display_.ended(task, not_started(task, error.what()));
      }
      next = waiting_.erase(next);
    }
  }

  /// The system has no file, process or memory left: fewer runs at a time, and a place will be free when one of them
  /// ends. False where no run of ours could free one, for as long as a locked directory is waited for.
  bool wait_for_a_place(const std::string& problem) {
    const Clock::time_point now = Clock::now();
    if (running_.empty()) {
      if (!short_since_) short_since_ = now;
      if (now - *short_since_ > seconds(options_.lock_wait)) return false;
      next_start_ = now + tick;
    } else if (running_.size() < most_running_) {
      most_running_ = running_.size();
      display_.message(fmt::format("{} runs at a time, not {}: {}", most_running_, options_.jobs, problem));
    }
    return true;
  }

  /// The report of a run whose process could not be started: that is no failure of the run, and a later call tries
  /// again.
  static RunReport not_started(const Task& task, const std::string& problem) {
    RunReport report;
    try {
      report = read_report(task.directory);
    } catch (const DataError&) {  // the first problem says more
      report.state = RunState::unfinished;
    }
    report.error = "not started: " + problem;
    return report;
  }

  /// Whether a run waits or is on the way in this directory.
  bool is_awaited(const fs::path& directory) const {
    const auto is_there = [&](const auto& one) { return one.task->directory == directory; };
    return !directory.empty() && (std::ranges::any_of(waiting_, is_there) || std::ranges::any_of(running_, is_there));
  }

  bool must_wait(Waiting& one) {
    if (!training::is_locked(one.task->directory)) return false;
    if (!one.locked_since) one.locked_since = Clock::now();
    return Clock::now() - *one.locked_since < seconds(options_.lock_wait);
  }

  /// Throws where the process can't be started.
  void start(const Task& task) {
    if (training::is_locked(task.directory)) return give_up(task);
    const posix::Descriptor log = prepare(task.directory);
    Command command;
    // The program's file may have been replaced; the link still names the program that runs.
    command.program = options_.program.empty() ? "/proc/self/exe" : options_.program;
    command.arguments =
        arguments_of(task, options_.program.empty() ? this_program() : options_.program, options_.threads);
    command.environment = {{"OMP_NUM_THREADS", std::to_string(options_.threads)}};
    command.error = log.get();
    const int data = datasets_.descriptor_for(task);
    command.kept_open = {options_.kept_open, data};
    if (data >= 0) command.environment.emplace_back(data::shared_data_variable, std::to_string(data));
    const std::uint64_t said_before = size_of_log(task.directory / training::stderr_file);
    running_.push_back({&task, Process(command), said_before});
    display_.started(task);
  }

  /// Makes the directory, forgets an earlier failure, and opens the file for what the process says.
  static posix::Descriptor prepare(const fs::path& directory) {
    refuse_other_than_folder(directory);
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) throw_run_error(directory, "make the directory", error.value());
    // Opened first: what can't be started keeps its failure.
    posix::Descriptor log = open_result_to_write(directory / training::stderr_file, O_WRONLY | O_CREAT | O_APPEND);
    clear_failure(directory);
    return log;
  }

  void give_up(const Task& task) {
    RunReport report = read_report(task.directory);
    report.error = fmt::format("another process writes into {}", task.directory.string());
    display_.ended(task, report);
  }

  void wait() const {
    std::vector<const Process*> processes;
    for (const Running& run : running_) processes.push_back(&run.process);
    if (!processes.empty() || !waiting_.empty()) wait_for_any(processes, tick);
  }

  void finish(const Running& run, const ProcessEnd& end) {
    // How it ended is unknown: a later call finds out.
    const auto leave = [&](const std::exception& error) {
      RunReport report;
      report.state = RunState::unfinished;
      report.error = error.what();
      display_.ended(*run.task, report);
    };
    try {
      report_end(run, end);
    } catch (const DataError& error) {
      leave(error);
    } catch (const RunError& error) {
      leave(error);
    }
  }

  void report_end(const Running& run, const ProcessEnd& end) {
    const fs::path& directory = run.task->directory;
    remove_empty_log(directory);
    RunReport report = read_report(directory);
    if (report.state != RunState::failed && !is_finished(report.state)) {
      if (run.timed_out)
        report = record_failure(directory, fmt::format("timeout: not finished after {} s", options_.timeout));
      else if (handled_ > 0)
        is_interrupted_ = true;
      else if (training::is_locked(directory))
        return give_up(*run.task);
      else if (end.status == interrupted_status)
        report.error = "stopped by a signal that bnlab did not send; a later call continues it";
      else
        report = record_failure(directory, failure_text(end, directory, run.stderr_offset));
    }
    display_.ended(*run.task, report);
  }

  static void remove_empty_log(const fs::path& directory) {
    std::error_code error;
    const fs::path file = directory / training::stderr_file;
    struct stat status {};
    if (lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0) fs::remove(file, error);
  }

  void end_late_runs() {
    if (options_.timeout <= 0) return;
    const Clock::time_point now = Clock::now();
    for (Running& run : running_) {
      if (!run.timed_out && now - run.started > seconds(options_.timeout)) {
        run.timed_out = now;
        ask_to_stop(run.process);
      } else if (run.timed_out && now - *run.timed_out > seconds(options_.grace)) {
        run.process.send(SIGKILL);
      }
    }
  }

  void show_progress() {
    const Clock::time_point now = Clock::now();
    if (now - shown_at_ < tick) return;
    shown_at_ = now;
    for (Running& run : running_)
      if (const auto row = last_logged_step(run.task->directory); row && row->step != run.step) {
        run.step = row->step;
        display_.progress(*run.task, row->step, row->loss);
      }
    display_.tick();
  }

  const LocalOptions& options_;
  SweepDisplay& display_;
  const std::atomic<int>& stop_;
  std::deque<Waiting> waiting_;
  std::list<Running> running_;
  SharedDatasets datasets_{{}};
  int handled_ = 0;  // of stop_
  bool is_interrupted_ = false;
  std::size_t most_running_ = static_cast<std::size_t>(std::max(1, options_.jobs));
  std::optional<Clock::time_point> short_since_;  // of files, processes or memory, while nothing runs
  Clock::time_point next_start_ = Clock::now();
  Clock::time_point shown_at_ = Clock::now();
};

}  // namespace

SweepEnd run_local(const std::vector<Task>& tasks, const LocalOptions& options, SweepDisplay& display,
                   const std::atomic<int>& stop) {
  return LocalExecutor(options, display, stop).run(tasks);
}

std::string command_of(const Task& task, const LocalOptions& options) {
  Task absolute = task;
  absolute.config = fs::absolute(task.config);
  absolute.directory = fs::absolute(task.directory);
  const fs::path program = options.program.empty() ? this_program() : fs::absolute(options.program);
  std::vector<std::string> words = arguments_of(absolute, program, options.threads);
  for (std::string& word : words) word = shell_quoted(word);
  return join(words, " ");
}

}  // namespace bnlab::experiments
