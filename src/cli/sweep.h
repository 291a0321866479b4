#pragma once
// What `bnlab sweep` and `bnlab reproduce` share.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/command.h"
#include "experiments/slurm_executor.h"
#include "experiments/verdict.h"

namespace bnlab::cli {

struct SweepOptions {
  std::string profile = "quick";
  int jobs = 0;  // 0: one for each core
  int threads = 1;
  std::int64_t seeds = 0;  // 0: the experiment's
  double timeout = 0;
  std::vector<std::string> overrides;
  std::vector<std::string> only;
  std::string out;
  bool is_parent = false;  // `out` holds a directory for each experiment
  bool dry_run = false;
  bool print_commands = false;
  bool retry_failed = false;
  bool strict = false;
  std::string executor = "local";
  experiments::SlurmOptions slurm;
};

void add_sweep_options(CLI::App& command, SweepOptions& options);
void add_slurm_options(CLI::App& command, experiments::SlurmOptions& slurm);

/// Runs experiments one after another, and prints their verdicts. All are read and checked before the first run.
void sweep(const std::vector<std::string>& files, const SweepOptions& options, Context& context);

/// The table of verdicts, and a line for whatever has no result. Sets the exit status.
void print_verdicts(const std::vector<experiments::ExperimentVerdict>& verdicts, bool strict, Context& context);

/// Failed, with a warning, where a run has no result or, with `strict`, a claim is not reproduced; else as it was.
void set_status(const std::vector<experiments::ExperimentVerdict>& verdicts, bool strict, Context& context);

}  // namespace bnlab::cli
