#pragma once
// What a run wrote, as its run.json has it, and whether the files are still those.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bnlab::training {

/// One file at the end of the run that wrote it.
struct FileRecord {
  std::string name;  // in the run's directory
  std::uint64_t bytes = 0;
  std::int64_t modified = 0;  // nanoseconds since 1970
  std::string sha256;         // hexadecimal
};

/// Which files are hashed again: those whose size is as recorded and whose time is another, or all.
enum class Check { changed, all };

/// The record of a file now; `sha256`: of its bytes where it is known, or "". Throws DataError where it can't be read.
FileRecord record_of(const std::filesystem::path& directory, const std::string& name, std::string sha256 = "");

/// What differs from the records of a run, one line for each file: "eval.csv was changed after the run: 120 bytes, the
/// run wrote 131". No link is followed. A missing file is told where it is a table: weights are deleted to save space.
/// For verdicts, comparisons and whatever else reads the files of finished runs.
std::vector<std::string> problems_of_files(const std::filesystem::path& directory,
                                           const std::vector<FileRecord>& records, Check check);

}  // namespace bnlab::training
