#pragma once
// One run, from a checked config to a finished directory.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "config/kind.h"
#include "config/run_config.h"
#include "training/run_directory.h"

namespace bnlab::training {

struct RunOptions {
  std::filesystem::path directory;
  Existing existing = Existing::refuse;
  int threads = 1;
  std::string command_line;                                                          // for run.json
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();  // of the program
  std::filesystem::path log_file;      // of the caller; in the directory it counts as nothing. Empty: none
  std::function<void()> before_files;  // called when nothing refuses the run any more, before its first file changes
  std::function<void()> before_steps;  // called when all is built: from then on `stop` is looked at
};

/// What a user sees during a run.
class RunDisplay {
 public:
  virtual ~RunDisplay() = default;
  virtual void message(const std::string& text) = 0;
  /// What begins now and may take seconds: "evaluating before the first step".
  virtual void working(const std::string& what) = 0;
  /// Called after each step; has to be cheap.
  virtual void step_done(std::int64_t step, std::int64_t steps, double loss) = 0;
};

/// How a run ended, as run.json has it.
enum class RunStatus { completed, diverged, interrupted, failed };

}  // namespace bnlab::training

template <>
struct bnlab::config::Names<bnlab::training::RunStatus> {
  using Status = training::RunStatus;
  static constexpr Named<Status> table[] = {{"completed", Status::completed},
                                            {"diverged", Status::diverged},
                                            {"interrupted", Status::interrupted},
                                            {"failed", Status::failed}};
};

namespace bnlab::training {

static_assert(config::has_all_rows(RunStatus::failed));

struct RunResult {
  RunStatus status = RunStatus::completed;
  std::int64_t last_step = 0;
  std::string summary;  // one line for people
};

/// Trains and writes the files of a run (configs/README.md: "What a run writes"). `stop` may be set from a signal
/// handler: the run then writes a checkpoint after the step at hand and ends as interrupted. A process that ends before
/// RunOptions::before_steps is called leaves a directory that can be resumed or begun again. Sets the number of OpenMP
/// threads of the process. Throws ConfigError, DataError, RunError; a failure after the start leaves run.json with the
/// status "failed" where it can be written.
RunResult run(config::RunConfig config, const RunOptions& options, RunDisplay& display, const std::atomic<bool>& stop);

}  // namespace bnlab::training
