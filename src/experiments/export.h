#pragma once
// One tidy table of a file of all runs of sweeps, for other programs.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/plan.h"

namespace bnlab::experiments {

class Export {
 public:
  /// Looks at all runs of the sweeps and at the headers of their `file` ("train.csv"). Throws ConfigError where a
  /// directory holds no sweep or is given twice, or where no run has such a file; DataError for damaged files.
  Export(const std::vector<std::filesystem::path>& directories, const std::string& file);

  /// Hands the table to `write`, piece by piece: a header and one row for each row of each run, in the order of the
  /// directories, the arms and points, the seeds, the rows. Columns: sweep (the experiment's name; the directory where
  /// two have one name), arm, all axes, seed, then those of the files (with the file's name before one that is called
  /// as any of these). No more than a row is held. Throws DataError for a damaged file.
  void write(const std::function<void(std::string_view)>& write) const;

  /// The runs without a result, which are left out: "SWEEP: RUN: failed: why".
  const std::vector<std::string>& without_result() const { return without_result_; }
  /// The runs in the table whose files are not those that they wrote: "SWEEP: RUN: why", at most eleven lines.
  std::vector<std::string> doubts() const;
  /// How many finished runs have no such file because their configs ask for none.
  std::size_t without_file() const { return without_file_; }
  std::size_t runs() const { return runs_.size(); }

 private:
  struct Run {
    std::vector<std::string> keys;  // sweep, arm, axes, seed
    std::filesystem::path file;
  };

  void add_sweep(const std::filesystem::path& directory, const std::string& name, const Plan& plan);
  void add_columns(const std::filesystem::path& file);

  std::string file_;
  std::vector<std::string> axes_;
  std::vector<Run> runs_;
  std::vector<std::string> columns_;  // of the files
  std::vector<std::string> files_;    // that some run has, for errors
  std::vector<std::string> without_result_;
  std::vector<std::string> doubts_;
  std::size_t without_file_ = 0;
};

/// Whether a text begins as such a table does.
bool is_export(std::string_view text);

}  // namespace bnlab::experiments
