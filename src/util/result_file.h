#pragma once
// Names in a folder of results, which may come from elsewhere: no link is followed, nothing but a regular file is
// opened, and what the system can't tell is an error, never "missing" or "damaged".

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "util/errors.h"
#include "util/posix.h"

namespace bnlab {

/// A file or folder that could not be opened, read or looked at: nothing is known of what it holds (exit status 3).
struct ReadError : DataError {
  using DataError::DataError;
};

/// The system has no file, process or memory left for now (exit status 1).
struct ResourceError : RunError {
  using RunError::RunError;
};

/// Whether an errno value says that the system has none left: files, processes, memory.
bool is_shortage(int error);

/// Throws what "PATH: cannot VERB: REASON" is: DataError where the file is missing, else ReadError.
[[noreturn]] void throw_read_error(const std::filesystem::path& path, std::string_view verb, int error);
/// The same for what changes files or starts processes: ResourceError for a shortage, else RunError.
[[noreturn]] void throw_run_error(const std::filesystem::path& path, std::string_view verb, int error);

enum class FileKind { missing, file, folder, link, other };
/// What has this name; a link is not followed. Throws ReadError where the system can't tell.
FileKind kind_of(const std::filesystem::path& path);
/// Whether anything has this name. Throws as kind_of does.
bool is_there(const std::filesystem::path& path);

/// The names in a folder, sorted; none where there is no such folder. A link to a folder is not followed. Throws
/// ReadError.
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// Throws ReadError where `folder` is a link, or neither missing nor a folder.
void refuse_other_than_folder(const std::filesystem::path& folder);

/// Opens a file of results for reading. Throws DataError where there is none, ReadError for a link, for what is no
/// regular file, and where it can't be opened.
posix::Descriptor open_result(const std::filesystem::path& path);
/// Opens a file of results with these flags of open(2), for writing. Throws RunError for a link, for what is no regular
/// file, and where it can't be opened; ResourceError for a shortage.
posix::Descriptor open_result_to_write(const std::filesystem::path& path, int flags, std::string_view verb = "write");

}  // namespace bnlab
