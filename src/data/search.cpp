#include "data/search.h"

#include <algorithm>
#include <system_error>

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code unreadable;
  return fs::is_regular_file(path, unreadable);
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
