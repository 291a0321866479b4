#pragma once
// The steps of a run with what they measure and write: evaluations, probes, log rows, checkpoints.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "probes/probe.h"
#include "training/checkpoint.h"
#include "training/evaluation.h"
#include "training/learner.h"
#include "training/prepare.h"
#include "training/run_directory.h"
#include "training/trainer.h"

namespace bnlab::training {

class TrainingLoop {
 public:
  /// Builds the network of the run's layers, which it takes, and its programs; writes nothing. All arguments must
  /// outlive it.
  TrainingLoop(PreparedRun& run, const RunOptions& options, RunDirectory& directory);

  // One of these two before open_files().
  /// Continues from the checkpoint in the directory.
  void resume();
  /// Takes the weights of another run, where the config names one.
  void start_from_another_run();

  void open_files();
  RunStatus run(RunDisplay& display, const std::atomic<bool>& stop);

  const Progress& progress() const { return progress_; }
  /// Whether all steps so far ran on one instruction set and one version of oneDNN, those of this process.
  bool ran_here_alone() const;
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
  struct ScheduledProbe {
    std::int64_t every;
    std::unique_ptr<probes::Probe> probe;
  };

  void begin(RunDisplay& display);
  StepOutcome train_step(std::int64_t step, bool timed);
  /// Logs, probes, evaluates and saves, each where it is due. False: the run has diverged.
  bool after_step(std::int64_t step, const StepOutcome& outcome, RunDisplay& display);
  std::string problem_of(std::int64_t step, const StepOutcome& outcome) const;
  /// What is not finite in the files that a run leaves when it ends this way; "" where nothing is.
  std::string problem_of_end(RunStatus status);
  double epoch(std::int64_t step) const;
  void log(std::int64_t step, const StepOutcome& outcome);
  void evaluate(std::int64_t step, RunDisplay& display);
  template <class Look>
  void for_due_probes(std::int64_t step, const Look& look);
  void save();
  void finish(RunStatus status);
  void write_batches();

  const config::RunConfig& config_;
  const RunOptions& options_;
  const data::Dataset& dataset_;
  RunDirectory& directory_;
  Learner learner_;
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

}  // namespace bnlab::training
