#pragma once
// One directory for each run: who may write into it, its CSV files, and what it says at the end.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/background_sha256.h"
#include "training/run_files.h"
#include "util/csv.h"
#include "util/posix.h"

namespace bnlab::training {

/// How a run treats a directory that holds something already.
enum class Existing {
  refuse,   // an error unless the directory holds nothing
  replace,  // allowed where a run's files are a run's; the caller clears it once the new run can begin
  resume    // continues an earlier run
};

/// Beside the files of a run, from whoever started its process: what the process said, and why it failed.
inline constexpr const char* stderr_file = "stderr.log";
inline constexpr const char* failure_file = "failure.json";

/// Whether there is no such directory, or nothing in it but these two and `log_file`: no run has begun here. Throws
/// ReadError where that can't be told.
bool holds_nothing(const std::filesystem::path& directory, const std::filesystem::path& log_file = {});

/// Whether `file` is one that a run in `directory` writes; neither has to exist.
bool is_file_of_a_run(const std::filesystem::path& directory, const std::filesystem::path& file);

/// Whether another process writes a run into the directory now. Throws RunError where that can't be told, of a
/// shortage ResourceError.
bool is_locked(const std::filesystem::path& directory);

/// The directory of a run, locked against a second writer while this object lives.
class RunDirectory {
 public:
  /// Makes the directory (and its parents). Throws ConfigError where it holds something besides `log_file` and
  /// `existing` says refuse, where that says replace and files with the names of a run's are no run's, where another
  /// process writes into it, or where it can't be made or written to; the text names it and says what to do. Throws
  /// ReadError where what it holds can't be told.
  RunDirectory(std::filesystem::path path, Existing existing, const std::filesystem::path& log_file = {});
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(const std::string& name) const { return path_ / name; }

  /// Removes what a run writes and failure.json, so that it can start anew; other files are left alone. Throws
  /// RunError, and removes nothing, where one of these names is a link or no regular file.
  void clear();
  /// CSV files opened from now on continue after these many bytes, by file name; a file without is an error.
  void continue_at(std::map<std::string, std::uint64_t> bytes) { continue_at_ = std::move(bytes); }
  /// Opens NAME.csv; the writer lives as long as the directory. Throws ConfigError when it is open already (two probes
  /// of one type), DataError when continue_at does not know it.
  CsvWriter& open_csv(const std::string& name, const std::vector<std::string>& columns);
  /// Writes another file of the run as write_file_atomically() does. A second thread adds up the SHA-256 of a large
  /// one, at most until records(). Throws RunError.
  void write(const std::string& name, std::string bytes);
  /// What the run wrote, apart from its run.json and checkpoint; a file that was removed since is left out. No row may
  /// follow; call once.
  std::vector<FileRecord> records();
  /// Makes the rows of the open CSV files last through a power cut. Throws RunError, also where a file was removed.
  void sync_csv();
  /// Bytes of each open CSV file, for a checkpoint.
  std::map<std::string, std::uint64_t> csv_bytes() const;

 private:
  std::filesystem::path path_;
  posix::Descriptor lock_;
  std::optional<std::map<std::string, std::uint64_t>> continue_at_;
  std::map<std::string, std::unique_ptr<CsvWriter>> csv_;
  std::map<std::string, data::BackgroundSha256> sums_;  // by name, of what write() wrote
};

}  // namespace bnlab::training
