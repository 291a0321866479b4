#include "cli/sweep_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "util/errors.h"

namespace bnlab::cli {
namespace {

const char* const slurm_group = "Slurm (--executor slurm)";

}  // namespace

void add_sweep_options(Command command, SweepOptions& options, const std::string& directories) {
  command.add_option("--profile", options.profile, "profile of the experiment: quick or full (default: quick)")
      .type_name("PROFILE");
  command.add_option("--jobs", options.jobs, "number of simultaneous runs (default: one for each core)")
      .type_name("N")
      .between(1, 1024);
  command.add_option("--threads", options.threads, "number of threads of each run (default: 1)")
      .type_name("N")
      .between(1, 1024);
  command.add_option("--timeout", options.timeout, "time limit of each run; a run that exceeds it fails")
      .type_name("SECONDS")
      .number_between(1e-3, 1e9);
  command
      .add_option("--out", options.out,
                  "output directory; several sweeps each get a directory in it (default: " + directories + ")")
      .type_name("DIR")
      .home_path()
      .not_empty();
  command.add_flag("--retry-failed", options.retry_failed, "repeat failed runs");
  command.add_flag("--replace", options.replace,
                   "replace the sweep in the directory, which has a different profile, different seeds or a different "
                   "--set; its results are moved to old/, and its runs are kept");
  command.add_flag("--details", options.details, "also show each criterion");
  command.add_flag(
      "--strict", options.strict,
      "exit with status 1 if a claim is not reproduced or files of its runs may be wrong (changed or copied)");
}

void add_ablation_options(Command command, SweepOptions& options) {
  const char* const group = "Ablation of a run's config";
  command
      .add_option("--grid", options.grid,
                  "axis of an ablation: a dotted path of the config and its values, separated by commas; several axes "
                  "give every combination")
      .type_name("PATH=V,V,...")
      .one_value_each()
      .group(group);
  command
      .add_option("--zip", options.zip,
                  "axes that change together: the first value of each, then the second, and so on; with --grid, each "
                  "of these is combined with every point of the grid")
      .type_name("PATH=V,V,...")
      .one_value_each()
      .group(group);
  command
      .add_option("--metric", options.metrics,
                  "quantity to measure, such as eval.csv:accuracy:best, train.csv:loss:mean:100, "
                  "eval.csv[split=train]:loss, or a quantity in JSON (default: final test accuracy and loss)")
      .type_name("[FILE:]COLUMN[:REDUCTION[:N]]")
      .one_value_each()
      .group(group);
  command
      .add_option("--save-experiment", options.save_experiment,
                  "also write the ablation to an experiment file, as a draft of a claim")
      .type_name("FILE")
      .home_path()
      .not_empty()
      .group(group);
  command.add_flag("--force", options.force, "replace an existing file of --save-experiment").group(group);
}

void add_slurm_options(Command command, experiments::SlurmOptions& slurm) {
  command.add_option("--slurm-partition", slurm.partition, "partition (default: that of the cluster)")
      .type_name("NAME")
      .group(slurm_group);
  command
      .add_option("--slurm-time", slurm.time_limit,
                  "time limit of each run in the format of sbatch, such as 30 or 1:00:00; at least 3 minutes, because "
                  "a run writes a checkpoint and stops 60 seconds before the limit")
      .type_name("TIME")
      .group(slurm_group);
  command
      .add_option("--slurm-tasks", slurm.tasks_at_a_time,
                  "number of simultaneous runs of each job array (default: no limit)")
      .type_name("N")
      .between(1, 1000000)
      .group(slurm_group);
  command
      .add_option("--slurm-option", slurm.extra,
                  "additional option of sbatch, as one word: --slurm-option=--account=lab")
      .type_name("OPTION")
      .one_value_each()
      .group(slurm_group);
  command.add_flag("!--no-wait", slurm.wait, "submit the jobs and exit; the same command later collects the results")
      .group(slurm_group);
  command.add_option("--slurm-poll", slurm.poll_seconds, "time between two queries of the queue (default: 10)")
      .type_name("SECONDS")
      .number_between(0.1, 3600)
      .group(slurm_group);
}

void refuse_options_of_another_executor(Command command, Executor executor) {
  const auto refuse = [&](const Option& option, const std::string& rule) {
    if (option.is_given()) throw ConfigError(fmt::format("{}: {}", option.name(), rule));
  };
  switch (executor) {
    case Executor::local:
      for (const Option& option : command.options())
        if (option.group() == slurm_group) refuse(option, "only with --executor slurm");
      return;
    case Executor::slurm:
      refuse(command.option("--jobs"), "not with --executor slurm; use --slurm-tasks");
      refuse(command.option("--timeout"), "not with --executor slurm; use --slurm-time");
  }
}

std::filesystem::path results_of(config::Profile profile) {
  switch (profile) {
    case config::Profile::quick:
      return "results/quick";
    case config::Profile::full:
      break;
  }
  return "results";
}

experiments::LocalOptions local_options(const SweepOptions& options) {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  experiments::LocalOptions local;
  local.threads = options.threads;
  local.jobs = options.jobs > 0 ? options.jobs : std::max(1, cores / options.threads);
  local.timeout = options.timeout;
  return local;
}

}  // namespace bnlab::cli
