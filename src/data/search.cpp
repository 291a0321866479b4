#include "data/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code unreadable;
  return fs::is_regular_file(path, unreadable);
}

/// Whether a name in lower case ends as those of data files do.
bool has_end_of_data(const std::string& name) {
  const auto ends = {"ubyte", "-int", ".gz", ".bin", ".npz"};
  return std::any_of(ends.begin(), ends.end(), [&](const char* end) { return name.ends_with(end); });
}

/// What is there and is no regular file: "a named pipe". "" for a regular file and for nothing.
std::string other_kind(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  switch (status.type()) {
    case fs::file_type::regular:
      return "";
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a named pipe";
    case fs::file_type::socket:
      return "a socket";
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    default:
      break;
  }
  std::error_code ignored;
  if (fs::is_symlink(path, ignored))
    return error && error != std::errc::no_such_file_or_directory ? "a link (" + error.message() + ")"
                                                                  : "a link that leads nowhere";
  return error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory
             ? "unknown (" + error.message() + ")"
             : "";
}

/// "FashionMNIST", "fashion-mnist" and "fashion_mnist" become one text.
std::string normalized(std::string_view name) {
  std::string text = lower_case(name);
  std::erase_if(text, [](char c) { return c == '-' || c == '_'; });
  return text;
}

bool is_one_of(const std::string& name, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& one) { return normalized(one) == normalized(name); });
}

void add(std::vector<fs::path>& folders, const fs::path& folder) {
  if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
}

/// The folders in `root` that have one of the names in another spelling, sorted.
std::vector<fs::path> other_spellings(const fs::path& root, const std::vector<std::string>& names) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unreadable;
    if (is_one_of(entry->path().filename().string(), names) && entry->is_directory(unreadable))
      found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void add_below(const fs::path& root, const std::vector<std::string>& names, int depth, std::vector<fs::path>& folders) {
  std::vector<fs::path> here;
  for (const std::string& name : names)
    if (std::error_code error; fs::is_directory(root / name, error)) add(here, root / name);
  for (const fs::path& folder : other_spellings(root, names)) add(here, folder);
  for (const fs::path& folder : here) {
    add(folders, folder);
    add(folders, folder / "raw");
    if (depth > 1) add_below(folder, names, depth - 1, folders);
  }
}

}  // namespace

std::string lower_case(std::string_view name) {
  std::string text(name);
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::optional<fs::path> find_file(const fs::path& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (is_file(folder / name)) return folder / name;
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (const std::string name = lower_case(entry->path().filename().string());
        std::find(names.begin(), names.end(), name) != names.end() && is_file(entry->path()))
      entries.push_back(entry->path());
  std::sort(entries.begin(), entries.end());
  for (const std::string& name : names)
    for (const fs::path& entry : entries)
      if (lower_case(entry.filename().string()) == name) return entry;
  return std::nullopt;
}

std::string why_not_taken(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<std::string> problems;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = lower_case(entry->path().filename().string());
    const bool is_wanted =
        names.empty() ? has_end_of_data(name) : std::find(names.begin(), names.end(), name) != names.end();
    if (const std::string kind = is_wanted ? other_kind(entry->path()) : ""; !kind.empty())
      problems.push_back(fmt::format("{}: is {}, not a regular file", entry->path().string(), kind));
  }
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    problems.push_back(fmt::format("{}: cannot be read: {}", folder.string(), error.message()));
  else if (const std::string kind = error ? other_kind(folder) : ""; !kind.empty())
    problems.push_back(fmt::format("{}: is {}, not a folder", folder.string(), kind));
  std::sort(problems.begin(), problems.end());
  constexpr std::size_t most = 3;
  if (problems.size() > most) problems.resize(most);
  return fmt::format("{}", fmt::join(problems, "; "));
}

std::vector<fs::path> folders_below(const fs::path& root, const std::vector<std::string>& names) {
  std::vector<fs::path> folders;
  constexpr int depth = 2;
  add_below(root, names, depth, folders);
  return folders;
}

bool has_name(const fs::path& folder, const std::vector<std::string>& names) {
  const fs::path plain_path = (folder / "").lexically_normal().parent_path();  // without a slash at the end
  return is_one_of(plain_path.filename().string(), names);
}

}  // namespace bnlab::data
