#include "training/trainer.h"

#include <fmt/format.h>

#include <optional>

#include "config/load.h"
#include "config/names.h"
#include "config/warnings.h"
#include "data/warnings.h"
#include "network/network.h"
#include "training/prepare.h"
#include "training/run_summary.h"
#include "training/training_loop.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/provenance.h"
#include "util/result_file.h"

namespace bnlab::training {
namespace {

/// Whether the directory holds a run of this very config. Throws ConfigError where it is of another.
bool holds_this_run(const RunDirectory& directory, const std::string& config_text,
                    const std::filesystem::path& log_file) {
  const auto file = directory.file("config.json");
  if (!is_there(file)) {
    if (!holds_nothing(directory.path(), log_file))
      throw ConfigError(
          fmt::format("--resume: {} is not empty, and holds no run: it has no config.json; nothing was changed",
                      directory.path().string()));
    return false;
  }
  const auto bytes = read_file(file, std::uint64_t{1} << 28, Place::results);
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
  } catch (const ReadError&) {
    throw;
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}; --force starts the run anew", error.what()));
  }
  if (!end || !end->status) return std::nullopt;
  switch (*end->status) {
    case RunStatus::completed:
    case RunStatus::diverged:
      return RunResult{
          *end->status, end->last_step,
          fmt::format("already {} after {} steps; nothing to resume", config::name_of(*end->status), end->last_step)};
    case RunStatus::interrupted:
    case RunStatus::failed:
      break;
  }
  return std::nullopt;
}

/// What an earlier run in the directory leaves to do.
struct EarlierRun {
  std::optional<RunResult> result;  // nothing: it has ended by itself
  bool has_checkpoint = false;      // to continue from; else the run begins anew
};

/// Throws where --resume is asked for and the run in the directory is another, damaged, or can't be continued.
EarlierRun find_earlier_run(const RunDirectory& directory, const std::string& config_text, const RunOptions& options) {
  if (options.existing != Existing::resume || !holds_this_run(directory, config_text, options.log_file)) return {};
  if (auto result = ended_run(directory)) return {std::move(result)};
  if (const std::string problem = problem_of_interruption(directory.path()); !problem.empty())
    throw DataError(problem + "; --force starts it anew");  // which is for its user to say
  return {std::nullopt, is_there(directory.file("checkpoint.npz"))};
}

/// Takes the directory for this run. Whatever can fail before the first file changes comes first: an older run is not
/// lost to an error.
void open_or_resume(TrainingLoop& loop, RunDirectory& directory, const EarlierRun& earlier,
                    const std::string& config_text, const RunOptions& options) {
  if (earlier.has_checkpoint)
    loop.resume();
  else
    loop.start_from_another_run();
  if (options.before_files) options.before_files();
  if (!earlier.has_checkpoint) directory.clear();
  directory.write("config.json", config_text);
}

void show_beginning(const config::RunConfig& config, const TrainingLoop& loop, bool continues, RunDisplay& display) {
  for (const std::string& warning : data::warnings(config.dataset)) display.message("warning: " + warning);
  for (const std::string& warning : config::warnings(config)) display.message("warning: " + warning);
  const Progress& so_far = loop.progress();
  if (continues) display.message(fmt::format("continuing after step {}", so_far.step));
  if (!loop.ran_here_alone())
    display.message(fmt::format("this run was begun elsewhere, and its end may differ: oneDNN {}; {}", so_far.onednn,
                                so_far.instruction_set));
}

/// run.json of a run that begins now.
class Report {
 public:
  Report(const PreparedRun& run, const RunOptions& options, const TrainingLoop& loop, RunDirectory& directory)
      : options_(options), loop_(loop), directory_(directory) {
    summary_.steps = run.config.training.steps;
    summary_.start_time = utc_time();
    summary_.dataset = run.dataset.info.name;
    summary_.dataset_sha256 = run.dataset.sha256;
    summary_.dataset_bytes = run.dataset.bytes;
    summary_.train_examples = run.dataset.train.size();
    summary_.initialization_from = run.config.initialization.from;
    summary_.precision = config::name_of(run.config.training.precision);
    summary_.parameters = loop.parameter_count();
  }

  RunResult ended(RunStatus status) {
    summary_.status = status;
    summary_.reason = loop_.reason();
    summary_.seconds_to_first_step = loop_.seconds_to_first_step();
    if (status != RunStatus::interrupted) summary_.files = directory_.records();
    write();
    return {status, summary_.progress.step, summary_line(summary_)};
  }

  void failed(const std::exception& error) {
    summary_.error = error.what();
    try {
      write();
    } catch (const RunError&) {  // the reason is most likely the same, and the first error says more
    }
  }

 private:
  void write() {
    summary_.progress = loop_.progress();
    write_file_atomically(directory_.file("run.json"), run_json(summary_, options_));
  }

  const RunOptions& options_;
  const TrainingLoop& loop_;
  RunDirectory& directory_;
  RunSummary summary_;
};

}  // namespace

RunResult run(config::RunConfig config, const RunOptions& options, RunDisplay& display, const std::atomic<bool>& stop) {
  display.working(fmt::format("reading {}", config.dataset.name));
  PreparedRun run = prepare(std::move(config), options.threads);
  const std::string config_text = config::to_json(run.config);

  RunDirectory directory(options.directory, options.existing, options.log_file);
  const EarlierRun earlier = find_earlier_run(directory, config_text, options);
  if (earlier.result) return *earlier.result;
  display.working("building the network");
  TrainingLoop loop(run, options, directory);
  open_or_resume(loop, directory, earlier, config_text, options);

  Report report(run, options, loop, directory);
  try {
    loop.open_files();
    show_beginning(run.config, loop, earlier.has_checkpoint, display);
    if (options.before_steps) options.before_steps();
    return report.ended(loop.run(display, stop));
  } catch (const std::exception& error) {
    report.failed(error);
    throw;
  }
}

}  // namespace bnlab::training
