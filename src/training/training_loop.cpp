#include "training/training_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "config/csv_columns.h"
#include "config/names.h"
#include "layers/dropout.h"
#include "training/initial_weights.h"
#include "training/schedule.h"
#include "util/errors.h"
#include "util/file.h"

namespace bnlab::training {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t warm_up_steps = 10;  // left out of steps per second

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

/// Adds what a resumed run uses to what it used before.
void append_change(std::string& so_far, const std::string& now) {
  const std::string then = ", then " + now;
  if (so_far != now && !so_far.ends_with(then)) so_far += then;
}

}  // namespace

TrainingLoop::TrainingLoop(PreparedRun& run, const RunOptions& options, RunDirectory& directory)
    : config_(run.config),
      options_(options),
      dataset_(run.dataset),
      directory_(directory),
      learner_(run.config, run.dataset, std::move(run.layers), options.threads),
      network_(learner_.network()),
      evaluator_(network_, run.dataset, learner_.scaler(), run.config) {
  progress_.instruction_set = network::onednn_isa();
  progress_.onednn = network::onednn_version();
}

void TrainingLoop::resume() {
  const std::filesystem::path file = directory_.file("checkpoint.npz");
  progress_ = load_checkpoint(file, network_, learner_.optimizer());
  check_progress(progress_, file, dataset_, options_, config_.training.steps);
  append_change(progress_.instruction_set, network::onednn_isa());
  append_change(progress_.onednn, network::onednn_version());
  directory_.continue_at(progress_.csv_bytes);
  resumed_ = true;
}

void TrainingLoop::start_from_another_run() {
  if (config_.initialization.from.empty()) return;
  std::filesystem::path file = initial_weights(config_.initialization.from, directory_.path());
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
    Sha256 sum;  // of the very bytes that are read: the file may be written anew meanwhile
    network_.set_weights(read_npz(file, Place::anywhere, [&](std::span<const std::uint8_t> bytes) {
      sum.update(bytes);
      progress_.initial_weights_bytes = bytes.size();
    }));
    progress_.initial_weights_sha256 = sum.hex();
  } catch (const DataError& error) {
    throw DataError(fmt::format("initialization.from: {}: {}", file.string(), error.what()));
  }
}

void TrainingLoop::open_files() {
  train_csv_ = &directory_.open_csv("train", {config::train_columns.begin(), config::train_columns.end()});
  std::vector<std::string> of_eval{config::eval_columns.begin(), config::eval_columns.end()};
  if (config_.evaluation.batch_sizes.empty()) std::erase(of_eval, config::batch_size_column);
  eval_csv_ = &directory_.open_csv("eval", of_eval);
  const probes::ProbeContext context{
      network_, dataset_, learner_.scaler(), config_,
      [this](const std::string& name, const std::vector<std::string>& columns) -> CsvWriter& {
        return directory_.open_csv(name, columns);
      }};
  for (const config::ProbeConfig& probe : config_.probes) probes_.push_back({probe.every, make_probe(probe, context)});
}

template <class Look>
void TrainingLoop::for_due_probes(std::int64_t step, const Look& look) {
  for (const ScheduledProbe& scheduled : probes_)
    if (is_due(step, scheduled.every) || step == 1) look(*scheduled.probe);
}

RunStatus TrainingLoop::run(RunDisplay& display, const std::atomic<bool>& stop) {
  const Clock::time_point start = Clock::now();
  const double seconds_before = progress_.seconds;
  const std::int64_t steps = config_.training.steps;
  if (!resumed_) begin(display);
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
    if (!after_step(step, outcome, display)) break;
  }
  progress_.seconds = seconds_before + seconds_since(start);
  // The last update may be the one that went too far, and what an interrupted run can't continue with has diverged.
  if (reason_.empty()) reason_ = problem_of_end(status);
  if (!reason_.empty() && progress_.step > 0) status = RunStatus::diverged;
  if (status == RunStatus::diverged && logged_step_ != progress_.step) log(progress_.step, last_outcome_);
  finish(status);
  return status;
}

bool TrainingLoop::after_step(std::int64_t step, const StepOutcome& outcome, RunDisplay& display) {
  const config::TrainingConfig& training = config_.training;
  if (reason_.empty()) reason_ = problem_of(step, outcome);
  if (step == 1 || step == training.steps || is_due(step, training.log_every)) log(step, outcome);
  display.step_done(step, training.steps, outcome.loss);
  if (!reason_.empty()) return false;
  for_due_probes(step, [step](probes::Probe& probe) { probe.step_done(step); });
  if (step == training.steps || is_due(step, training.eval_every)) evaluate(step, display);
  const bool saves = step < training.steps && is_due(step, training.checkpoint_every);
  if (saves && reason_.empty()) reason_ = problem_of_checkpoint(network_, learner_.optimizer());
  if (!reason_.empty()) return false;
  if (saves) save();
  return true;
}

bool TrainingLoop::ran_here_alone() const {
  return progress_.instruction_set == network::onednn_isa() && progress_.onednn == network::onednn_version();
}

