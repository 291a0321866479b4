#pragma once
// Runs of a sweep as job arrays of a Slurm cluster that shares the sweep's directory.

#include <atomic>

#include "experiments/executor.h"

namespace bnlab::experiments {

struct SlurmOptions {
  std::string partition;           // empty: the cluster's default
  std::string time_limit;          // of each run, as sbatch's --time takes it; empty: the partition's
  int tasks_at_a_time = 0;         // of each array; 0: no limit
  std::vector<std::string> extra;  // more options of sbatch, one word each: "--account=project"
  int threads = 1;                 // of each run
  std::filesystem::path program;   // the binary to run; empty: this one
  bool wait = true;                // for the end of the runs; false: detach once they are submitted
  int resubmissions = 3;           // of a run that was stopped or lost without a step of progress, in one call
  double poll_seconds = 10;        // between two looks at the queue
};

/// Submits the tasks that no earlier call's job has in the queue, as job arrays split at the cluster's MaxArraySize:
/// `directory`/slurm holds for each submission its script, its commands and its run directories (a line a task), what
/// Slurm said, and the exit status of each task that did not end with 0. Before its time limit a run writes a
/// checkpoint. Waits, looking at the queue and the run directories; a run that was stopped or lost is submitted again,
/// one that ended with an error gets its failure.json. When `stop` becomes true, or without `wait`, the jobs
/// continue and a later call of the same kind reads their results from the run directories. sbatch, squeue and scontrol
/// are found on PATH. Throws RunError where one is missing or refuses, with its words.
SweepEnd run_slurm(const std::vector<Task>& tasks, const std::filesystem::path& directory, const SlurmOptions& options,
                   SweepDisplay& display, const std::atomic<int>& stop);

}  // namespace bnlab::experiments
