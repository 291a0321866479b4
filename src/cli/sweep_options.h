#pragma once
// The options of `bnlab sweep`, some of which `bnlab reproduce` has too.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "config/effective.h"
#include "config/experiment_config.h"
#include "experiments/local_executor.h"
#include "experiments/slurm_executor.h"

namespace bnlab::cli {

/// What starts the runs of a sweep.
enum class Executor { local, slurm };

}  // namespace bnlab::cli

template <>
struct bnlab::config::Names<bnlab::cli::Executor> {
  static constexpr Named<cli::Executor> table[] = {{"local", cli::Executor::local}, {"slurm", cli::Executor::slurm}};
};

namespace bnlab::cli {

struct SweepOptions {
  config::Profile profile = config::Profile::quick;
  bool has_profile = false;  // it was asked for
  int jobs = 0;              // 0: one for each core
  int threads = 1;
  std::optional<config::Seeds> seeds;  // unset: the experiment's
  double timeout = 0;
  std::vector<std::string> overrides;
  std::vector<std::string> grid, zip, metrics;  // of an ablation (config/ablation.h)
  std::vector<std::string> only;
  std::string out;
  bool is_parent = false;  // `out` holds a directory for each experiment
  bool dry_run = false;
  bool print_commands = false;
  bool retry_failed = false;
  bool replace = false;
  bool strict = false;
  bool details = false;
  std::string save_experiment;  // a file; "": none
  bool force = false;           // replaces that file
  Executor executor = Executor::local;
  experiments::SlurmOptions slurm;
};

/// `directories` says in the help of --out which are the default ones.
void add_sweep_options(Command command, SweepOptions& options, const std::string& directories);
void add_ablation_options(Command command, SweepOptions& options);
void add_slurm_options(Command command, experiments::SlurmOptions& slurm);

/// Throws ConfigError for an option of the executor that is not chosen: it would have no effect.
void refuse_options_of_another_executor(Command command, Executor executor);

/// The folder of a profile's sweeps where --out gives none.
std::filesystem::path results_of(config::Profile profile);

/// How runs are started on this machine. Without --jobs: as many at a time as there are cores for their threads.
experiments::LocalOptions local_options(const SweepOptions& options);

}  // namespace bnlab::cli
