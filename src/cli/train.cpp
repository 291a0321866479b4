#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>

#include "cli/command.h"
#include "cli/status_line.h"
#include "training/step_profile.h"
#include "training/trainer.h"
#include "util/errors.h"
#include "util/text_table.h"

namespace bnlab::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A signal handler can reach nothing but globals.
std::atomic<bool> stop_asked{false};
std::atomic<bool> stop_is_looked_at{false};
extern "C" void ask_to_stop(int) {
  if (!stop_is_looked_at) _exit(ExitStatus::interrupted);  // a network can take minutes to build
  stop_asked = true;
}

/// What a run does before its first step, then a bar with rate, loss and time left: on a terminal ten times a second in
/// one line; elsewhere, with --verbose, one log line every ten seconds.
class Display : public training::RunDisplay {
 public:
  Display(std::shared_ptr<spdlog::logger> logger, const LogOptions& options)
      : logger_(std::move(logger)), line_(options.quiet), interval_(line_.is_terminal() ? 0.1 : 10.0) {}

  void message(const std::string& text) override {
    clear();
    logger_->info(text);
  }

  void working(const std::string& what) override {
    if (line_.is_terminal())
      line_.show(progress_ + what);
    else if (first_step_ == 0)
      logger_->debug(what);
  }

  void step_done(std::int64_t step, std::int64_t steps, double loss) override {
    if (first_step_ == 0) {
      first_step_ = step;
      first_time_ = last_time_ = Clock::now();
      return;
    }
    const Clock::time_point now = Clock::now();
    if (std::chrono::duration<double>(now - last_time_).count() < interval_) return;
    last_time_ = now;
    const double seconds = std::chrono::duration<double>(now - first_time_).count();
    const double rate = static_cast<double>(step - first_step_) / seconds;
    const std::string text = fmt::format("step {}/{}  {:.0f} steps/s  loss {:.4f}  {} left", step, steps, rate, loss,
                                         duration_text(static_cast<double>(steps - step) / rate));
    if (line_.is_terminal()) {
      constexpr std::int64_t width = 24;
      const auto filled = static_cast<std::size_t>(width * step / steps);
      progress_ = fmt::format("[{}{}] ", std::string(filled, '#'), std::string(width - filled, '.'));
      line_.show(progress_ + text);
    } else {
      logger_->debug(text);
    }
  }

  void clear() { line_.clear(); }

 private:
  std::shared_ptr<spdlog::logger> logger_;
  StatusLine line_;
  double interval_;
  std::string progress_;  // the bar
  std::int64_t first_step_ = 0;
  Clock::time_point first_time_;
  Clock::time_point last_time_;
};

struct TrainOptions {
  ConfigOptions config;
  std::string out;
  bool resume = false;
  bool force = false;
  std::int64_t profile_steps = 0;
};

std::filesystem::path out_directory(const TrainOptions& options, const config::RunConfig& config) {
  if (!options.out.empty()) return options.out;
  const std::string stem = std::filesystem::path(options.config.file).stem().string();
  return std::filesystem::path("results") / fmt::format("{}-seed{}", stem, config.training.seed);
}

void train(const TrainOptions& options, Context& context) {
  start_log(context, {options.config.path()});
  const auto logger = context.logger;
  std::vector<std::string> warnings;
  const config::RunConfig config = options.config.load(&warnings);
  training::RunOptions run;
  run.directory = out_directory(options, config);
  if (training::is_file_of_a_run(run.directory, context.log.file)) {
    context.logger.reset();  // or it would log the error there
    throw ConfigError(fmt::format("--log-file: {}: must not be a file that the run writes", context.log.file.string()));
  }
  run.existing = options.resume  ? training::Existing::resume
                 : options.force ? training::Existing::replace
                                 : training::Existing::refuse;
  run.threads = options.config.threads;
  run.command_line = context.command_line;
  run.started = context.started;
  run.log_file = context.log.file;
  run.before_files = [&] { write_log_file(*logger); };
  run.before_steps = [] { stop_is_looked_at = true; };
  catch_signals(ask_to_stop, static_cast<int>(SA_RESETHAND));  // a second Ctrl-C ends the program at once
  Display display(logger, context.log);
  for (const std::string& warning : warnings) display.message("warning: " + warning);
  const training::RunResult result = training::run(config, run, display, stop_asked);
  display.clear();
  logger->debug("{}: {}", run.directory.string(), result.summary);
  if (!context.log.quiet) say("{}: {}\n", run.directory.string(), result.summary);
  if (result.status == training::RunStatus::interrupted) {
    logger->warn("interrupted; continue with --resume --out {}", run.directory.string());
    context.exit_status = ExitStatus::interrupted;
  } else {
    suggest_plot(run.directory, context);
  }
}

