#include "training/run_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <span>
#include <utility>

#include "util/errors.h"
#include "util/file.h"
#include "util/posix.h"

namespace bnlab::training {
namespace {

namespace fs = std::filesystem;

std::int64_t modified(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

/// In pieces, so that a large file needs no memory. Throws DataError.
std::string hash_of_file(const fs::path& path) {
  const posix::Descriptor file = posix::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.valid()) throw DataError(posix::failure(path, "read", errno));
  Sha256 sum;
  std::vector<std::uint8_t> buffer(std::size_t{1} << 18);
  for (;;) {
    const ssize_t got = posix::read(file, buffer.data(), buffer.size());
    if (got < 0) throw DataError(posix::failure(path, "read", errno));
    if (got == 0) return sum.hex();
    sum.update(std::span(buffer).first(static_cast<std::size_t>(got)));
  }
}

/// "" where the file is as its record says.
std::string problem_of(const fs::path& directory, const FileRecord& record, Check check) {
  const fs::path path = directory / record.name;
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return posix::failure(record.name, "read", errno);
    return path.extension() == ".csv" ? record.name + " is gone" : "";
  }
  if (!S_ISREG(status.st_mode)) return record.name + " is not a regular file";
  if (const auto bytes = static_cast<std::uint64_t>(status.st_size); bytes != record.bytes)
    return fmt::format("{} was changed after the run: {} bytes, the run wrote {}", record.name, bytes, record.bytes);
  if (check == Check::changed && modified(status) == record.modified) return "";
  try {
    if (hash_of_file(path) == record.sha256) return "";
  } catch (const DataError& error) {
    return error.what();
  }
  return fmt::format("{} was changed after the run: its SHA-256 differs from that in run.json", record.name);
}

}  // namespace

FileRecord record_of(const fs::path& directory, const std::string& name, std::string sha256) {
  const fs::path path = directory / name;
  if (sha256.empty()) sha256 = hash_of_file(path);
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) throw DataError(posix::failure(path, "read", errno));
  return {name, static_cast<std::uint64_t>(status.st_size), modified(status), std::move(sha256)};
}

std::vector<std::string> problems_of_files(const fs::path& directory, const std::vector<FileRecord>& records,
                                           Check check) {
  std::vector<std::string> problems;
  for (const FileRecord& record : records)
    if (std::string problem = problem_of(directory, record, check); !problem.empty())
      problems.push_back(std::move(problem));
  return problems;
}

}  // namespace bnlab::training
