#pragma once
// The interface of what executes the runs of a sweep. Run directories are the only state.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/kind.h"
#include "config/run_config.h"
#include "training/run_summary.h"
#include "util/process.h"

namespace bnlab::experiments {

/// One run: `bnlab train CONFIG --out DIRECTORY --resume --threads N`.
struct Task {
  std::string name;                    // of the directory: HASH_arm_seed1
  std::filesystem::path config;        // a resolved config
  std::filesystem::path directory;     // of the run
  std::int64_t steps = 0;              // that the config asks for; 0: not known before the data is read
  config::DatasetConfig dataset = {};  // what it learns; runs of one dataset share it
  std::filesystem::path parent = {};   // directory of the run whose weights it starts from; empty: none
};

/// How far the run of a directory has come.
enum class RunState { missing, unfinished, completed, diverged, failed };

}  // namespace bnlab::experiments

template <>
struct bnlab::config::Names<bnlab::experiments::RunState> {
  using State = experiments::RunState;
  static constexpr Named<State> table[] = {{"missing", State::missing},
                                           {"unfinished", State::unfinished},
                                           {"completed", State::completed},
                                           {"diverged", State::diverged},
                                           {"failed", State::failed}};
};

namespace bnlab::experiments {

static_assert(config::has_all_rows(RunState::failed));

inline std::string name_of(RunState state) { return config::name_of(state); }
bool is_finished(RunState state);  // completed or diverged

/// What a directory says about its run: run.json, and failure.json where the process ended without writing run.json.
struct RunReport {
  RunState state = RunState::missing;
  std::string error;  // of a failed run, one line; of an unfinished one, why an executor gave it up
  std::int64_t last_step = 0;
  std::int64_t steps = 0;  // asked for
  double seconds = 0;      // of training and evaluation
  double steps_per_second = 0;
  int threads = 0;  // 0: not known
  std::string dataset_sha256;
  std::string instruction_set;
  std::string git_revision;
  std::string onednn;
  std::string machine;  // as training::RunEnd has them
  std::string build;
  std::string initial_weights_sha256;
  std::vector<training::FileRecord> files;
  std::vector<training::FinalMetric> finals;
  std::string reason;       // of a run that diverged, as training::RunEnd has it
  bool is_changed = false;  // as training::RunEnd has it
  bool is_damaged = false;  // failed because of what became of its files since it ended
};
/// Throws ReadError where the system can't tell: what can't be read is neither missing nor damaged.
RunReport read_report(const std::filesystem::path& directory);
/// The same for the run that a config asks for. A run that has ended has failed where its config.json is of another
/// config, and is damaged where that is missing or can't be understood, or where its train.csv or (of one that
/// completed) its eval.csv does not go to its last step; one that was interrupted is damaged where its checkpoint is
/// gone.
RunReport read_report(const std::filesystem::path& directory, const config::RunConfig& config);

/// Receives the progress of an executor. Calls come from one thread.
class SweepDisplay {
 public:
  virtual ~SweepDisplay() = default;
  virtual void started(const Task& task) = 0;
  virtual void progress(const Task& task, std::int64_t step, double loss) = 0;
  virtual void ended(const Task& task, const RunReport& report) = 0;
  virtual void message(const std::string& text) = 0;
  /// Called several times a second, so that clocks are updated.
  virtual void tick() {}
};

enum class SweepEnd {
  done,         // each task ended, with a result or without
  interrupted,  // stopped before that; a later call continues
  detached      // the jobs continue without this process
};

/// Lets a later call continue a failed run, from its checkpoint where it has one: removes failure.json, and run.json
/// where its status is "failed". Does not change other runs. Throws RunError, and ReadError where it can't tell.
void clear_failure(const std::filesystem::path& directory);

// ---- what executors share ----

/// Throws RunError, with the reason, where the run whose weights the task starts from has not completed; ReadError
/// where it can't tell.
void require_parent(const Task& task);

/// The arguments of a task's process, the name of the program first.
std::vector<std::string> arguments_of(const Task& task, const std::filesystem::path& program, int threads);

/// Writes failure.json and gives the report of the failed run. Where the file can't be written, the report says so too.
RunReport record_failure(const std::filesystem::path& directory, const std::string& error);

/// Why a process that left no result ended: "config error: ...", "ended by signal 11 (Segmentation fault)"; with the
/// last lines of what it wrote into stderr.log after its first `offset` bytes.
std::string failure_text(const ProcessEnd& end, const std::filesystem::path& directory, std::uint64_t offset);

/// The bytes of stderr.log; 0 where there is no such regular file.
std::uint64_t size_of_log(const std::filesystem::path& file);

/// The last row of a run's train.csv.
struct LoggedStep {
  std::int64_t step = 0;
  double loss = 0;
};
/// Reads the header and the last bytes only. Nothing where the file has no whole row.
std::optional<LoggedStep> last_logged_step(const std::filesystem::path& directory);

}  // namespace bnlab::experiments
