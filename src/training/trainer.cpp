#include "training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>

#include "config/load.h"
#include "config/names.h"
#include "config/warnings.h"
#include "data/dataset.h"
#include "data/training_batches.h"
#include "layers/dropout.h"
#include "network/network.h"
#include "network/threads.h"
#include "probes/probe.h"
#include "training/checkpoint.h"
#include "training/evaluation.h"
#include "training/run_summary.h"
#include "training/schedule.h"
#include "training/training_step.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/provenance.h"

namespace bnlab::training {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t warm_up_steps = 10;              // left out of steps per second
constexpr std::int64_t largest_batch_record = 1 << 29;  // indices in batches.npy, 2 GiB
constexpr double largest_mask_record = 0x1p30;          // bytes of dropout_masks.npz

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string shown(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

bool is_due(std::int64_t step, std::int64_t every) { return every > 0 && step % every == 0; }

/// Throws where a checkpoint is not of this data, these threads or this number of steps.
void check_progress(const Progress& progress, const std::filesystem::path& file, const data::Dataset& dataset,
                    const RunOptions& options, std::int64_t steps) {
  if (progress.step < 0 || progress.step > steps)
    throw DataError(fmt::format("{}: progress.step must be from 0 to {}, got {}; --force starts the run anew",
                                file.string(), steps, progress.step));
  if (progress.dataset_sha256 != dataset.sha256)
    throw DataError(fmt::format("--resume: the data of {} are not those of the run so far: SHA-256 {}, now {}",
                                dataset.info.name, progress.dataset_sha256, dataset.sha256));
  if (progress.threads != options.threads)
    throw ConfigError(fmt::format("--threads: must be {} as in the run so far, or its end would differ, got {}",
                                  progress.threads, options.threads));
}

/// Adds what a run goes on with to what it ran with.
void go_on(std::string& so_far, const std::string& now) {
  const std::string then = ", then " + now;
  if (so_far != now && !so_far.ends_with(then)) so_far += then;
}

/// Fills in what depends on the data: a batch of all becomes a number, epochs become steps.
void resolve(config::RunConfig& config, const data::Dataset& dataset) {
  auto& training = config.training;
  const std::int64_t examples = dataset.train.size();
  data::resolve_batches(training, dataset);
  if (training.epochs) {
    const std::int64_t per_epoch = examples / training.batch_size;
    training.steps = std::max<std::int64_t>(1, std::llround(*training.epochs * static_cast<double>(per_epoch)));
    training.epochs.reset();
  }
  for (std::size_t i = 0; i < config.probes.size(); ++i)
    if (config.probes[i].examples > examples)
      throw ConfigError(fmt::format("probes.{}.examples: must be at most {}, the number of training images, got {}", i,
                                    examples, config.probes[i].examples));
  if (config.record.batches && training.steps > largest_batch_record / training.batch_size)
    throw ConfigError(fmt::format("record.batches: steps x batch_size must be at most {}, got {} x {}",
                                  largest_batch_record, training.steps, training.batch_size));
}

/// Throws where dropout_masks.npz would be larger than 1 GiB.
void check_dropout_masks(const config::RunConfig& config, const std::vector<network::LayerShape>& layers) {
  if (!config.record.dropout_masks) return;
  double bytes = 0;
  for (const network::LayerShape& layer : layers)
    if (layer.block == config::BlockKind::dropout)
      bytes += std::accumulate(layer.dst_shape.begin(), layer.dst_shape.end(), 4.0, std::multiplies<>());
  bytes *= static_cast<double>(config.training.steps) * static_cast<double>(config.training.batch_size);
  if (bytes > largest_mask_record)
    throw ConfigError(
        fmt::format("record.dropout_masks: the masks of {} steps must not be larger than 1 GiB, they are "
                    "{:.1f} GiB",
                    config.training.steps, bytes / largest_mask_record));
}

struct ScheduledProbe {
  std::int64_t every;
  std::unique_ptr<probes::Probe> probe;
};

class Trainer {
 public:
  Trainer(const config::RunConfig& config, const data::Dataset& dataset, const RunOptions& options,
          RunDirectory& directory)
      : config_(config),
        options_(options),
        dataset_(dataset),
        directory_(directory),
        step_(config, dataset, options.threads),
        network_(step_.network()),
        evaluator_(network_, dataset, step_.scaler(), config) {
    progress_.instruction_set = network::onednn_isa();
    progress_.onednn = network::onednn_version();
  }

  /// Takes up a checkpoint; call before open_files.
  void resume() {
    const std::filesystem::path file = directory_.file("checkpoint.npz");
    progress_ = load_checkpoint(file, network_, step_.optimizer());
    check_progress(progress_, file, dataset_, options_, config_.training.steps);
    go_on(progress_.instruction_set, network::onednn_isa());
    go_on(progress_.onednn, network::onednn_version());
    directory_.continue_at(progress_.csv_bytes);
    resumed_ = true;
  }

  /// Takes the weights of another run, where the config names one; call before open_files.
  void start_from_another_run() {
    if (config_.initialization.from.empty()) return;
    std::filesystem::path file = config_.initialization.from;
    std::error_code problem;
    if (std::filesystem::is_directory(file, problem)) file /= "weights.npz";
    if (!std::filesystem::is_regular_file(file, problem))
      throw ConfigError(
          fmt::format("initialization.from: must be a run's directory with its weights.npz, or such a file; {}: {}",
                      file.string(), problem ? problem.message() : "no regular file"));
    if (is_file_of_a_run(directory_.path(), std::filesystem::canonical(file, problem)))
      throw ConfigError(
          fmt::format("initialization.from: must not be a file that the run itself writes, got {}", file.string()));
    try {
      network_.set_weights(read_npz(file));
    } catch (const DataError& error) {
      throw DataError(fmt::format("initialization.from: {}: {}", file.string(), error.what()));
    }
    progress_.initial_weights_sha256 = sha256_of(file);
  }

  void open_files() {
    train_csv_ = &directory_.open_csv("train", {"step", "epoch", "examples", "learning_rate", "loss", "accuracy",
                                                "gradient_norm", "weight_norm", "seconds"});
    eval_csv_ = &directory_.open_csv("eval", {"step", "epoch", "split", "statistics", "loss", "accuracy"});
    const probes::ProbeContext context{
        network_, dataset_, step_.scaler(), config_,
        [this](const std::string& name, const std::vector<std::string>& columns) -> CsvWriter& {
          return directory_.open_csv(name, columns);
        }};
    for (const config::ProbeConfig& probe : config_.probes)
      probes_.push_back({probe.every, make_probe(probe, context)});
  }

  RunStatus run(RunDisplay& display, const std::atomic<bool>& stop) {
    const Clock::time_point start = Clock::now();
    const double seconds_before = progress_.seconds;
    const std::int64_t steps = config_.training.steps;
    if (!resumed_) begin();
    const std::int64_t first = progress_.step + 1;
    RunStatus status = RunStatus::completed;
    for (std::int64_t step = first; step <= steps; ++step) {
      if (stop) {
        status = RunStatus::interrupted;
        break;
      }
      const StepOutcome outcome = train_step(step, step - first >= std::min(warm_up_steps, steps / 2));
      if (step == first) seconds_to_first_step_ = seconds_since(options_.started);
      progress_.seconds = seconds_before + seconds_since(start);
      if (reason_.empty()) reason_ = problem_of(step, outcome);
      if (step == 1 || step == steps || is_due(step, config_.training.log_every)) log(step, outcome);
      display.step_done(step, steps, outcome.loss);
      if (!reason_.empty()) break;
      for_due_probes(step, [step](probes::Probe& probe) { probe.step_done(step); });
      if (step == steps || is_due(step, config_.training.eval_every)) evaluate(step);
      const bool saves = step < steps && is_due(step, config_.training.checkpoint_every);
      if (saves && reason_.empty()) reason_ = problem_of_checkpoint(network_, step_.optimizer());
      if (!reason_.empty()) break;
      if (saves) save();
    }
    progress_.seconds = seconds_before + seconds_since(start);
    // The last update may be the one that went too far, and what an interrupted run can't go on with has diverged.
    if (reason_.empty()) reason_ = problem_of_end(status);
    if (!reason_.empty() && progress_.step > 0) status = RunStatus::diverged;
    if (status == RunStatus::diverged && logged_step_ != progress_.step) log(progress_.step, last_outcome_);
    finish(status);
    return status;
  }

  const Progress& progress() const { return progress_; }
  std::int64_t parameter_count() const { return network_.parameter_count(); }
  double seconds_to_first_step() const { return seconds_to_first_step_; }
  /// Why the run diverged: what was not finite. "" where it did not.
  const std::string& reason() const { return reason_; }

 private:
  struct StepOutcome {
    double loss = 0;
    double accuracy = 0;
    double learning_rate = 0;
    StepNorms norms;
  };

  void begin() {
    if (config_.record.initial_weights) write_npz(directory_.file("weights_initial.npz"), network_.weights());
    if (config_.training.eval_every > 0) evaluate(0);
    for_due_probes(0, [](probes::Probe& probe) { probe.step_done(0); });
  }

  StepOutcome train_step(std::int64_t step, bool timed) {
    Clock::time_point start = Clock::now();
    step_.load(step);
    step_.run();
    double seconds = seconds_since(start);
    network::Executable& program = step_.program();
    StepOutcome outcome{.loss = program.loss(),
                        .accuracy = accuracy(program.correct(), program.batch_size(), dataset_.info),
                        .learning_rate = learning_rate(config_.optimizer, step, config_.training.steps),
                        .norms = {}};
    if (step == 1 && config_.record.initial_weights)
      write_npz(directory_.file("gradients_first.npz"), network_.gradients());
    for_due_probes(step, [&](probes::Probe& probe) { probe.gradients_ready(step, outcome.learning_rate); });
    start = Clock::now();
    outcome.norms = step_.update(outcome.learning_rate);
    seconds += seconds_since(start);
    progress_.step = step;
    progress_.last_loss = outcome.loss;
    progress_.last_accuracy = outcome.accuracy;
    last_outcome_ = outcome;
    if (timed) {
      progress_.training_seconds += seconds;
      ++progress_.timed_steps;
    }
    return outcome;
  }

  static std::string problem_of(std::int64_t step, const StepOutcome& outcome) {
    if (!std::isfinite(outcome.loss)) return fmt::format("loss: {} at step {}", shown(outcome.loss), step);
    if (!std::isfinite(outcome.norms.gradient))
      return fmt::format("gradient: its norm is {} at step {}", shown(outcome.norms.gradient), step);
    return "";
  }

  /// Of what a run that ends this way leaves in its files.
  std::string problem_of_end(RunStatus status) {
    const bool saves = status == RunStatus::interrupted || config_.training.checkpoint_every > 0;
    return saves ? problem_of_checkpoint(network_, step_.optimizer()) : network_.problem_of_state();
  }

  double epoch(std::int64_t step) const {
    return static_cast<double>(step) / static_cast<double>(step_.batches().steps_per_epoch());
  }

  void log(std::int64_t step, const StepOutcome& outcome) {
    train_csv_->add(step).add(epoch(step)).add(step * config_.training.batch_size).add(outcome.learning_rate);
    train_csv_->add(outcome.loss).add(outcome.accuracy).add(outcome.norms.gradient).add(outcome.norms.weights);
    train_csv_->add(progress_.seconds).end_row();
    logged_step_ = step;
  }

  void evaluate(std::int64_t step) {
    for (EvaluationRow& row : evaluator_.evaluate(step)) {
      eval_csv_->add(step)
          .add(epoch(step))
          .add(row.split)
          .add(row.statistics)
          .add(row.loss)
          .add(row.accuracy)
          .end_row();
      progress_.evaluations.push_back(std::move(row));
    }
    if (reason_.empty()) reason_ = evaluator_.problem();
  }

  template <class Look>
  void for_due_probes(std::int64_t step, const Look& look) {
    for (const ScheduledProbe& scheduled : probes_)
      if (is_due(step, scheduled.every) || step == 1) look(*scheduled.probe);
  }

  void save() {
    directory_.sync_csv();  // a checkpoint that outlives a power cut needs its rows
    progress_.csv_bytes = directory_.csv_bytes();
    progress_.dataset_sha256 = dataset_.sha256;
    progress_.threads = options_.threads;
    save_checkpoint(directory_.file("checkpoint.npz"), network_, step_.optimizer(), progress_);
  }

  void finish(RunStatus status) {
    if (status == RunStatus::interrupted) return save();
    directory_.sync_csv();
    // What took the time comes first: another file may be too large for the disk.
    if (config_.record.final_weights) write_npz(directory_.file("weights.npz"), network_.weights());
    // A run that diverged has no next step to go on with: killed before it says so, it diverges again from an earlier
    // one.
    if (config_.training.checkpoint_every > 0 && status != RunStatus::diverged) save();
    if (config_.record.batches) write_batches();
    if (config_.record.dropout_masks)
      write_npz(
          directory_.file("dropout_masks.npz"),
          layers::dropout_masks(network_.layers(), config_.training.seed, progress_.step, config_.training.batch_size));
  }

  // A batch depends on the config and its step alone, so it can be written at the end of a run that was interrupted and
  // resumed.
  void write_batches() {
    std::vector<std::int32_t> indices;
    indices.reserve(static_cast<std::size_t>(progress_.step * config_.training.batch_size));
    for (std::int64_t step = 0; step < progress_.step; ++step)
      for (const std::uint32_t index : step_.batches().indices(step))
        indices.push_back(static_cast<std::int32_t>(index));
    write_file_atomically(directory_.file("batches.npy"),
                          npy_bytes({{progress_.step, config_.training.batch_size}, std::move(indices)}));
  }

  const config::RunConfig& config_;
  const RunOptions& options_;
  const data::Dataset& dataset_;
  RunDirectory& directory_;
  TrainingStep step_;
  network::Network& network_;
  Evaluator evaluator_;
  std::vector<ScheduledProbe> probes_;
  CsvWriter* train_csv_ = nullptr;
  CsvWriter* eval_csv_ = nullptr;
  Progress progress_;
  bool resumed_ = false;  // what comes before the first step is in the files already
  double seconds_to_first_step_ = 0;
  std::string reason_;        // not empty: the run has diverged, and ends with the step at hand, or the first
  StepOutcome last_outcome_;  // of this attempt
  std::int64_t logged_step_ = 0;
};

/// Whether the directory holds a run of this very config. Throws ConfigError where it is of another.
bool holds_this_run(const RunDirectory& directory, const std::string& config_text,
                    const std::filesystem::path& log_file) {
  const auto file = directory.file("config.json");
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    if (!holds_nothing(directory.path(), log_file))
      throw ConfigError(
          fmt::format("--resume: {} is not empty, and holds no run: it has no config.json; nothing was changed",
                      directory.path().string()));
    return false;
  }
  const auto bytes = read_file(file, std::uint64_t{1} << 28);
  if (std::string(bytes.begin(), bytes.end()) != config_text)
    throw ConfigError(
        fmt::format("--resume: {} is of another config; resume with the same config and options, or replace "
                    "the run with --force",
                    file.string()));
  return true;
}

/// The result of a run that has ended by itself, from its run.json; nothing of it is left to resume.
std::optional<RunResult> ended_run(const RunDirectory& directory) {
  std::optional<RunEnd> end;
  try {
    end = read_end(directory.file("run.json"));
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}; --force starts the run anew", error.what()));
  }
  if (!end) return std::nullopt;
  for (const RunStatus status : {RunStatus::completed, RunStatus::diverged})
    if (end->status == name_of(status))
      return RunResult{
          status, end->last_step,
          fmt::format("is complete: {} after {} steps; nothing is left to resume", end->status, end->last_step)};
  return std::nullopt;
}

}  // namespace

