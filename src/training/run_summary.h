#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "config/run_config.h"
#include "data/dataset.h"
#include "training/checkpoint.h"
#include "training/trainer.h"

namespace bnlab::training {

/// What run.json says of a run that has ended.
struct RunSummary {
  std::string status;
  std::string error;  // of a failed run
  Progress progress;
  std::int64_t steps = 0;  // asked for
  std::int64_t parameters = 0;
  std::string precision;             // "f32" or "bf16"
  double seconds_to_first_step = 0;  // from the start of the program; 0 when there was none
  std::string start_time;
  std::string dataset;
  std::string dataset_sha256;
  std::int64_t train_examples = 0;
  std::string initial_weights_sha256;  // of the file that initialization.from names; empty: none, or resumed
};

/// The text of run.json: status, metrics, times, provenance.
std::string run_json(const RunSummary& summary, const RunOptions& options);

/// How an earlier run ended.
struct RunEnd {
  std::string status;
  std::int64_t last_step = 0;
};

/// From the run.json that run_json() made; nothing where the file is missing or can't be understood.
std::optional<RunEnd> read_end(const std::filesystem::path& file);

/// One line for people: "completed 1000 steps in 3.2 s (410 steps/s); test accuracy 0.874 (best 0.876 at step 900)".
std::string summary_line(const RunSummary& summary);

}  // namespace bnlab::training
