#include "experiments/slurm_executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "experiments/local_executor.h"
#include "experiments/slurm_commands.h"
#include "training/run_directory.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

constexpr int interrupted_status = 130;

/// The text of one of the files in the folder "slurm".
std::string text_of(const fs::path& file) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 28;
  const std::vector<std::uint8_t> bytes = read_file(file, most_bytes, Place::results);
  return {bytes.begin(), bytes.end()};
}

class SlurmExecutor {
 public:
  SlurmExecutor(const fs::path& directory, const SlurmOptions& options, SweepDisplay& display,
                const std::atomic<int>& stop)
      : options_(options), display_(display), stop_(stop), folder_(fs::absolute(directory) / "slurm") {
    Sha256 sum;
    const std::string& name = folder_.native();
    sum.update({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
    job_prefix_ = "bnlab-" + sum.hex().substr(0, 8) + "-";
  }

  SweepEnd run(const std::vector<Task>& tasks) {
    for (const char* command : {"sbatch", "squeue", "scontrol"})
      if (!find_on_path(command))
        throw RunError(
            fmt::format("{} is not on PATH; Slurm needs it. Call bnlab on a machine of the cluster", command));
    refuse_other_than_folder(folder_);
    fs::create_directories(folder_);
    largest_index_ = largest_array_index();
    for (const Task& task : tasks) runs_.emplace_back().task = &task;
    for (Run& run : runs_)
      for (const Run& other : runs_)
        if (!run.task->parent.empty() && other.task->directory == run.task->parent) run.parent = &other;
    find_earlier_places();
    look_for_the_first_time();
    while (unended() > 0) {
      if (!options_.wait || !sleep()) return detach();
      look();
    }
    return SweepEnd::done;
  }

 private:
  struct Run {
    const Task* task = nullptr;
    const Run* parent = nullptr;      // the run of these whose weights it starts from
    std::optional<TaskPlace> place;   // of the last submission
    std::string job;                  // of this call's last submission, as sbatch calls it
    std::uint64_t stderr_offset = 0;  // at the last submission
    int submissions = 0;              // of this call, since it last came further
    std::int64_t furthest_step = 0;   // at the submissions of this call
    int looks_without = 0;            // how often in a row it was not in the queue
    bool is_started = false;
    bool is_ended = false;
    std::int64_t step = 0;
  };

  static std::string line_of(const Task& task) { return shell_quoted(fs::absolute(task.directory).native()); }

  fs::path file(const std::string& submission, const std::string& what) const {
    return folder_ / fmt::format("{}.{}", submission, what);
  }

  std::int64_t unended() const {
    return std::count_if(runs_.begin(), runs_.end(), [](const Run& run) { return !run.is_ended; });
  }

  /// Where earlier calls put these tasks: the last submission counts.
  void find_earlier_places() {
    std::vector<std::string> earlier;
    for (const std::string& name : names_in(folder_))
      if (const fs::path path = name; path.extension() == ".directories") earlier.push_back(path.stem().string());
    std::map<std::string, TaskPlace> places;
    for (const std::string& submission : earlier) {
      std::istringstream lines(text_of(file(submission, "directories")));
      int index = 0;
      for (std::string line; std::getline(lines, line);) places[line] = {submission, ++index};
    }
    for (Run& run : runs_)
      if (const auto place = places.find(line_of(*run.task)); place != places.end()) run.place = place->second;
    if (!earlier.empty()) last_submission_ = std::atoi(earlier.back().c_str());
  }

  void look_for_the_first_time() {
    const std::map<TaskPlace, Queued> now = slurm_queue(job_prefix_);
    std::vector<Run*> to_submit;
    std::size_t queued = 0;
    for (Run& run : runs_) {
      if (run.place && now.contains(*run.place))
        ++queued;
      else if (!run.place || !end_by_result(run))
        to_submit.push_back(&run);
    }
    if (queued > 0) display_.message(fmt::format("{} runs are in Slurm's queue already", queued));
    submit(to_submit);
  }

  void look() {
    std::map<TaskPlace, Queued> now;
    try {
      now = slurm_queue(job_prefix_);
    } catch (const RunError& error) {  // the cluster's controller may be away for a while
      display_.message(fmt::format("{}; trying again", error.what()));
      return;
    }
    std::vector<Run*> to_submit;
    for (Run& run : runs_) {
      if (run.is_ended) continue;
      if (!run.place) {  // it waits for its parent
        to_submit.push_back(&run);
        continue;
      }
      const auto entry = now.find(*run.place);
      if (entry != now.end()) {
        run.looks_without = 0;
        if (entry->second == Queued::runs) show(run);
      } else if (is_to_be_submitted(run)) {
        to_submit.push_back(&run);
      }
    }
    submit(to_submit);
  }

  /// Whether a run that left the queue has to be submitted again. Where its end is known, it is displayed.
  bool is_to_be_submitted(Run& run) {
    try {
      // Once is not enough: a shared file system may show the files of another machine late.
      if (!is_finished(read_report(run.task->directory).state) && ++run.looks_without <= 1) return false;
      return !end_by_result(run);
    } catch (const ReadError& error) {
      display_.message(fmt::format("{}; trying again", error.what()));
      return false;
    }
  }

  void show(Run& run) {
    if (!run.is_started) display_.started(*run.task);
    run.is_started = true;
    if (const auto row = last_logged_step(run.task->directory); row && row->step != run.step) {
      run.step = row->step;
      display_.progress(*run.task, row->step, row->loss);
    }
  }

  /// Takes the end of a run that left the queue from its directory and its exit status. False where it has to be
  /// submitted again.
  bool end_by_result(Run& run) {
    const fs::path& directory = run.task->directory;
    RunReport report = read_report(directory);
    const std::optional<ProcessEnd> end = take_end(*run.place);
    if (report.state != RunState::failed && !is_finished(report.state)) {
      const bool was_interrupted = end && end->status == interrupted_status;
      const bool was_stopped =
          !end || was_interrupted || end->signal == SIGTERM || end->signal == SIGKILL || end->signal == SIGUSR1;
      if (const auto row = last_logged_step(directory); row && row->step > run.furthest_step) {
        run.furthest_step = row->step;
        run.submissions = std::min(run.submissions, 1);
      }
      if (was_stopped && run.submissions <= options_.resubmissions) return false;
      const std::string reason =
          end ? failure_text(*end, directory, run.stderr_offset) : "ended without a result; was the job cancelled?";
      if (was_interrupted)
        report.error = fmt::format("stopped {} times without progress past step {}; a later call continues it",
                                   run.submissions, run.furthest_step);
      else if (was_stopped)
        report = record_failure(directory, fmt::format("submitted {} times to Slurm; {}", run.submissions, reason));
      else
        report = record_failure(directory, reason);
    }
    run.is_ended = true;
    display_.ended(*run.task, report);
    return true;
  }

  /// What the script wrote at the end of a task that did not end with status 0; the file is removed.
  std::optional<ProcessEnd> take_end(const TaskPlace& place) const {
    const fs::path path = file(place.submission, fmt::format("{}.status", place.index));
    int status = 0;
    if (!is_there(path) || !(std::istringstream(text_of(path)) >> status)) return std::nullopt;
    std::error_code ignored;
    fs::remove(path, ignored);
    // As a shell says it: 128 + the signal. 130 is bnlab's own word, after a checkpoint.
    return status > 128 && status != interrupted_status ? ProcessEnd{0, status - 128} : ProcessEnd{status, 0};
  }

  /// What a run's parent means for it.
  enum class Parent { is_done, is_awaited, has_failed };

  /// Where the parent has failed, the end of the run is displayed.
  Parent check_parent(Run& run) {
    if (run.parent && !run.parent->is_ended) return Parent::is_awaited;
    try {
      require_parent(*run.task);
      return Parent::is_done;
    } catch (const RunError& error) {
      RunReport report = read_report(run.task->directory);
      report.error = fmt::format("not started: {}", error.what());
      run.is_ended = true;
      display_.ended(*run.task, report);
      return Parent::has_failed;
    }
  }

  /// All of these whose parents are done. The others wait here for the next look; where this process does not wait,
  /// Slurm does, for jobs that this call has submitted.
  void submit(const std::vector<Run*>& runs) {
    std::vector<Run*> ready, awaiting;
    for (Run* run : runs) {
      const Parent parent = check_parent(*run);
      if (parent == Parent::is_done) ready.push_back(run);
      if (parent == Parent::is_awaited) awaiting.push_back(run);
    }
    submit_arrays(ready, {});
    while (!options_.wait && !awaiting.empty()) {
      std::set<std::string> jobs;
      std::vector<Run*> behind, rest;
      for (Run* run : awaiting) (run->parent->job.empty() ? rest : behind).push_back(run);
      for (const Run* run : behind) jobs.insert(run->parent->job);
      if (behind.empty()) {
        display_.message(
            fmt::format("{} runs are not submitted: the runs that they start from are still in Slurm's queue from an "
                        "earlier call; call again when those have ended",
                        rest.size()));
        return;
      }
      submit_arrays(behind, jobs);
      awaiting = rest;
    }
  }

  /// In as many arrays as the cluster demands. `after`: the jobs that must have ended before.
  void submit_arrays(const std::vector<Run*>& runs, const std::set<std::string>& after) {
    const auto most = static_cast<std::size_t>(largest_index_);
    for (std::size_t first = 0; first < runs.size(); first += most)
      submit_array({runs.begin() + static_cast<std::ptrdiff_t>(first),
                    runs.begin() + static_cast<std::ptrdiff_t>(std::min(first + most, runs.size()))},
                   after);
  }

  void submit_array(const std::vector<Run*>& runs, const std::set<std::string>& after) {
    const std::string submission = fmt::format("{:04}", ++last_submission_);
    LocalOptions command_options;
    command_options.threads = options_.threads;
    command_options.program = options_.program;
    std::string commands, directories;
    int index = 0;
    for (Run* run : runs) {
      clear_failure(run->task->directory);
      commands += command_of(*run->task, command_options) + "\n";
      directories += line_of(*run->task) + "\n";
      run->stderr_offset = size_of_log(run->task->directory / training::stderr_file);
      run->place = {submission, ++index};
      run->looks_without = 0;
      ++run->submissions;
    }
    write_file_atomically(file(submission, "commands"), commands);
    write_file_atomically(file(submission, "directories"), directories);
    write_file_atomically(file(submission, "sh"), script_of(folder_ / submission, options_.threads));
    const std::string answer = output_of_slurm(sbatch_arguments(submission, index, after));
    const std::string job = answer.substr(0, answer.find(';'));
    for (Run* run : runs) run->job = job;
    display_.message(fmt::format("submitted {} runs to Slurm, job {}{}", index, job,
                                 after.empty() ? "" : fmt::format(", after {}", fmt::join(after, ", "))));
  }

  std::vector<std::string> sbatch_arguments(const std::string& submission, int tasks,
                                            const std::set<std::string>& after) const {
    std::string log = file(submission, "log").native();
    for (std::size_t at = 0; (at = log.find('%', at)) != std::string::npos; at += 2) log.insert(at, 1, '%');
    std::vector<std::string> arguments{"sbatch",
                                       "--parsable",
                                       "--job-name=" + job_prefix_ + submission,
                                       fmt::format("--array=1-{}", tasks),
                                       "--nodes=1",
                                       "--ntasks=1",
                                       fmt::format("--cpus-per-task={}", options_.threads),
                                       "--signal=B:USR1@60",
                                       "--open-mode=append",
                                       "--output=" + log};
    if (options_.tasks_at_a_time > 0) arguments[3] += fmt::format("%{}", options_.tasks_at_a_time);
    // A run whose parent failed says so itself.
    if (!after.empty()) arguments.push_back(fmt::format("--dependency=afterany:{}", fmt::join(after, ":")));
    if (!options_.partition.empty()) arguments.push_back("--partition=" + options_.partition);
    if (!options_.time_limit.empty()) arguments.push_back("--time=" + options_.time_limit);
    arguments.insert(arguments.end(), options_.extra.begin(), options_.extra.end());
    arguments.push_back(file(submission, "sh").native());
    return arguments;
  }

  /// Until the next look. False when it is to stop.
  bool sleep() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(options_.poll_seconds);
    while (stop_ == 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      display_.tick();
    }
    return stop_ == 0;
  }

  SweepEnd detach() const {
    display_.message(
        fmt::format("{} runs continue in Slurm without this process (squeue shows them as {}..., scancel "
                    "ends them); the same command later continues them",
                    unended(), job_prefix_));
    return SweepEnd::detached;
  }

  const SlurmOptions& options_;
  SweepDisplay& display_;
  const std::atomic<int>& stop_;
  fs::path folder_;
  std::string job_prefix_;
  int largest_index_ = 0;
  int last_submission_ = 0;
  std::vector<Run> runs_;
};

}  // namespace

SweepEnd run_slurm(const std::vector<Task>& tasks, const fs::path& directory, const SlurmOptions& options,
                   SweepDisplay& display, const std::atomic<int>& stop) {
  return SlurmExecutor(directory, options, display, stop).run(tasks);
}

}  // namespace bnlab::experiments
