#include "experiments/run_folders.h"

namespace bnlab::experiments {

namespace fs = std::filesystem;

RunFolders::RunFolders(const fs::path& directory) : folder_(directory / "runs") {
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code none;
    if (const std::string hash = hash_in(name); !hash.empty() && entry->is_directory(none)) by_hash_[hash].insert(name);
  }
}

std::string RunFolders::name_of(const PlannedRun& run) const {
  const auto found = by_hash_.find(hash_in(run.name));
  return found == by_hash_.end() || found->second.contains(run.name) ? run.name : *found->second.begin();
}

std::string RunFolders::hash_in(const std::string& name) {
  const std::size_t end = name.find('_');
  return end == std::string::npos ? "" : name.substr(0, end);
}

}  // namespace bnlab::experiments
