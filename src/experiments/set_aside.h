#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace bnlab::experiments {

/// Moves what a sweep's directory holds of another plan to DIRECTORY/old/PLAN, apart from experiment.json, which is
/// only copied: the caller replaces it last. Until the folder has its name, nothing in the directory changes; from then
/// on it is whole there. So at every moment, and after a failure of any call, the files of one plan are all in one
/// place, and the directory holds files of no two. Returns the folder; empty where there was nothing to move. Throws
/// RunError.
std::filesystem::path set_aside(const std::filesystem::path& directory, const std::string& plan);

/// The folders of plans that were set aside in a sweep's directory.
std::vector<std::filesystem::path> earlier_plans(const std::filesystem::path& directory);

}  // namespace bnlab::experiments