std::string name_of(RunStatus status) {
  switch (status) {
    case RunStatus::completed:
      return "completed";
    case RunStatus::diverged:
      return "diverged";
    case RunStatus::interrupted:
      break;
  }
  return "interrupted";
}

RunResult run(config::RunConfig config, const RunOptions& options, RunDisplay& display, const std::atomic<bool>& stop) {
  network::set_threads(options.threads);
  network::check_precision(config.training);
  const auto layers = network::check(config, data::dataset_info(config.dataset));
  probes::check(config, layers);
  const data::Dataset dataset = data::load(config.dataset);
  resolve(config, dataset);
  check_dropout_masks(config, layers);

  RunDirectory directory(options.directory, options.existing, options.log_file);
  const std::string config_text = config::to_json(config);
  const bool resumes = options.existing == Existing::resume && holds_this_run(directory, config_text, options.log_file);
  if (resumes)
    if (const auto ended = ended_run(directory)) return *ended;
  if (resumes)
    if (const std::string problem = problem_of_interruption(directory.path()); !problem.empty())
      throw DataError(problem + "; --force starts it anew");  // which is for its user to say
  std::error_code ignored;
  const bool continues =
      resumes && std::filesystem::exists(std::filesystem::symlink_status(directory.file("checkpoint.npz"), ignored));
  // Whatever can fail before the first file changes comes first: an older run is not lost to an error.
  Trainer trainer(config, dataset, options, directory);
  if (continues)
    trainer.resume();
  else
    trainer.start_from_another_run();
  if (options.before_files) options.before_files();
  if (!continues) directory.clear();
  write_file_atomically(directory.file("config.json"), config_text);

  RunSummary summary;
  summary.status = "failed";
  summary.steps = config.training.steps;
  summary.start_time = utc_time();
  summary.dataset = dataset.info.name;
  summary.dataset_sha256 = dataset.sha256;
  summary.train_examples = dataset.train.size();
  summary.precision = config::name_of(config.training.precision);
  summary.parameters = trainer.parameter_count();
  const auto write_summary = [&] { write_file_atomically(directory.file("run.json"), run_json(summary, options)); };
  try {
    trainer.open_files();
    for (const std::string& warning : config::warnings(config)) display.message("warning: " + warning);
    if (continues) display.message(fmt::format("continuing after step {}", trainer.progress().step));
    if (const Progress& so_far = trainer.progress();
        so_far.instruction_set != network::onednn_isa() || so_far.onednn != network::onednn_version())
      display.message(fmt::format("this run was begun elsewhere, and its end may differ: oneDNN {}; {}", so_far.onednn,
                                  so_far.instruction_set));
    if (options.before_steps) options.before_steps();
    const RunStatus status = trainer.run(display, stop);
    summary.status = name_of(status);
    summary.reason = trainer.reason();
    summary.progress = trainer.progress();
    summary.seconds_to_first_step = trainer.seconds_to_first_step();
    write_summary();
    return {status, summary.progress.step, summary_line(summary)};
  } catch (const std::exception& error) {
    summary.error = error.what();
    summary.progress = trainer.progress();
    try {
      write_summary();
    } catch (const RunError&) {  // the reason is most likely the same, and the first error says more
    }
    throw;
  }
}

}  // namespace bnlab::training
