#include "util/home.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "util/errors.h"

namespace bnlab {
namespace {

/// Empty where it is not known.
std::string home_of(const std::string& user) {
  if (const char* home = std::getenv("HOME"); user.empty() && home != nullptr && *home != '\0') return home;
  const passwd* entry = user.empty() ? getpwuid(getuid()) : getpwnam(user.c_str());
  return entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "";
}

}  // namespace

std::string with_home(const std::string& path, const std::string& key) {
  if (!path.starts_with('~')) return path;
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string user = path.substr(1, end - 1);
  if (const std::string home = home_of(user); !home.empty()) return home + path.substr(end);
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return path;
  throw ConfigError(fmt::format("{}{}{}: {}; ./{} names a file of this name", key, key.empty() ? "" : ": ", path,
                                user.empty() ? "the home folder is not known" : "there is no user " + user, path));
}

}  // namespace bnlab
