#include "experiments/run_folders.h"

#include "util/result_file.h"

namespace bnlab::experiments {

namespace fs = std::filesystem;

RunFolders::RunFolders(const fs::path& directory) : folder_(directory / "runs") {
  for (const std::string& name : names_in(folder_)) {
    const std::string hash = hash_in(name);
    if (hash.empty()) continue;
    const FileKind kind = kind_of(folder_ / name);
    if (kind == FileKind::link) refuse_other_than_folder(folder_ / name);
    if (kind == FileKind::folder) by_hash_[hash].insert(name);
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
