#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/csv_columns.h"
#include "config/run_config.h"
#include "data/dataset.h"
#include "training/checkpoint.h"
#include "training/run_files.h"
#include "training/trainer.h"

namespace bnlab::training {

/// What run.json says of a run that has ended.
struct RunSummary {
  RunStatus status = RunStatus::failed;  // until it has ended
  std::string error;                     // of a failed run
  std::string reason;                    // of one that diverged: what was not finite
  Progress progress;
  std::int64_t steps = 0;  // asked for
  std::int64_t parameters = 0;
  std::string precision;             // "f32" or "bf16"
  double seconds_to_first_step = 0;  // from the start of the program; 0 when there was none
  std::string start_time;
  std::string dataset;
  std::string dataset_sha256;
  std::uint64_t dataset_bytes = 0;
  std::int64_t train_examples = 0;
  std::string initialization_from;  // the path, where the weights came from a file
  std::vector<FileRecord> files;    // that the run wrote
};

/// The text of run.json: status, metrics, times, provenance.
std::string run_json(const RunSummary& summary, const RunOptions& options);

/// The last evaluation of a split, or of the training batch, as run.json has it. What is not finite is nan.
struct FinalMetric {
  std::optional<config::SplitName> split;  // nothing: the last batch of training
  config::Statistics statistics = config::Statistics::batch;
  std::int64_t step = 0;  // 0 for the batch
  double loss = 0;
  double accuracy = 0;
};

/// How an earlier run ended. What its run.json does not say is empty or 0.
struct RunEnd {
  std::optional<RunStatus> status;  // nothing: one that this version does not know
  std::int64_t last_step = 0;
  std::string error;       // of a failed run
  std::string reason;      // of one that diverged; "" of an earlier version
  std::int64_t steps = 0;  // asked for
  double seconds = 0;      // of training and evaluation, wall clock
  double steps_per_second = 0;
  int threads = 0;
  std::string dataset_sha256;
  std::string instruction_set;
  std::string git_revision;
  std::string onednn;
  std::string machine;  // its processor
  std::string build;    // "0.1.0, GNU 12.2.0, Release"; with "changed sources" where the revision is not all of it
  std::string initial_weights_sha256;  // of the file that initialization.from names
  std::vector<FileRecord> files;       // that the run wrote; none of an earlier version
  std::vector<FinalMetric> finals;
  bool is_changed = false;  // its run.json is not as the run wrote it
};

/// From the run.json that run_json() made; nothing where there is none. Throws DataError where it can't be read or
/// understood.
std::optional<RunEnd> read_end(const std::filesystem::path& file);

/// "" unless the run in `directory` was interrupted and has lost the checkpoint that it would continue from: then what
/// is wrong. Throws as read_end does.
std::string problem_of_interruption(const std::filesystem::path& directory);

/// The text of failure.json, which whoever started a run writes where its process ended without a run.json: why.
std::string failure_json(const std::string& error);

/// The reason in a failure.json; nothing where there is no such file.
std::optional<std::string> read_failure(const std::filesystem::path& file);

/// Throws RunError where a file of this name is there that failure_json() did not make: it must be neither removed nor
/// replaced. ReadError where it can't be read. An empty file is nobody's.
void refuse_foreign_failure(const std::filesystem::path& file);

/// One line for people: "completed 1000 steps in 3.2 s (410 steps/s); test accuracy 0.874 (best 0.876 at step 900)".
std::string summary_line(const RunSummary& summary);

}  // namespace bnlab::training
