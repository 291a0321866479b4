#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "cli/command.h"
#include "cli/status_line.h"
#include "cli/sweep.h"
#include "cli/sweep_display.h"
#include "config/effective.h"
#include "config/experiment.h"
#include "experiments/local_executor.h"
#include "experiments/slurm_executor.h"
#include "experiments/sweep.h"
#include "experiments/sweep_lock.h"
#include "experiments/verdict.h"
#include "util/errors.h"

namespace bnlab::cli {
namespace {

namespace fs = std::filesystem;
using namespace experiments;  // every name here is of a sweep

const char* const slurm_group = "Slurm (--executor slurm)";

// A signal handler can reach nothing but a global.
std::atomic<int> stops_asked{0};
extern "C" void ask_sweep_to_stop(int number) {
  int none = 0;
  if (number != SIGHUP)
    ++stops_asked;
  else  // which comes more than once
    stops_asked.compare_exchange_strong(none, 1);
}

fs::path directory_of(const SweepOptions& options, const config::ExperimentConfig& experiment) {
  if (!options.out.empty()) return options.is_parent ? fs::path(options.out) / experiment.name : fs::path(options.out);
  if (options.profile == "full") return fs::path("results") / experiment.name;
  return fs::path("results") / options.profile / experiment.name;
}

/// An experiment that is to run.
struct Planned {
  Plan plan;
  fs::path directory;
  double minutes = 0;  // for `runs_of_minutes`, two at a time; 0: not said
  std::size_t runs_of_minutes = 0;
};

Planned planned(const std::string& file, const SweepOptions& options) {
  const config::ExperimentConfig written = config::load_experiment(file);
  const auto profile = options.profile == "full" ? config::Profile::full : config::Profile::quick;
  const std::optional<std::int64_t> seeds = options.seeds > 0 ? std::optional(options.seeds) : std::nullopt;
  const fs::path folder = fs::path(file).has_parent_path() ? fs::path(file).parent_path() : fs::path(".");
  Planned one{make_plan(config::effective(written, profile, options.overrides, seeds, folder)), {}, 0, 0};
  one.directory = directory_of(options, one.plan.experiment);
  const config::ProfileConfig& chosen = profile == config::Profile::full ? written.full : written.quick;
  one.minutes = chosen.minutes;
  one.runs_of_minutes = one.plan.points.size() * chosen.seeds.value_or(written.seeds).list.size();
  return one;
}

/// All of them, before the first runs.
std::vector<Planned> planned(const std::vector<std::string>& files, const SweepOptions& options) {
  std::vector<Planned> all;
  std::map<fs::path, std::string> files_by_directory;
  for (const std::string& file : files) {
    all.push_back(planned(file, options));
    const auto [other, is_new] = files_by_directory.emplace(all.back().directory.lexically_normal(), file);
    if (!is_new)
      throw ConfigError(
          fmt::format("{} and {} are both named {}, and would share {}; call bnlab for each, with an "
                      "--out of its own",
                      other->second, file, all.back().plan.experiment.name, all.back().directory.string()));
  }
  return all;
}

/// An option that an arm sets too has no effect there.
void warn_of_overridden(const Planned& one, const SweepOptions& options, Context& context) {
  const auto overlap = [](const std::string& a, const std::string& b) {
    return (a + ".").starts_with(b + ".") || (b + ".").starts_with(a + ".");
  };
  for (const std::string& setting : options.overrides)
    for (const config::ArmConfig& arm : one.plan.experiment.arms) {
      const std::string path = setting.substr(0, setting.find('='));
      const auto sets = [&](const auto& own) {
        return std::any_of(own.begin(), own.end(), [&](const auto& entry) { return overlap(entry.first, path); });
      };
      if (sets(arm.set.paths) || sets(arm.grid.paths) || sets(arm.zip.paths))
        context.logger->warn("--set {}: arm {} of {} sets {} itself, which counts there", setting, arm.name,
                             one.plan.experiment.name, path);
    }
}

/// Throws where a run that goes on from a checkpoint would have another number of threads than before.
void refuse_other_threads(const std::vector<SweepRun>& runs, int threads) {
  std::vector<std::string> others;
  int theirs = 0;
  for (const SweepRun& one : runs) {
    if (one.report.state != RunState::unfinished || one.report.threads == 0 || one.report.threads == threads) continue;
    theirs = one.report.threads;
    others.push_back(one.task.name);
  }
  if (!others.empty())
    throw ConfigError(
        fmt::format("--threads: must be {} as in {} runs that were begun, such as {}, or their end would "
                    "differ, got {}",
                    theirs, others.size(), others.front(), threads));
}

std::string estimate(const Planned& planned, const std::vector<SweepRun>& runs, std::size_t left, int jobs) {
  double seconds = 0;
  std::size_t finished = 0;
  for (const SweepRun& one : runs)
    if (is_finished(one.report.state)) seconds += one.report.seconds, ++finished;
  const double rounds = static_cast<double>(left) / std::min(jobs, static_cast<int>(left));
  if (finished > 0)
    return fmt::format("about {} with {} at a time, from the {} that are finished",
                       duration_text(seconds / static_cast<double>(finished) * rounds), jobs, finished);
  if (planned.minutes <= 0) return "how long they take the experiment does not say";
  return fmt::format(
      "about {:.3g} minutes with {} at a time, from the {:.3g} on two cores of which the experiment says",
      2 * planned.minutes * rounds / static_cast<double>(planned.runs_of_minutes), jobs, planned.minutes);
}

/// The runs, what each changes against the base, and how long they may take.
void print_plan(const Planned& planned, const std::vector<SweepRun>& runs, std::size_t left, int jobs) {
  const Plan& plan = planned.plan;
  fmt::print("{}: {} runs, profile {}\n{}\n\n", plan.experiment.name, runs.size(), plan.experiment.profile,
             plan.experiment.claim);
  for (const ArmPoint& point : plan.points) {
    const auto is_of = [&](const SweepRun& one) { return plan.points[one.run->point].label == point.label; };
    if (std::none_of(runs.begin(), runs.end(), is_of)) continue;
    fmt::print("arm {}\n", point.label);
    const std::vector<std::string> changes = changes_of(plan, point);
    for (const std::string& change : changes) fmt::print("  {}\n", change);
    if (changes.empty()) fmt::print("  the base as it is\n");
  }
  fmt::print("\n");
  std::vector<std::vector<std::string>> rows{{"run", "state"}};
  std::size_t failed = 0;
  for (const SweepRun& one : runs) {
    rows.push_back({one.task.name, experiments::name_of(one.report.state)});
    failed += one.report.state == RunState::failed ? 1 : 0;
  }
  fmt::print("{}\n", table(rows, 2));
  if (left > 0)
    fmt::print("{} runs are left, {}.\n", left, estimate(planned, runs, left, jobs));
  else if (failed > 0)
    fmt::print("No runs are left but {} that failed; --retry-failed runs them again.\n", failed);
  else
    fmt::print("All runs are finished.\n");
}

LocalOptions local_options(const SweepOptions& options) {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  LocalOptions local;
  local.threads = options.threads;
  local.jobs = options.jobs > 0 ? options.jobs : std::max(1, cores / options.threads);
  local.timeout = options.timeout;
  return local;
}

/// Runs one experiment; its verdict, or nothing where there is none yet (a dry run, an interruption, a detached job).
std::optional<ExperimentVerdict> sweep_one(const Planned& planned, const SweepOptions& options, Context& context) {
  const Plan& plan = planned.plan;
  const fs::path& directory = planned.directory;
  const LocalOptions local = local_options(options);
  std::vector<SweepRun> runs = sweep_runs(plan, directory, options.only);
  if (options.dry_run) {
    print_plan(planned, runs, remaining(runs, options.retry_failed).size(), local.jobs);
    return std::nullopt;
  }

  const SweepLock lock(directory);
  runs = sweep_runs(plan, directory, options.only);  // what another sweep did until now
  refuse_other_threads(runs, options.threads);
  prepare(plan, runs, directory);
  const std::vector<Task> tasks = remaining(runs, options.retry_failed);
  if (options.print_commands) {
    for (const Task& task : tasks) fmt::print("{}\n", command_of(task, local));
    return std::nullopt;
  }
  if (options.retry_failed) clear_failures(runs);

  const std::size_t before = runs.size() - tasks.size();
  if (!context.log.quiet)
    context.logger->info("{}: {} runs in {}, {} of them to do", plan.experiment.name, runs.size(), directory.string(),
                         tasks.size());
  LocalOptions bound_to_sweep = local;
  bound_to_sweep.kept_open = lock.held_by_runs();
  SlurmOptions slurm = options.slurm;
  slurm.threads = options.threads;
  TerminalDisplay display(context.logger, context.log, runs.size(), before);
  const SweepEnd end = tasks.empty()                 ? SweepEnd::done
                       : options.executor == "slurm" ? run_slurm(tasks, directory, slurm, display, stops_asked)
                                                     : run_local(tasks, bound_to_sweep, display, stops_asked);
  if (end == SweepEnd::interrupted) {
    context.logger->warn("interrupted; the same command goes on where it stopped");
    context.exit_status = ExitStatus::interrupted;
    return std::nullopt;
  }
  if (end == SweepEnd::detached) {
    context.logger->info("the jobs go on alone; the same command takes up their results");
    if (stops_asked > 0) context.exit_status = ExitStatus::interrupted;
    return std::nullopt;
  }
  return judge_directory(directory);
}

}  // namespace

void sweep(const std::vector<std::string>& files, const SweepOptions& options, Context& context) {
  const std::vector<Planned> all = planned(files, options);
  for (const Planned& one : all)
    if (!context.log.file.empty() && is_file_of_a_sweep(one.directory, context.log.file)) {
      context.logger.reset();  // or it would be told there
      throw ConfigError(
          fmt::format("--log-file: {}: must not be a file that the sweep writes", context.log.file.string()));
    }
  for (const Planned& one : all) warn_of_overridden(one, options, context);
  write_log_file(*context.logger);
  catch_signals(ask_sweep_to_stop, 0);
  std::vector<ExperimentVerdict> verdicts;
  const auto print = [&] {
    if (!verdicts.empty()) print_verdicts(verdicts, options.strict, context);
  };
  for (const Planned& one : all) {
    if (stops_asked > 0) {
      context.logger->warn("interrupted before {}; the same command goes on there", one.plan.experiment.name);
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
  if (status == ExitStatus::interrupted) context.exit_status = status;
}

void print_verdicts(const std::vector<ExperimentVerdict>& verdicts, bool strict, Context& context) {
  fmt::print("{}", text_table(verdicts));
  for (const ExperimentVerdict& one : verdicts) {
    for (const std::string& run : one.unfinished) fmt::print("{}: {}\n", one.experiment.name, run);
    for (const std::string& warning : one.warnings) fmt::print("{}: {}\n", one.experiment.name, warning);
    for (std::size_t i = 0; i < one.judgements.size(); ++i)
      if (!one.judgements[i].explanation.empty())
        fmt::print("{}: {}: {}\n", one.experiment.name, one.experiment.criteria[i].name, one.judgements[i].explanation);
    for (const Choice& choice : one.choices)
      fmt::print("{}: {} is {}{}, the best by {}\n", one.experiment.name, choice.arm, choice.of,
                 choice.point.empty() ? " (undecided)" : choice.point, choice.quantity);
  }
  set_status(verdicts, strict, context);
}

void set_status(const std::vector<ExperimentVerdict>& verdicts, bool strict, Context& context) {
  for (const ExperimentVerdict& one : verdicts) {
    const bool claimed = one.verdict == Verdict::reproduced || one.verdict == Verdict::reported;
    if (one.unfinished.empty() && (claimed || !strict)) continue;
    context.exit_status = ExitStatus::failed;
    if (one.unfinished.empty())
      context.logger->warn("{}: {}", one.experiment.name, experiments::name_of(one.verdict));
    else
      context.logger->warn("{}: {} runs have no result", one.experiment.name, one.unfinished.size());
  }
}

void add_sweep_options(CLI::App& command, SweepOptions& options) {
  command.add_option("--profile", options.profile, "how much is run: quick or full (default: quick)")
      ->type_name("PROFILE")
      ->check(CLI::IsMember({"quick", "full"}));
  command.add_option("--jobs", options.jobs, "runs at the same time (default: one for each core)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command.add_option("--threads", options.threads, "threads of each run (default: 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command.add_option("--timeout", options.timeout, "stop a run after so many seconds; it counts as failed")
      ->type_name("SECONDS")
      ->check(number_between(1e-3, 1e9));
  command.add_option("--out", options.out, "directory of the sweep (default: results/NAME, or results/quick/NAME)")
      ->type_name("DIR")
      ->check(not_empty());
  command.add_flag("--retry-failed", options.retry_failed, "run again what failed");
  command.add_flag("--strict", options.strict, "exit status 1 where a claim is not reproduced");
}

void add_slurm_options(CLI::App& command, SlurmOptions& slurm) {
  command.add_option("--slurm-partition", slurm.partition, "partition (default: the cluster's)")
      ->type_name("NAME")
      ->group(slurm_group);
  command
      .add_option("--slurm-time", slurm.time_limit,
                  "time limit of each run, as sbatch takes it: 30, 1:00:00; at least 3 minutes, since a run is stopped "
                  "with a checkpoint 60 seconds before")
      ->type_name("TIME")
      ->group(slurm_group);
  command
      .add_option("--slurm-tasks", slurm.tasks_at_a_time, "runs at the same time, of each array (default: no limit)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->group(slurm_group);
  command.add_option("--slurm-option", slurm.extra, "another option of sbatch, one word: --slurm-option=--account=lab")
      ->type_name("OPTION")
      ->allow_extra_args(false)
      ->group(slurm_group);
  command.add_flag("!--no-wait", slurm.wait, "submit and leave; the same command later takes up the results")
      ->group(slurm_group);
  command.add_option("--slurm-poll", slurm.poll_seconds, "seconds between two looks at the queue (default: 10)")
      ->type_name("SECONDS")
      ->check(number_between(0.1, 3600))
      ->group(slurm_group);
}

namespace {

/// Options of one executor mean nothing to the other.
void refuse_options_of_another_executor(const CLI::App& command, const std::string& executor) {
  const auto refuse = [&](const CLI::Option& option, const std::string& rule) {
    if (option.count() > 0) throw ConfigError(fmt::format("{}: {}", option.get_name(), rule));
  };
  if (executor == "slurm") {
    refuse(*command.get_option("--jobs"), "not with --executor slurm, where --slurm-tasks says how many run at a time");
    refuse(*command.get_option("--timeout"), "not with --executor slurm, where --slurm-time limits a run");
    return;
  }
  for (const CLI::Option* option : command.get_options())
    if (option->get_group() == slurm_group) refuse(*option, "only with --executor slurm");
}

}  // namespace

void add_sweep(CLI::App& app, Context& context) {
  const auto options = std::make_shared<SweepOptions>();
  const auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("sweep", "run an experiment: all arms and seeds, then its verdict");
  command->add_option("EXPERIMENT", *files, "experiment files, or bare names of experiments that bnlab comes with")
      ->required();
  add_sweep_options(*command, *options);
  command->add_option("--seeds", options->seeds, "seeds 1 to N, in place of the experiment's")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--set", options->overrides,
                   "change a value of every run: key.path=value; where an arm sets it too, the arm's counts")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false);
  command->add_option("--only", options->only, "run only arms or points that fit the pattern, such as 'batch*'")
      ->type_name("ARM")
      ->allow_extra_args(false);
  command->add_flag("--dry-run", options->dry_run, "list the runs, what each changes, and an estimate of the time");
  command->add_flag("--print-commands", options->print_commands,
                    "print one command for each run that is left, for GNU parallel, xargs or a scheduler");
  command->add_option("--executor", options->executor, "local or slurm (default: local)")
      ->type_name("EXECUTOR")
      ->check(CLI::IsMember({"local", "slurm"}));
  add_slurm_options(*command, options->slurm);
  command->footer(
      "Examples:\n"
      "  bnlab sweep experiments/faster_training.json\n"
      "  bnlab sweep experiments/faster_training.json --profile full --jobs 2 --out results/mine\n"
      "  bnlab sweep experiments/faster_training.json --dry-run\n"
      "  bnlab sweep experiments/*.json --print-commands | parallel\n"
      "  bnlab sweep experiments/faster_training.json --executor slurm --slurm-partition main --slurm-time 30\n"
      "\nRuns are found again by a hash of their config: a second call runs what is missing, and an edited criterion "
      "runs\n"
      "nothing. Ctrl-C stops the runs; the same command goes on where they stopped.\n"
      "Exit status: 0 done, 1 a run failed (with --strict: or a claim is not reproduced), 2 usage or config error,\n"
      "130 interrupted.");
  command->callback([files, options, command, &context] {
    for (std::string& file : *files) file = shipped(file, "experiments");
    start_log(context, *files);
    for (std::string& file : *files) file = existing(file, "experiments");
    refuse_options_of_another_executor(*command, options->executor);
    options->is_parent = files->size() > 1;
    sweep(*files, *options, context);
  });
}

}  // namespace bnlab::cli
