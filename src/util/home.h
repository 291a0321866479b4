#pragma once

#include <string>

namespace bnlab {

/// The path with "~" or "~NAME" at its beginning replaced as a shell does: by HOME, or by the home folder of that user.
/// Unchanged where a file of this very name exists; "./~" names one that does not. Throws ConfigError where there is
/// no such user, with `key`, that the path is the value of, before it.
std::string with_home(const std::string& path, const std::string& key = "");

}  // namespace bnlab