/// Prints where the time of a step goes; nothing is written.
void profile(const TrainOptions& options, Context& context) {
  start_log(context, {options.config.path()});
  const training::StepProfile profile =
      training::profile_steps(options.config.load(), options.config.threads, options.profile_steps);
  const auto share = [&](double seconds) { return fmt::format("{:.1f} %", 100 * seconds / profile.step); };
  const auto microseconds = [](double seconds) { return fmt::format("{:.1f}", 1e6 * seconds); };
  std::vector<std::vector<std::string>> rows{
      {"layer", "operation", "implementation", "us", "of the step", "GFLOP/s", "of the peak"}};
  for (const auto& [call, seconds] : profile.calls) {
    rows.push_back({call.layer, call.operation, call.implementation, microseconds(seconds), share(seconds), "", ""});
    if (call.flop <= 0) continue;
    rows.back()[5] = fmt::format("{:.1f}", 1e-9 * call.flop / seconds);
    if (profile.peak_flops > 0)
      rows.back()[6] = fmt::format("{:.0f} %", 100 * call.flop / seconds / profile.peak_flops);
  }
  const double in_calls = profile.in_calls();
  const auto total = [&](const char* what, double seconds) {
    rows.push_back({what, "", "", microseconds(seconds), share(seconds)});
  };
  total("in these calls", in_calls);
  total("batch", profile.batch);
  total("update", profile.update);
  total("rest", profile.step - in_calls - profile.batch - profile.update);
  total("step", profile.step);
  say("{}", table(rows, 3));
  say("Medians of {} steps on {}. ", options.profile_steps,
      options.config.threads == 1 ? "1 thread" : fmt::format("{} threads", options.config.threads));
  if (profile.peak_flops > 0)
    say("Peak: {:.0f} GFLOP/s, measured with multiply-adds only.\n", 1e-9 * profile.peak_flops);
  else
    say("Peak: unknown, this processor has no bf16 instructions.\n");
}

}  // namespace

void add_train(Command program, Context& context) {
  const auto options = std::make_shared<TrainOptions>();
  Command command = program.add_command("train", "train one network and write its metrics to a directory");
  options->config.add_to(command);
  command.add_option("--out", options->out, "directory of the run (default: results/CONFIG-seedN)")
      .type_name("DIR")
      .home_path()
      .not_empty();
  command.add_flag("--resume", options->resume, "continue an interrupted run in --out");
  command.add_flag("--force", options->force, "replace an existing run in --out").excludes("--resume");
  command
      .add_option("--profile-steps", options->profile_steps,
                  "only time N steps, and print the time of each oneDNN and bnlab call")
      .type_name("N")
      .between(1, 1000000)
      .excludes("--out")
      .excludes("--resume")
      .excludes("--force");
  command.footer(
      "Examples:\n"
      "  bnlab train configs/first_experiment.json --out results/first\n"
      "  bnlab train configs/first_experiment.json --set normalization.type=none --out results/first_none\n"
      "  bnlab train configs/first_experiment.json --set optimizer.learning_rate=3 --seed 2 --threads 2\n"
      "  bnlab train configs/figure1_batch_normalization.json --out results/bn --resume\n"
      "  bnlab train configs/v6_batch_normalization.json --profile-steps 30\n"
      "\n"
      "A diverged run is a result: the exit status is 0, and run.json has the status \"diverged\".\n"
      "Exit status: 0 done, 1 failed, 2 usage or config error, 3 data missing or damaged, 130 interrupted.");
  command.callback(
      [options, &context] { options->profile_steps > 0 ? profile(*options, context) : train(*options, context); });
}

}  // namespace bnlab::cli
