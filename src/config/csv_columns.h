#pragma once
// The CSV files that each run and each sweep writes, and their columns.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "config/kind.h"

namespace bnlab::config {

/// Columns of a sweep's runs.csv beside its axes and quantities. No quantity may have such a name.
enum class RunColumn {
  arm,
  seed,
  run,
  status,
  last_step,
  error,
  seconds,
  steps_per_second,
  instruction_set,
  onednn,
  git_revision,
  threads,
  dataset_sha256,
  machine,
  build,
  initial_weights_sha256,
  train_sha256,
  doubt,
  plan
};

struct RunColumnName {
  std::string_view name;
  RunColumn value;
  bool is_newer = false;  // a file of an earlier version may lack it
};

/// In the order of the file. The axes follow the first column, the quantities follow the fourth.
inline constexpr std::array run_columns{
    RunColumnName{"arm", RunColumn::arm},
    RunColumnName{"seed", RunColumn::seed},
    RunColumnName{"run", RunColumn::run},
    RunColumnName{"status", RunColumn::status},
    RunColumnName{"last_step", RunColumn::last_step},
    RunColumnName{"error", RunColumn::error},
    RunColumnName{"seconds", RunColumn::seconds},
    RunColumnName{"steps_per_second", RunColumn::steps_per_second},
    RunColumnName{"instruction_set", RunColumn::instruction_set},
    RunColumnName{"onednn", RunColumn::onednn},
    RunColumnName{"git_revision", RunColumn::git_revision},
    RunColumnName{"threads", RunColumn::threads},
    RunColumnName{"dataset_sha256", RunColumn::dataset_sha256},
    RunColumnName{"machine", RunColumn::machine, true},
    RunColumnName{"build", RunColumn::build, true},
    RunColumnName{"initial_weights_sha256", RunColumn::initial_weights_sha256, true},
    RunColumnName{"train_sha256", RunColumn::train_sha256, true},
    RunColumnName{"doubt", RunColumn::doubt, true},
    RunColumnName{"plan", RunColumn::plan, true}};
inline constexpr std::size_t columns_before_axes = 1;
inline constexpr std::size_t columns_before_quantities = 4;

/// Ends the name of the column that says whether a number of steps is a bound.
inline constexpr const char* bound_suffix = "_bound";
/// Ends the name of the column that has the low end of a number of steps, where rows leave it open. Files of an earlier
/// version may lack it.
inline constexpr const char* from_suffix = "_from";

/// The CSV files of a run, by what writes them.
enum class RunFile { train, eval, probe };
inline constexpr const char* train_file = "train.csv";
inline constexpr const char* eval_file = "eval.csv";

/// What writes the file of that name in a run.
constexpr RunFile run_file_of(std::string_view name) {
  return name == train_file ? RunFile::train : name == eval_file ? RunFile::eval : RunFile::probe;
}

/// Columns of the two files that each run writes.
inline constexpr std::array train_columns{"step",     "epoch",         "examples",    "learning_rate", "loss",
                                          "accuracy", "gradient_norm", "weight_norm", "seconds"};
inline constexpr const char* batch_size_column = "batch_size";  // only where evaluation.batch_sizes are given
inline constexpr std::array eval_columns{"step", "epoch", "split", "statistics", "loss", "accuracy", batch_size_column};

/// The columns that a file may have; none of a probe's, which only the probe knows.
constexpr std::span<const char* const> columns_of(RunFile file) {
  switch (file) {
    case RunFile::train:
      return train_columns;
    case RunFile::eval:
      return eval_columns;
    case RunFile::probe:
      break;
  }
  return {};
}

/// The splits that eval.csv has rows of, in its column `split`.
enum class SplitName { train, validation, test };
template <>
struct Names<SplitName> {
  static constexpr Named<SplitName> table[] = {
      {"train", SplitName::train}, {"validation", SplitName::validation}, {"test", SplitName::test}};
};
static_assert(has_all_rows(SplitName::test));

}  // namespace bnlab::config
