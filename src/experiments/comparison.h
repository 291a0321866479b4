#pragma once
// What differs between runs and points of sweeps, and how they ended, side by side.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_config.h"
#include "experiments/criteria.h"
#include "experiments/executor.h"

namespace bnlab::experiments {

/// A run, or a point of a sweep: a run for each seed.
struct ComparedRun {
  std::string directory;  // of the run or the sweep, as it was named
  std::string label;      // of the point; "" of a run
  config::RunConfig config;
  std::vector<std::uint64_t> seeds = {};
  std::vector<RunState> states = {};  // of each seed
  std::vector<std::int64_t> steps = {};
  std::vector<double> seconds = {};                        // of the runs that have begun
  std::map<std::string, std::vector<Value>> metrics = {};  // of the runs that have a value
  std::vector<std::string> errors = {};                    // of failed runs, and of what can't be measured
  std::vector<std::string> doubts = {};                    // that the files are those of the runs: "NAME: why"
  std::vector<std::string> data = {};                      // SHA-256 of the datasets that were read, each once
};

struct Comparison {
  std::vector<ComparedRun> runs;
  std::vector<std::string> metrics;  // in the order of the columns
};

/// Whether a directory holds a run, or a sweep.
bool is_run(const std::filesystem::path& directory);
bool is_sweep(const std::filesystem::path& directory);
/// What an error says of a directory that is no sweep's: where sweeps are one or two folders below it, the pattern that
/// names them, as "; there are sweeps in it: results/*/*"; else "".
std::string sweeps_below(const std::filesystem::path& directory);

/// Adds the run, or all points of the sweep, in a directory. The metrics are the final and the best accuracy and loss
/// of the test split; of a sweep whose run directories are gone the quantities in runs.csv. Writes nothing. Throws
/// ConfigError where the directory holds neither, or a config or an experiment that is wrong; DataError for damaged
/// files.
void add_directory(Comparison& comparison, const std::filesystem::path& directory);

/// A table of at most `width` columns (and at least 40): runs as rows and config keys as columns, the other way round
/// where that alone fits, else runs as rows in several tables. Below it what failed.
std::string text_table(const Comparison& comparison, std::size_t width);
/// One row for each run or point. Columns: directory, label, the keys that differ, seeds, runs, completed, diverged,
/// failed, steps, seconds, of each metric NAME and NAME_half_interval (95 %; empty for less than 2 values), and doubts.
std::string to_csv(const Comparison& comparison);
std::string markdown_table(const Comparison& comparison);

/// What speaks against the files of the runs, as the text and the Markdown end with it: one line for each, at most
/// eleven.
std::vector<std::string> doubts_of(const Comparison& comparison);

/// Whether a text begins as to_csv() or markdown_table() do.
bool is_comparison_csv(std::string_view text);
bool is_comparison_markdown(std::string_view text);

}  // namespace bnlab::experiments
