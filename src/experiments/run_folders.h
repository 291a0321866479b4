#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "experiments/plan.h"

namespace bnlab::experiments {

/// The folders of runs in a sweep's directory. They are found by the hash that begins their names: a run outlives
/// another name or place of its arm.
class RunFolders {
 public:
  /// Throws ReadError where they can't be listed, and where "runs" or a run's folder is a link or no folder.
  explicit RunFolders(const std::filesystem::path& directory);

  bool has(const PlannedRun& run) const { return has(run.name); }
  /// `name`: of a run, of this plan or another.
  bool has(const std::string& name) const { return by_hash_.contains(hash_in(name)); }
  /// The name of the run's existing folder; the plan's name where there is none.
  std::string name_of(const PlannedRun& run) const;
  std::filesystem::path path_of(const PlannedRun& run) const { return folder_ / name_of(run); }

  /// The hash that begins the name of a run's folder; "" where the name has none.
  static std::string hash_in(const std::string& name);

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::set<std::string>> by_hash_;
};

}  // namespace bnlab::experiments
