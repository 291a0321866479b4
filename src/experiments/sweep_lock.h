#pragma once
#include <chrono>
#include <filesystem>

#include "util/posix.h"

namespace bnlab::experiments {

/// One sweep at a time in a directory. Ends with the object or the process, however that dies.
class SweepLock {
 public:
  /// Makes the directory (and its parents). Throws ConfigError, naming the process and the host, where another sweep
  /// goes on in it. The runs of a sweep that was killed may still write their checkpoints: waits for them, and throws
  /// RunError when that takes longer than `longest_wait`.
  explicit SweepLock(const std::filesystem::path& directory,
                     std::chrono::milliseconds longest_wait = std::chrono::seconds(60));

  /// A descriptor that the runs of this sweep are to inherit (LocalOptions::kept_open): who comes next waits until all
  /// of them have closed it.
  int held_by_runs() const { return runs_.get(); }

 private:
  posix::Descriptor sweep_;  // locked by the sweep alone; the file says by whom
  posix::Descriptor runs_;
};

}  // namespace bnlab::experiments
