#include "experiments/local_executor.h"

#include <fcntl.h>
#include <fmt/format.h>

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
      heed_stop();
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

  void heed_stop() {
    const int asked = stop_;
    if (asked == heeded_) return;
    if (heeded_ == 0) {
      is_interrupted_ = !waiting_.empty();
      waiting_.clear();
      if (!running_.empty())
        display_.message(fmt::format("stopping {} runs, which write checkpoints where they train; once more kills them",
                                     running_.size()));
      for (const Running& run : running_) ask_to_stop(run.process);
    }
    if (asked > 1)
      for (const Running& run : running_) run.process.send(SIGKILL);
    heeded_ = asked;
  }

  static void ask_to_stop(const Process& process) {
    process.send(SIGTERM);
    process.send(SIGCONT);  // one that is suspended hears of it too
  }

  void start_some() {
    for (auto next = waiting_.begin(); next != waiting_.end() && running_.size() < most_running();) {
      if (must_wait(*next)) {
        ++next;
        continue;
      }
      start(*next->task);
      next = waiting_.erase(next);
    }
  }

  std::size_t most_running() const { return static_cast<std::size_t>(std::max(1, options_.jobs)); }

  bool must_wait(Waiting& one) {
    if (!training::is_locked(one.task->directory)) return false;
    if (!one.locked_since) one.locked_since = Clock::now();
    return Clock::now() - *one.locked_since < seconds(options_.lock_wait);
  }

  void start(const Task& task) {
    if (training::is_locked(task.directory)) return give_up(task);
    try {
      const posix::Descriptor log = prepare(task.directory);
      Command command;
      // The file of this program may be another one by now; the link still is the same.
      command.program = options_.program.empty() ? "/proc/self/exe" : options_.program;
      command.arguments =
          arguments_of(task, options_.program.empty() ? this_program() : options_.program, options_.threads);
      command.environment = {{"OMP_NUM_THREADS", std::to_string(options_.threads)}};
      command.error = log.get();
      const int data = datasets_.descriptor_for(task);
      command.kept_open = {options_.kept_open, data};
      if (data >= 0) command.environment.emplace_back(data::shared_data_variable, std::to_string(data));
      std::error_code error;
      const std::uintmax_t size = fs::file_size(task.directory / training::stderr_file, error);
      running_.push_back({&task, Process(command), error ? 0 : size});
      display_.started(task);
    } catch (const RunError& error) {
      display_.ended(task, record_failure(task.directory, error.what()));
    }
  }

  /// Makes the directory, forgets an earlier failure, and opens the file for what the process says.
  static posix::Descriptor prepare(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) throw RunError(fmt::format("can't make the directory {}: {}", directory.string(), error.message()));
    clear_failure(directory);
    const fs::path file = directory / training::stderr_file;
    posix::Descriptor log = posix::open(file, O_WRONLY | O_CREAT | O_APPEND);
    if (!log.valid()) throw RunError(posix::failure(file, "write", errno));
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
    const fs::path& directory = run.task->directory;
    remove_empty_log(directory);
    RunReport report = read_report(directory);
    if (report.state != RunState::failed && !is_finished(report.state)) {
      if (run.timed_out)
        report = record_failure(directory, fmt::format("timeout: not done after {} s", options_.timeout));
      else if (heeded_ > 0)
        is_interrupted_ = true;
      else if (training::is_locked(directory))
        return give_up(*run.task);
      else if (end.status == interrupted_status)
        report.error = "was asked to stop by someone else; a later call goes on with it";
      else
        report = record_failure(directory, failure_text(end, directory, run.stderr_offset));
    }
    display_.ended(*run.task, report);
  }

  static void remove_empty_log(const fs::path& directory) {
    std::error_code error;
    const fs::path file = directory / training::stderr_file;
    if (fs::file_size(file, error) == 0 && !error) fs::remove(file, error);
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
  int heeded_ = 0;  // of stop_
  bool is_interrupted_ = false;
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
