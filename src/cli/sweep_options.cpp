#include "cli/sweep_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "util/errors.h"

namespace bnlab::cli {
namespace {

const char* const slurm_group = "Slurm (--executor slurm)";

}  // namespace

void add_sweep_options(Command command, SweepOptions& options) {
  command.add_option("--profile", options.profile, "how much is run: quick or full (default: quick)")
      .type_name("PROFILE");
  command.add_option("--jobs", options.jobs, "runs at the same time (default: one for each core)")
      .type_name("N")
      .between(1, 1024);
  command.add_option("--threads", options.threads, "threads of each run (default: 1)").type_name("N").between(1, 1024);
  command.add_option("--timeout", options.timeout, "stop a run after so many seconds; it counts as failed")
      .type_name("SECONDS")
      .number_between(1e-3, 1e9);
  command
      .add_option(
          "--out", options.out,
          "directory of the sweep (default: results/NAME, results/quick/NAME, or results/sweeps/NAME of an ablation)")
      .type_name("DIR")
      .home_path()
      .not_empty();
  command.add_flag("--retry-failed", options.retry_failed, "run again what failed");
  command.add_flag("--replace", options.replace,
                   "replace a sweep in the directory that has another profile, other seeds or another --set; what it "
                   "found goes into a folder old/ there, and its runs stay");
  command.add_flag("--details", options.details, "show each criterion of a claim, too");
  command.add_flag("--strict", options.strict,
                   "exit status 1 where a claim is not reproduced, or the files of its runs are in doubt");
}

void add_ablation_options(Command command, SweepOptions& options) {
  const char* const group = "Ablation of a run's config";
  command
      .add_option("--grid", options.grid,
                  "an axis of an ablation: a path of the config and its values, each JSON or a word, between commas; "
                  "several axes give every combination")
      .type_name("PATH=V,V,...")
      .one_value_each()
      .group(group);
  command
      .add_option(
          "--zip", options.zip,
          "axes that go together: the first value of each, then the second, ...; with --grid: each of these with "
          "every combination")
      .type_name("PATH=V,V,...")
      .one_value_each()
      .group(group);
  command
      .add_option("--metric", options.metrics,
                  "what is measured, such as eval.csv:accuracy:best, train.csv:loss:mean:100, "
                  "eval.csv[split=train]:loss, or a quantity as JSON (default: final test accuracy and loss)")
      .type_name("[FILE:]COLUMN[:REDUCTION[:N]]")
      .one_value_each()
      .group(group);
  command
      .add_option("--save-experiment", options.save_experiment,
                  "write the ablation as an experiment file, too: the start of a claim")
      .type_name("FILE")
      .home_path()
      .not_empty()
      .group(group);
  command.add_flag("--force", options.force, "replace the file of --save-experiment").group(group);
}

void add_slurm_options(Command command, experiments::SlurmOptions& slurm) {
  command.add_option("--slurm-partition", slurm.partition, "partition (default: the cluster's)")
      .type_name("NAME")
      .group(slurm_group);
  command
      .add_option("--slurm-time", slurm.time_limit,
                  "time limit of each run, as sbatch takes it: 30, 1:00:00; at least 3 minutes, since a run is stopped "
                  "with a checkpoint 60 seconds before")
      .type_name("TIME")
      .group(slurm_group);
  command.add_option("--slurm-tasks", slurm.tasks_at_a_time, "runs at the same time, of each array (default: no limit)")
      .type_name("N")
      .between(1, 1000000)
      .group(slurm_group);
  command.add_option("--slurm-option", slurm.extra, "another option of sbatch, one word: --slurm-option=--account=lab")
      .type_name("OPTION")
      .one_value_each()
      .group(slurm_group);
  command.add_flag("!--no-wait", slurm.wait, "submit and leave; the same command later collects the results")
      .group(slurm_group);
  command.add_option("--slurm-poll", slurm.poll_seconds, "seconds between two looks at the queue (default: 10)")
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
      refuse(command.option("--jobs"), "not with --executor slurm, where --slurm-tasks says how many run at a time");
      refuse(command.option("--timeout"), "not with --executor slurm, where --slurm-time limits a run");
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
