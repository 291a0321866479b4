#pragma once
#include <cstdint>
#include <string>

namespace bnlab {

/// What made a result: "unknown" where the build could not tell.
struct BuildInfo {
  std::string version;       // of bnlab
  std::string git_revision;  // 40 hexadecimal digits
  bool git_dirty = false;    // the tree had changes that were not committed
  std::string compiler;      // "GNU 12.2.0"
  std::string build_type;    // "Release"
};
BuildInfo build_info();

/// The processor's name as the system gives it.
std::string cpu_model();
std::string host_name();
/// Now, as 2015-02-11T08:00:00Z.
std::string utc_time();
/// The largest resident memory of this process so far, in bytes.
std::int64_t peak_memory_bytes();

}  // namespace bnlab
