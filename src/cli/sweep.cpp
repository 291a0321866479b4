#include "cli/sweep.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <optional>

#include "cli/command.h"
#include "cli/sweep_display.h"
#include "cli/sweep_plan.h"
#include "cli/terminal.h"
#include "config/ablation.h"
#include "experiments/local_executor.h"
#include "experiments/slurm_executor.h"
#include "experiments/sweep.h"
#include "experiments/sweep_lock.h"
#include "experiments/verdict.h"
#include "experiments/verdict_table.h"
#include "util/errors.h"

namespace bnlab::cli {
namespace {

namespace fs = std::filesystem;
using namespace experiments;  // every name here is of a sweep

// A signal handler can reach nothing but a global.
std::atomic<int> stops_asked{0};
extern "C" void ask_sweep_to_stop(int number) {
  int none = 0;
  if (may_repeat(number))
    stops_asked.compare_exchange_strong(none, 1);
  else
    ++stops_asked;
}

/// Throws where a run would continue from its checkpoint with a different number of threads.
void refuse_other_threads(const std::vector<SweepRun>& runs, int threads) {
  std::vector<std::string> others;
  int theirs = 0;
  for (const SweepRun& one : runs) {
    if (one.report.state != RunState::unfinished || one.report.threads == 0 || one.report.threads == threads) continue;
    theirs = one.report.threads;
    others.push_back(one.task.name);
  }
  if (!others.empty())
    throw ConfigError(fmt::format(
        "--threads: must be {}, as in {} unfinished runs such as {}, because the results depend on it, got {}", theirs,
        others.size(), others.front(), threads));
}

/// Runs the tasks with the executor that the options name.
SweepEnd execute(const std::vector<Task>& tasks, const fs::path& directory, const SweepLock& lock,
                 const SweepOptions& options, SweepDisplay& display) {
  switch (options.executor) {
    case Executor::local:
      break;
    case Executor::slurm: {
      SlurmOptions slurm = options.slurm;
      slurm.threads = options.threads;
      return run_slurm(tasks, directory, slurm, display, stops_asked);
    }
  }
  LocalOptions local = local_options(options);
  local.kept_open = lock.held_by_runs();
  return run_local(tasks, local, display, stops_asked);
}

/// Says how a sweep that ended without a verdict continues, and sets the exit status.
void tell_of_early_end(SweepEnd end, Context& context) {
  if (end == SweepEnd::interrupted) {
    context.logger->warn("interrupted; the same command continues where it stopped");
    context.exit_status = ExitStatus::interrupted;
  } else {
    context.logger->info("the jobs keep running; the same command collects their results");
    if (stops_asked > 0) context.exit_status = ExitStatus::interrupted;
  }
}

/// "all", "nothing", "3".
std::string left_text(std::size_t left, std::size_t all) {
  return left == 0 ? "nothing" : left == all ? "all" : std::to_string(left);
}

/// Runs one experiment; its verdict, or nothing where there is none yet (a dry run, an interruption, a detached job).
std::optional<ExperimentVerdict> sweep_one(const Sweep& sweep, const SweepOptions& options, Context& context) {
  const Plan& plan = sweep.plan;
  const fs::path& directory = sweep.directory;
  refuse_another_sweep(plan, directory, options.replace);
  std::vector<SweepRun> runs = sweep_runs(plan, directory, options.only);
  if (options.dry_run) {
    print_plan(sweep, runs, options);
    return std::nullopt;
  }

  const SweepLock lock(directory);
  runs = sweep_runs(plan, directory, options.only);  // what another sweep did until now
  refuse_other_threads(runs, options.threads);
  if (const fs::path aside = prepare(plan, runs, directory, options.replace); !aside.empty())
    context.logger->info("{}: the plan has changed; earlier results are in {}", plan.experiment.name, aside.string());
  const std::vector<Task> tasks = remaining(runs, options.retry_failed);
  if (options.print_commands) {
    for (const Task& task : tasks) fmt::print("{}\n", command_of(task, local_options(options)));
    return std::nullopt;
  }
  if (options.retry_failed) clear_failures(runs);

  if (!context.log.quiet)
    context.logger->info("{}: {} {}, {} to do, in {}", plan.experiment.name, runs.size(),
                         runs.size() == 1 ? "run" : "runs", left_text(tasks.size(), runs.size()), directory.string());
  TerminalDisplay display(context.logger, context.log, runs.size(), runs.size() - tasks.size());
  const SweepEnd end = tasks.empty() ? SweepEnd::done : execute(tasks, directory, lock, options, display);
  if (end == SweepEnd::done) return judge_directory(directory);
  tell_of_early_end(end, context);
  return std::nullopt;
}

}  // namespace

void sweep(const std::vector<std::string>& files, const SweepOptions& options, Context& context) {
  const std::vector<Sweep> all = load_sweeps(files, options);
  for (const Sweep& one : all)
    if (!context.log.file.empty() && is_file_of_a_sweep(one.directory, context.log.file)) {
      context.logger.reset();  // or it would log the error there
      throw ConfigError(
          fmt::format("--log-file: {}: must not be a file that the sweep writes", context.log.file.string()));
    }
  for (const Sweep& one : all) warn_of_overridden(one, options, context);
  write_log_file(*context.logger);
  catch_signals(ask_sweep_to_stop, 0);
  for (const Sweep& one : all) save_experiment(one, options);
  std::vector<ExperimentVerdict> verdicts;
  const auto print = [&] {
    if (verdicts.empty()) return;
    const VerdictStyle style{.means = all.size() == 1, .details = options.details, .strict = options.strict};
    print_verdicts(verdicts, style, context);
  };
  for (const Sweep& one : all) {
    if (stops_asked > 0) {
      context.logger->warn("interrupted before {}; the same command continues with it", one.plan.experiment.name);
      context.exit_status = ExitStatus::interrupted;
      break;
    }
    try {
      if (auto verdict = sweep_one(one, options, context)) verdicts.push_back(std::move(*verdict));
    } catch (const std::exception&) {
      print();  // what is known is not lost to another experiment's error
      throw;
    }
  }
  const int status = context.exit_status;
  print();
  if (all.size() == 1 && !verdicts.empty()) suggest_plot(all.front().directory, context);
  if (status == ExitStatus::interrupted) context.exit_status = status;
}

namespace {

void print_summary(const ExperimentVerdict& verdict) {
  const std::size_t width = columns_of_output();
  say("{}\n{}\n",
      wrapped(verdict.experiment.name + ": mean +- half the 95 % interval over the seeds (Student's t)", width, 0),
      text_table(verdict.summary, verdict.experiment, width));
}

/// Each criterion, what its verdict rests on, and what best_of chose.
void print_details(const std::vector<ExperimentVerdict>& judged) {
  if (!judged.empty()) say("\n{}", details_table(judged));
  for (const ExperimentVerdict& one : judged) {
    for (std::size_t i = 0; i < one.judgements.size(); ++i)
      if (!one.judgements[i].explanation.empty())
        say("{}: {}: {}\n", one.experiment.name, one.experiment.criteria[i].name,
            on_one_line(one.judgements[i].explanation));
    for (const Choice& choice : one.choices)
      say("{}: {} is {}{}, the best{} by {}\n", one.experiment.name, choice.arm, choice.of,
          choice.point.empty() ? " (undecided)" : choice.point, choice.by == choice.of ? "" : " point of " + choice.by,
          choice.quantity);
  }
}

}  // namespace

void print_verdicts(const std::vector<ExperimentVerdict>& verdicts, const VerdictStyle& style, Context& context) {
  const std::size_t width = columns_of_output();
  std::vector<ExperimentVerdict> judged;
  for (const ExperimentVerdict& one : verdicts) {
    if (!one.experiment.criteria.empty()) judged.push_back(one);
    if (style.means || style.details || one.experiment.criteria.empty()) print_summary(one);
  }
  // Not by say(), which would take the colours out.
  if (!judged.empty()) fmt::print("{}", overview_table(judged, width, output_has_colours()));
  if (style.details) print_details(judged);
  for (const ExperimentVerdict& one : verdicts) {
    for (const std::string& run : one.unfinished) say("{}: {}\n", one.experiment.name, on_one_line(run));
    for (const std::string& warning : all_warnings(one))
      say("{}", wrapped("warning: " + one.experiment.name + ": " + on_one_line(warning), width, 0));
    if (!one.unwritten.empty()) context.logger->warn(one.unwritten);
  }
  if (judged.size() > 1) say("\n{}", totals(judged));
  set_status(verdicts, style.strict, context);
}

void set_status(const std::vector<ExperimentVerdict>& verdicts, bool strict, Context& context) {
  for (const ExperimentVerdict& one : verdicts) {
    const bool claimed = one.verdict == Verdict::reproduced || one.verdict == Verdict::reported;
    if (one.unfinished.empty() && ((claimed && one.doubts.empty()) || !strict)) continue;
    context.exit_status = ExitStatus::failed;
    if (!one.unfinished.empty())
      context.logger->warn(
          "{}: {} runs have no result; `bnlab sweep` runs the missing ones, with --retry-failed also the failed ones",
          one.experiment.name, one.unfinished.size());
    else if (!claimed)
      context.logger->warn("{}: {}", one.experiment.name, experiments::name_of(one.verdict));
    else
      context.logger->warn("{}: {} doubts about its runs, such as: {}", one.experiment.name, one.doubts.size(),
                           one.doubts.front());
  }
}

void add_sweep(Command program, Context& context) {
  const auto options = std::make_shared<SweepOptions>();
  const auto files = std::make_shared<std::vector<std::string>>();
  const auto seeds = std::make_shared<std::string>();
  Command command = program.add_command(
      "sweep", "run all arms and seeds of an experiment or an ablation, then print means and verdict");
  command
      .add_option("EXPERIMENT", *files,
                  "experiments: files, or names of those that come with bnlab; with --grid: the config of a run")
      .home_path()
      .required();
  add_sweep_options(command, *options,
                    "results/quick/NAME; results/NAME with profile full; results/sweeps/NAME for an ablation");
  add_ablation_options(command, *options);
  command
      .add_option("--seeds", *seeds,
                  "seeds 1 to N, or a list such as 1,5,9 (default: those of the experiment; 3 for an ablation)")
      .type_name("N|LIST");
  command
      .add_option("--set", options->overrides,
                  "set a value in all runs by its dotted path; a value that an arm sets itself takes precedence")
      .type_name("PATH=VALUE")
      .one_value_each();
  command.add_option("--only", options->only, "run only arms or points that match the pattern, such as 'batch*'")
      .type_name("ARM")
      .one_value_each();
  command.add_flag("--dry-run", options->dry_run, "only list the runs, the changes of each arm, and a time estimate");
  command.add_flag("--print-commands", options->print_commands,
                   "only print a command for each missing run, for GNU parallel, xargs or a scheduler");
  command.add_option("--executor", options->executor, "where the runs are started: local or slurm (default: local)")
      .type_name("EXECUTOR");
  add_slurm_options(command, options->slurm);
  command.footer(
      "Examples:\n"
      "  bnlab sweep configs/first_experiment.json --grid optimizer.learning_rate=0.01,0.1,1 \\\n"
      "    --grid normalization.type=none,batch,layer --seeds 3\n"
      "  bnlab sweep experiments/faster_training.json\n"
      "  bnlab sweep experiments/faster_training.json --profile full --jobs 2 --out results/mine\n"
      "  bnlab sweep experiments/faster_training.json --dry-run\n"
      "  bnlab sweep experiments/*.json --print-commands | parallel\n"
      "  bnlab sweep experiments/faster_training.json --executor slurm --slurm-partition main --slurm-time 30\n"
      "\n"
      "A hash of the config identifies each run. A second call starts only the missing runs; after a change of "
      "criteria\n"
      "alone, it starts none. Ctrl-C stops the runs; the same command continues them.\n"
      "Exit status: 0 done, 1 a run failed (with --strict: or a claim is not reproduced), 2 usage or config error,\n"
      "130 interrupted.");
  command.callback([files, seeds, options, command, &context] {
    for (std::string& file : *files) file = shipped(shipped(file, "experiments"), "configs");
    start_log(context, *files);
    const char* const folder = options->grid.empty() && options->zip.empty() ? "experiments" : "configs";
    for (std::string& file : *files) file = existing(file, folder);
    if (command.option("--seeds").is_given()) options->seeds = config::parse_seeds(*seeds);
    options->has_profile = command.option("--profile").is_given();
    refuse_options_of_another_executor(command, options->executor);
    options->is_parent = files->size() > 1;
    sweep(*files, *options, context);
  });
}

}  // namespace bnlab::cli
