#include "util/result_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

namespace bnlab {

namespace fs = std::filesystem;

namespace {

constexpr const char* link_text = "is a symbolic link, which is not followed in a folder of results";
constexpr const char* other_text = "is not a regular file";

/// The status of what has this name, a link's own; nothing where there is none. Throws ReadError.
std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status {};
  int result;
  do result = lstat(path.c_str(), &status);
  while (result != 0 && errno == EINTR);
  if (result == 0) return status;
  if (errno != ENOENT && errno != ENOTDIR) throw_read_error(path, "look at", errno);
  return std::nullopt;
}

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::file;
  if (S_ISDIR(mode)) return FileKind::folder;
  return S_ISLNK(mode) ? FileKind::link : FileKind::other;
}

/// The file, open; not valid() where it is missing or can't be opened, with errno set. `problem` where it is something
/// else.
posix::Descriptor open_regular(const fs::path& path, int flags, std::string& problem) {
  // O_NONBLOCK: opening a pipe would wait for its other end.
  posix::Descriptor file = posix::open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  if (!file.valid()) {
    const int error = errno;
    if (error == ELOOP)
      problem = link_text;
    else if (error == ENXIO || error == EISDIR)  // a pipe that nobody reads, or a folder
      problem = other_text;
    errno = error;
    return file;
  }
  if (fstat(file.get(), &status) != 0) return {};
  if (!S_ISREG(status.st_mode)) problem = other_text;
  return file;
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN; }

void throw_read_error(const fs::path& path, std::string_view verb, int error) {
  const std::string text = posix::failure(path, verb, error);
  if (error == ENOENT || error == ENOTDIR) throw DataError(text);
  throw ReadError(text);
}

void throw_run_error(const fs::path& path, std::string_view verb, int error) {
  const std::string text = posix::failure(path, verb, error);
  if (is_shortage(error)) throw ResourceError(text);
  throw RunError(text);
}

FileKind kind_of(const fs::path& path) {
  const auto status = status_of(path);
  return status ? kind_of(status->st_mode) : FileKind::missing;
}

bool is_there(const fs::path& path) { return kind_of(path) != FileKind::missing; }

std::vector<std::string> names_in(const fs::path& folder) {
  const posix::Descriptor file = posix::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!file.valid()) {
    const int error = errno;
    if (error == ENOENT) return {};
    // ENOTDIR is a link, too.
    refuse_other_than_folder(folder);
    throw ReadError(posix::failure(folder, "read", error));
  }
  // fdopendir() takes the descriptor over.
  const int copy = fcntl(file.get(), F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, CloseFolder> entries(copy < 0 ? nullptr : fdopendir(copy));
  if (!entries) throw ReadError(posix::failure(folder, "read", errno));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(entries.get());
    if (entry == nullptr && errno != 0) throw ReadError(posix::failure(folder, "read", errno));
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void refuse_other_than_folder(const fs::path& folder) {
  switch (kind_of(folder)) {
    case FileKind::missing:
    case FileKind::folder:
      return;
    case FileKind::link:
      throw ReadError(fmt::format("{}: {}", folder.string(), link_text));
    case FileKind::file:
    case FileKind::other:
      throw ReadError(fmt::format("{}: is not a folder", folder.string()));
  }
}

posix::Descriptor open_result(const fs::path& path) {
  std::string problem;
  posix::Descriptor file = open_regular(path, O_RDONLY, problem);
  if (!problem.empty()) throw ReadError(fmt::format("{}: {}", path.string(), problem));
  if (!file.valid()) throw_read_error(path, "open", errno);
  return file;
}

posix::Descriptor open_result_to_write(const fs::path& path, int flags, std::string_view verb) {
  // What is no regular file must not be cut before that is known.
  std::string problem;
  posix::Descriptor file = open_regular(path, flags & ~O_TRUNC, problem);
  if (!problem.empty()) throw RunError(fmt::format("{}: {}; nothing is written to it", path.string(), problem));
  if (!file.valid() || ((flags & O_TRUNC) != 0 && ftruncate(file.get(), 0) != 0)) throw_run_error(path, verb, errno);
  return file;
}

}  // namespace bnlab
