#include "experiments/set_aside.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "experiments/plan_identity.h"
#include "util/errors.h"
#include "util/posix.h"
#include "util/result_file.h"

namespace bnlab::experiments {
namespace {

namespace fs = std::filesystem;

const char* const folder_name = "old";

[[noreturn]] void fail(const fs::path& path, const char* verb, const std::error_code& error) {
  throw RunError(posix::failure(path, verb, error.value()));
}

/// A second name of a file, or a copy where the file system has no such names.
void duplicate(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return;
  fs::copy(from, to, fs::copy_options::copy_symlinks, error);
  if (error) fail(to, "write", error);
}

/// Makes the names in a folder last through a power cut, where its file system can.
void sync(const fs::path& folder) {
  const posix::Descriptor handle = posix::open(folder, O_RDONLY | O_DIRECTORY);
  if (handle.valid() && fsync(handle.get()) != 0 && errno != EINVAL && errno != EACCES)
    throw RunError(posix::failure(folder, "sync", errno));
}

/// Whether a folder has these very files: an earlier call got so far.
bool has_all(const fs::path& folder, const fs::path& directory, const std::vector<std::string>& names) {
  return std::ranges::all_of(names, [&](const std::string& name) {
    std::error_code error;
    return fs::equivalent(directory / name, folder / name, error) && !error;
  });
}

/// Makes `folder` with all the files, under its name in one step.
void make_folder(const fs::path& folder, const fs::path& directory, const std::vector<std::string>& names) {
  fs::path temporary = folder;
  temporary += ".tmp";
  std::error_code error;
  fs::remove_all(temporary, error);  // left by a kill
  if (!error) fs::create_directory(temporary, error);
  if (error) fail(temporary, "make the folder", error);
  for (const std::string& name : names) duplicate(directory / name, temporary / name);
  sync(temporary);
  fs::rename(temporary, folder, error);
  if (error) fail(folder, "make the folder", error);
  sync(folder.parent_path());
}

}  // namespace

fs::path set_aside(const fs::path& directory, const std::string& plan) {
  std::vector<std::string> names = files_of_a_plan();
  std::erase_if(names, [&](const std::string& name) { return !is_there(directory / name); });
  if (names.empty()) return {};
  const fs::path all = directory / folder_name;
  std::error_code error;
  fs::create_directory(all, error);
  if (error || !fs::is_directory(fs::symlink_status(all, error)))
    fail(all, "make the folder", error ? error : std::make_error_code(std::errc::not_a_directory));
  fs::path folder = all / plan;
  for (int i = 2; is_there(folder) && !has_all(folder, directory, names); ++i)
    folder = all / fmt::format("{}.{}", plan, i);
  if (!is_there(folder)) make_folder(folder, directory, names);
  std::ranges::reverse(names);  // what shows results goes first
  for (const std::string& name : names) {
    if (name == "experiment.json") continue;
    fs::remove(directory / name, error);
    if (error) fail(directory / name, "remove", error);
  }
  sync(directory);
  return folder;
}

std::vector<fs::path> earlier_plans(const fs::path& directory) {
  std::vector<fs::path> folders;
  const fs::path all = directory / folder_name;
  if (kind_of(all) != FileKind::folder) return folders;
  for (const std::string& name : names_in(all))
    if (const fs::path folder = all / name; folder.extension() != ".tmp" && kind_of(folder) == FileKind::folder)
      folders.push_back(folder);
  return folders;
}

}  // namespace bnlab::experiments
