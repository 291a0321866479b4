#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "cli/command.h"
#include "cli/sweep.h"
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
using Clock = std::chrono::steady_clock;

// A signal handler can reach nothing but a global.
std::atomic<int> stops_asked{0};
extern "C" void ask_sweep_to_stop(int) { ++stops_asked; }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = ask_sweep_to_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string duration_text(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds + 0.5);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

/// Runs done, running with step and loss, failed, time left: on a terminal one line that changes, elsewhere a line for
/// each run that ends.
class Display : public SweepDisplay {
 public:
  Display(std::shared_ptr<spdlog::logger> logger, const LogOptions& options, std::size_t total, std::size_t before,
          int jobs)
      : logger_(std::move(logger)),
        terminal_(!options.quiet && isatty(STDERR_FILENO) == 1),
        total_(total),
        before_(before),
        jobs_(jobs),
        begin_(Clock::now()) {}
  ~Display() override { clear(); }

  void started(const Task& task) override {
    running_[task.name] = {0, task.steps, 0};
    show();
  }

  void progress(const Task& task, std::int64_t step, double loss) override {
    running_[task.name] = {step, task.steps, loss};
    show();
  }

  void ended(const Task& task, const RunReport& report) override {
    running_.erase(task.name);
    ++done_;
    failed_ += report.state == RunState::failed ? 1 : 0;
    clear();
    const std::string counts = fmt::format("[{}/{}]", before_ + done_, total_);
    if (report.state == RunState::failed)
      logger_->error("{} {}: failed: {}", counts, task.name, report.error);
    else
      logger_->info("{} {}: {} after {} steps, {:.1f} s{}", counts, task.name, experiments::name_of(report.state),
                    report.last_step, report.seconds, left());
    show();
  }

  void message(const std::string& text) override {
    clear();
    logger_->info(text);
    show();
  }

  void tick() override { show(); }

 private:
  struct Progress {
    std::int64_t step, steps;
    double loss;
  };

  /// From what the runs of this call took.
  std::string left() const {
    const std::size_t rest = total_ - before_ - done_;
    if (done_ == 0 || rest == 0) return "";
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    return fmt::format("; about {} left",
                       duration_text(seconds / static_cast<double>(done_) * static_cast<double>(rest)));
  }

  void show() {
    const Clock::time_point now = Clock::now();
    if (!terminal_ || std::chrono::duration<double>(now - shown_at_).count() < 0.1) return;
    shown_at_ = now;
    std::string text = fmt::format("{}/{} done", before_ + done_, total_);
    if (failed_ > 0) text += fmt::format(", {} failed", failed_);
    for (const auto& [name, one] : running_) {
      // What tells runs apart stands behind the hash.
      const std::string short_name = name.substr(std::min(name.find('_') + 1, name.size()));
      text += fmt::format(" | {} {}", short_name, one.step);
      if (one.steps > 0) text += fmt::format("/{}", one.steps);
      if (one.step > 0) text += fmt::format(" loss {:.3g}", one.loss);
    }
    text += left();
    fmt::print(stderr, "\r\033[K{}", text.substr(0, 200));
    std::fflush(stderr);
    is_shown_ = true;
  }

  void clear() {
    if (is_shown_) fmt::print(stderr, "\r\033[K");
    is_shown_ = false;
  }

  std::shared_ptr<spdlog::logger> logger_;
  bool terminal_;
  bool is_shown_ = false;
  std::size_t total_, before_;
  int jobs_;
  std::size_t done_ = 0, failed_ = 0;
  std::map<std::string, Progress> running_;
  Clock::time_point begin_;
  Clock::time_point shown_at_{};
};

fs::path directory_of(const SweepOptions& options, const config::ExperimentConfig& experiment) {
  if (!options.out.empty()) return options.is_parent ? fs::path(options.out) / experiment.name : fs::path(options.out);
  if (options.profile == "full") return fs::path("results") / experiment.name;
  return fs::path("results") / options.profile / experiment.name;
}

/// The runs, what each changes against the base, and how long they may take.
void print_plan(const Plan& plan, const std::vector<Standing>& runs, double minutes, int jobs) {
  fmt::print("{}: {} runs, profile {}\n{}\n\n", plan.experiment.name, runs.size(), plan.experiment.profile,
             plan.experiment.claim);
  for (const ArmPoint& point : plan.points) {
    const auto is_of = [&](const Standing& one) { return plan.points[one.run->point].label == point.label; };
    if (std::none_of(runs.begin(), runs.end(), is_of)) continue;
    fmt::print("arm {}\n", point.label);
    const std::vector<std::string> changes = changes_of(plan, point);
    for (const std::string& change : changes) fmt::print("  {}\n", change);
    if (changes.empty()) fmt::print("  the base as it is\n");
  }
  fmt::print("\n");
  std::vector<std::vector<std::string>> rows{{"run", "state"}};
  double seconds = 0;
  std::size_t finished = 0;
  for (const Standing& one : runs) {
    rows.push_back({one.task.name, experiments::name_of(one.report.state)});
    if (is_finished(one.report.state)) seconds += one.report.seconds, ++finished;
  }
  fmt::print("{}\n", table(rows, 2));
  const std::size_t left = runs.size() - finished;
  if (left == 0)
    fmt::print("All runs are finished.\n");
  else if (finished > 0)
    fmt::print("{} runs are left, about {} with {} at a time, from the {} that are finished.\n", left,
               duration_text(seconds / static_cast<double>(finished) * static_cast<double>(left) / jobs), jobs,
               finished);
  else if (minutes > 0)
    fmt::print("{} runs are left, about {:.3g} minutes on two cores, as the experiment says.\n", left, minutes);
  else
    fmt::print("{} runs are left.\n", left);
}

