#pragma once
// What runs the runs of a sweep. Run directories are the only state: whoever looks at one sees how far its run is.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bnlab::experiments {

/// One run: `bnlab train CONFIG --out DIRECTORY --resume --threads N`.
struct Task {
  std::string name;                 // of the directory: HASH_arm_seed1
  std::filesystem::path config;     // a resolved config
  std::filesystem::path directory;  // of the run
  std::int64_t steps = 0;           // that the config asks for; 0: not known before the data is read
};

/// How far a run directory is.
enum class RunState { missing, unfinished, completed, diverged, failed };

/// "missing", "unfinished", "completed", "diverged", "failed".
std::string name_of(RunState state);
bool is_finished(RunState state);  // completed or diverged

/// What a directory says of its run: run.json, and failure.json where its process ended without a word.
struct RunReport {
  RunState state = RunState::missing;
  std::string error;  // of a failed run, one line
  std::int64_t last_step = 0;
  std::int64_t steps = 0;  // asked for
  double seconds = 0;      // of training and evaluation
  double steps_per_second = 0;
  std::string dataset_sha256;
  std::string isa;
  std::string git_revision;
  std::string onednn;
};
RunReport read_report(const std::filesystem::path& directory);

/// Where an executor tells what happens. Calls come from one thread.
class SweepDisplay {
 public:
  virtual ~SweepDisplay() = default;
  virtual void started(const Task& task) = 0;
  virtual void progress(const Task& task, std::int64_t step, double loss) = 0;
  virtual void ended(const Task& task, const RunReport& report) = 0;
  virtual void message(const std::string& text) = 0;
  /// Some times a second, so that clocks go on.
  virtual void tick() {}
};

struct LocalOptions {
  int jobs = 1;
  int threads = 1;                // of each run
  double timeout = 0;             // seconds of wall clock for each run; 0: none
  std::filesystem::path program;  // the binary to run; empty: this one
};

enum class SweepEnd { done, interrupted };

/// Runs the tasks, each in a process of its own, `jobs` at a time, in their order. A process that crashes, hangs beyond
/// the timeout or is killed costs its run only: its reason goes to failure.json in the run's directory, beside
/// stderr.log. When `stop` becomes true the children are asked to stop (they write a checkpoint), and waited for; set a
/// second time, they are killed. When this process dies, so do they.
SweepEnd run_local(const std::vector<Task>& tasks, const LocalOptions& options, SweepDisplay& display,
                   const std::atomic<int>& stop);

/// The command of a task, quoted for a POSIX shell: what --print-commands prints and what Slurm's tasks run.
std::string command_of(const Task& task, const LocalOptions& options);

}  // namespace bnlab::experiments
