#include "experiments/sweep_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

#include "util/errors.h"
#include "util/provenance.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

/// Whether a text is "process NUMBER on HOST since TIME" and one line.
bool is_ours(const std::string& text) {
  const std::string begin = "process ", on = " on ", since = " since ";
  const std::size_t end = text.find_first_not_of("0123456789", begin.size());
  return text.starts_with(begin) && end != begin.size() &&
         text.compare(std::min(end, text.size()), on.size(), on) == 0 && text.find(since) != std::string::npos &&
         text.find('\n') == text.size() - 1;
}

namespace fs = std::filesystem;

posix::Descriptor open_lock_file(const fs::path& path) { return open_result_to_write(path, O_RDWR | O_CREAT); }

std::string first_line(const posix::Descriptor& file) {
  std::array<char, 512> bytes{};
  const ssize_t count = pread(file.get(), bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return std::string(text.substr(0, text.find('\n')));
}

/// Throws ConfigError unless the file is empty or has what a sweep writes: nobody else's is overwritten.
void refuse_foreign(const posix::Descriptor& file, const fs::path& path) {
  std::array<char, 512> bytes{};
  const ssize_t count = pread(file.get(), bytes.data(), bytes.size(), 0);
  if (count < 0) throw RunError(posix::failure(path, "read", errno));
  const std::string text(bytes.data(), static_cast<std::size_t>(count));
  if (!text.empty() && !is_ours(text))
    throw ConfigError(
        fmt::format("--out: {}: bnlab did not write this file, and does not overwrite it; move it away, or choose "
                    "another directory",
                    path.string()));
}

}  // namespace

SweepLock::SweepLock(const fs::path& directory, std::chrono::milliseconds longest_wait) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    throw ConfigError(fmt::format("--out: cannot create the directory {}: {}", directory.string(), error.message()));
  sweep_ = open_lock_file(directory / ".sweep.lock");
  if (!posix::try_lock(sweep_, LOCK_EX)) {
    const std::string owner = first_line(sweep_);
    throw ConfigError(
        fmt::format("--out: another sweep is running in {}{}; wait for its end, or choose another directory",
                    directory.string(), owner.empty() ? "" : ": " + owner));
  }
  refuse_foreign(sweep_, directory / ".sweep.lock");
  if (ftruncate(sweep_.get(), 0) != 0 ||
      !posix::write_all(sweep_, fmt::format("process {} on {} since {}\n", getpid(), host_name(), utc_time())))
    throw RunError(posix::failure(directory / ".sweep.lock", "write", errno));
  runs_ = open_lock_file(directory / ".sweep.runs.lock");
  const auto end = std::chrono::steady_clock::now() + longest_wait;
  while (!posix::try_lock(runs_, LOCK_EX)) {
    if (std::chrono::steady_clock::now() > end)
      throw RunError(
          fmt::format("{}: the sweep in this directory was killed, but its runs continue; end them (ps shows \"train "
                      "... --out {}/...\"), then call again",
                      directory.string(), directory.string()));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace bnlab::experiments
