#pragma once
// Runs of a sweep as processes of this machine.

#include <atomic>

#include "experiments/executor.h"

namespace bnlab::experiments {

struct LocalOptions {
  int jobs = 1;
  int threads = 1;                // of each run
  double timeout = 0;             // seconds of wall clock for each run; 0: none
  std::filesystem::path program;  // the binary to run; empty: this one
  double grace = 10;              // seconds from the wish to end after a timeout to the end by force
  double lock_wait = 30;          // seconds to wait for a run directory into which another process writes
  int kept_open = -1;             // descriptor that the runs inherit: SweepLock::held_by_runs()
};

/// Runs the tasks, each in a process of its own, `jobs` at a time, in their order; what is finished ends at once, and
/// what failed is tried again. A process that crashes, hangs beyond the timeout or is killed costs its run only: its
/// reason goes to failure.json in the run's directory, beside stderr.log. One that someone else asked to stop, with a
/// checkpoint written, is left unfinished; so is one whose directory another process holds. When `stop` becomes 1, the
/// children are asked to stop (they write a checkpoint), and waited for; when it becomes 2, they are killed. When this
/// process dies, they are asked to stop.
SweepEnd run_local(const std::vector<Task>& tasks, const LocalOptions& options, SweepDisplay& display,
                   const std::atomic<int>& stop);

/// The command of a task, one line, quoted for a POSIX shell: what --print-commands prints and what Slurm's tasks run.
/// Paths are made absolute. Throws ConfigError for a path that can't be written so.
std::string command_of(const Task& task, const LocalOptions& options);

}  // namespace bnlab::experiments