void TrainingLoop::begin(RunDisplay& display) {
  if (config_.record.initial_weights) directory_.write("weights_initial.npz", npz_bytes(network_.weights()));
  if (config_.training.eval_every > 0) evaluate(0, display);
  if (!probes_.empty()) display.working("measuring probes before the first step");
  for_due_probes(0, [](probes::Probe& probe) { probe.step_done(0); });
}

TrainingLoop::StepOutcome TrainingLoop::train_step(std::int64_t step, bool timed) {
  Clock::time_point start = Clock::now();
  learner_.run(step);
  double seconds = seconds_since(start);
  StepOutcome outcome{.loss = learner_.loss(),
                      .accuracy = accuracy(learner_.correct(), learner_.images(), dataset_.info),
                      .learning_rate = learning_rate(config_.optimizer, step, config_.training.steps),
                      .norms = {}};
  if (step == 1 && config_.record.initial_weights)
    directory_.write("gradients_first.npz", npz_bytes(network_.gradients()));
  for_due_probes(step, [&](probes::Probe& probe) { probe.gradients_ready(step, outcome.learning_rate); });
  start = Clock::now();
  outcome.norms = learner_.update(outcome.learning_rate);
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

std::string TrainingLoop::problem_of(std::int64_t step, const StepOutcome& outcome) const {
  std::string problem;
  if (!std::isfinite(outcome.loss))
    problem = fmt::format("loss: {} at step {}", shown(outcome.loss), step);
  else if (!std::isfinite(outcome.norms.gradient))
    problem = fmt::format("gradient: its norm is {} at step {}", shown(outcome.norms.gradient), step);
  else
    return "";
  const std::string array = network_.problem_of_state();
  return array.empty() ? problem : fmt::format("{}; {}", problem, array);
}

std::string TrainingLoop::problem_of_end(RunStatus status) {
  const bool saves = status == RunStatus::interrupted || config_.training.checkpoint_every > 0;
  return saves ? problem_of_checkpoint(network_, learner_.optimizer()) : network_.problem_of_state();
}

double TrainingLoop::epoch(std::int64_t step) const {
  const std::int64_t batches = step * learner_.parts();
  return static_cast<double>(batches) / static_cast<double>(learner_.batches().batches_per_epoch());
}

void TrainingLoop::log(std::int64_t step, const StepOutcome& outcome) {
  train_csv_->add(step).add(epoch(step)).add(step * learner_.images()).add(outcome.learning_rate);
  train_csv_->add(outcome.loss).add(outcome.accuracy).add(outcome.norms.gradient).add(outcome.norms.weights);
  train_csv_->add(progress_.seconds).end_row();
  logged_step_ = step;
}

void TrainingLoop::evaluate(std::int64_t step, RunDisplay& display) {
  display.working(step == 0 ? "evaluating before the first step" : fmt::format("evaluating after step {}", step));
  for (EvaluationRow& row : evaluator_.evaluate(step)) {
    eval_csv_->add(step).add(epoch(step)).add(name_of(row.split)).add(name_of(row.statistics));
    eval_csv_->add(row.loss).add(row.accuracy);
    if (!config_.evaluation.batch_sizes.empty()) eval_csv_->add(row.batch_size);
    eval_csv_->end_row();
    progress_.evaluations.push_back(std::move(row));
  }
  if (reason_.empty()) reason_ = evaluator_.problem();
}

void TrainingLoop::save() {
  directory_.sync_csv();  // a checkpoint that outlives a power cut needs its rows
  progress_.csv_bytes = directory_.csv_bytes();
  progress_.dataset_sha256 = dataset_.sha256;
  progress_.threads = options_.threads;
  save_checkpoint(directory_.file("checkpoint.npz"), network_, learner_.optimizer(), progress_);
}

void TrainingLoop::finish(RunStatus status) {
  if (status == RunStatus::interrupted) return save();
  directory_.sync_csv();
  // What took the time comes first: another file may be too large for the disk.
  if (config_.record.final_weights) directory_.write("weights.npz", npz_bytes(network_.weights()));
  // A run that diverged has no next step: killed before it says so, it diverges again from an earlier checkpoint.
  if (config_.training.checkpoint_every > 0 && status != RunStatus::diverged) save();
  if (config_.record.batches) write_batches();
  if (config_.record.dropout_masks)
    directory_.write("dropout_masks.npz",
                     npz_bytes(layers::dropout_masks(network_.layers(), config_.training.seed,
                                                     progress_.step * learner_.parts(), config_.training.batch_size)));
}

// A batch depends on the config and its step alone, so it can be written at the end of a run that was interrupted and
// resumed.
void TrainingLoop::write_batches() {
  std::vector<std::int32_t> indices;
  indices.reserve(static_cast<std::size_t>(progress_.step * learner_.images()));
  for (std::int64_t batch = 0; batch < progress_.step * learner_.parts(); ++batch)
    for (const std::uint32_t index : learner_.batches().indices(batch))
      indices.push_back(static_cast<std::int32_t>(index));
  directory_.write("batches.npy", npy_bytes({{progress_.step, learner_.images()}, std::move(indices)}));
}

}  // namespace bnlab::training
