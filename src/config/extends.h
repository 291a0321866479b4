#pragma once
// "extends": a config that says only what differs from another.

#include <filesystem>

#include "config/json.h"
#include "config/problems.h"

namespace bnlab::config {

inline const char* const extends_key = "extends";

/// Where a config's text comes from.
struct ConfigPlace {
  std::filesystem::path folder;  // that `extends` is relative to
  std::filesystem::path file;    // empty where the text is of no file
};

/// Puts what the files say that `root` extends, one after another, into `root`: objects are merged key by key, of
/// everything else the value of the extending config counts. A network that the extending config names or writes out
/// replaces the layers of the other. Removes `extends`. A file that is missing or no object, a cycle and a chain of
/// more than 16 files are noted in `problems`; throws ConfigError for a file that is no JSON.
void extend(Json& root, const ConfigPlace& place, Problems& problems);

}  // namespace bnlab::config
