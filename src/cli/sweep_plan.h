#pragma once
// The sweeps that a command line asks for, and the output of --dry-run.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/sweep_options.h"
#include "experiments/plan.h"
#include "experiments/sweep.h"

namespace bnlab::cli {

/// An experiment that is to be run.
struct Sweep {
  experiments::Plan plan;
  std::filesystem::path directory;
  double minutes = 0;  // that the experiment expects for `runs_of_minutes`, two at a time; 0: it gives none
  std::size_t runs_of_minutes = 0;
  std::string config_file;  // of an ablation
};

/// Reads and checks all experiments and ablations. Throws ConfigError, also where two would share a directory.
std::vector<Sweep> load_sweeps(const std::vector<std::string>& files, const SweepOptions& options);

/// Writes the experiment file of --save-experiment, where it is asked for. Throws RunError.
void save_experiment(const Sweep& sweep, const SweepOptions& options);

/// Warns of each --set that has no effect in an arm, because the arm sets the same path.
void warn_of_overridden(const Sweep& sweep, const SweepOptions& options, Context& context);

/// Prints the runs, what each arm changes against the base, and how long the runs that are left may take.
void print_plan(const Sweep& sweep, const std::vector<experiments::SweepRun>& runs, const SweepOptions& options);

}  // namespace bnlab::cli
