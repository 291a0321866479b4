#pragma once

#include <string>

namespace bnlab {

/// The path with "~" or "~NAME" at its beginning replaced as a shell does: by HOME, or by the home folder of that user.
/// Unchanged where there is no such folder. "./~" names a file of that name.
std::string with_home(const std::string& path);

}  // namespace bnlab