LocalOptions local_options(const SweepOptions& options) {
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  LocalOptions local;
  local.threads = options.threads;
  local.jobs = options.jobs > 0 ? options.jobs : std::max(1, cores / options.threads);
  local.timeout = options.timeout;
  return local;
}

}  // namespace

std::optional<ExperimentVerdict> sweep_one(const std::string& file, const SweepOptions& options, Context& context) {
  const config::ExperimentConfig written = config::load_experiment(file);
  const auto profile = options.profile == "full" ? config::Profile::full : config::Profile::quick;
  const std::optional<std::int64_t> seeds = options.seeds > 0 ? std::optional(options.seeds) : std::nullopt;
  const fs::path folder = fs::path(file).has_parent_path() ? fs::path(file).parent_path() : fs::path(".");
  const Plan plan = make_plan(config::effective(written, profile, options.overrides, seeds, folder));
  const fs::path directory = directory_of(options, plan.experiment);
  const LocalOptions local = local_options(options);
  std::vector<Standing> runs = standings(plan, directory, options.only);
  if (options.dry_run) {
    const double minutes = profile == config::Profile::full ? written.full.minutes : written.quick.minutes;
    print_plan(plan, runs, minutes, local.jobs);
    return std::nullopt;
  }

  const SweepLock lock(directory);
  runs = standings(plan, directory, options.only);  // what another sweep did until now
  prepare(plan, runs, directory);
  const std::vector<Task> tasks = remaining(runs, options.retry_failed);
  if (options.print_commands) {
    for (const Task& task : tasks) fmt::print("{}\n", command_of(task, local));
    return std::nullopt;
  }
  if (options.retry_failed)
    for (const Task& task : tasks) clear_failure(task.directory);

  const std::size_t before = runs.size() - tasks.size();
  if (!context.log.quiet)
    context.logger->info("{}: {} runs in {}, {} of them to do", plan.experiment.name, runs.size(), directory.string(),
                         tasks.size());
  LocalOptions bound_to_sweep = local;
  bound_to_sweep.kept_open = lock.held_by_runs();
  SlurmOptions slurm = options.slurm;
  slurm.threads = options.threads;
  Display display(context.logger, context.log, runs.size(), before, local.jobs);
  const SweepEnd end = options.executor == "slurm" ? run_slurm(tasks, directory, slurm, display, stops_asked)
                                                   : run_local(tasks, bound_to_sweep, display, stops_asked);
  if (end == SweepEnd::interrupted) {
    context.logger->warn("interrupted; the same command goes on where it stopped");
    context.exit_status = ExitStatus::interrupted;
    return std::nullopt;
  }
  if (end == SweepEnd::detached) {
    context.logger->info("the jobs go on alone; the same command takes up their results");
    return std::nullopt;
  }
  return judge_directory(directory);
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
    const bool claimed = one.verdict == Verdict::reproduced || one.verdict == Verdict::reported;
    if (!one.unfinished.empty() || (strict && !claimed)) context.exit_status = ExitStatus::failed;
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
      ->check(CLI::PositiveNumber);
  command.add_option("--out", options.out, "directory of the sweep (default: results/NAME, or results/quick/NAME)")
      ->type_name("DIR")
      ->check(not_empty());
  command.add_flag("--retry-failed", options.retry_failed, "run again what failed");
  command.add_flag("--strict", options.strict, "exit status 1 where a claim is not reproduced");
}

void add_slurm_options(CLI::App& command, SlurmOptions& slurm) {
  const char* const group = "Slurm (--executor slurm)";
  command.add_option("--slurm-partition", slurm.partition, "partition (default: the cluster's)")
      ->type_name("NAME")
      ->group(group);
  command.add_option("--slurm-time", slurm.time_limit, "time limit of each run, as sbatch takes it: 30, 1:00:00")
      ->type_name("TIME")
      ->group(group);
  command
      .add_option("--slurm-tasks", slurm.tasks_at_a_time, "runs at the same time, of each array (default: no limit)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->group(group);
  command.add_option("--slurm-option", slurm.extra, "another option of sbatch, one word: --slurm-option=--account=lab")
      ->type_name("OPTION")
      ->allow_extra_args(false)
      ->group(group);
  command.add_flag("!--no-wait", slurm.wait, "submit and leave; the same command later takes up the results")
      ->group(group);
  command.add_option("--slurm-poll", slurm.poll_seconds, "seconds between two looks at the queue (default: 10)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 3600.0))
      ->group(group);
}

void catch_sweep_signals() { catch_signals(); }
bool sweep_is_stopped() { return stops_asked > 0; }

namespace {

void sweep(const std::vector<std::string>& files, SweepOptions options, Context& context) {
  context.logger = make_logger(context.log);
  options.is_parent = files.size() > 1;
  catch_signals();
  std::vector<ExperimentVerdict> verdicts;
  for (const std::string& file : files) {
    if (auto verdict = sweep_one(file, options, context)) verdicts.push_back(std::move(*verdict));
    if (stops_asked > 0) return;
  }
  if (!verdicts.empty()) print_verdicts(verdicts, options.strict, context);
}

}  // namespace

void add_sweep(CLI::App& app, Context& context) {
  const auto options = std::make_shared<SweepOptions>();
  const auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("sweep", "run an experiment: all arms and seeds, then its verdict");
  command->add_option("EXPERIMENT", *files, "experiment files")->required();
  add_sweep_options(*command, *options);
  command->add_option("--seeds", options->seeds, "seeds 1 to N, in place of the experiment's")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command->add_option("--set", options->overrides, "change a value of every run: key.path=value")
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
  command->callback([files, options, &context] { sweep(*files, *options, context); });
}

}  // namespace bnlab::cli
