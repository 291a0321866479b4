#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "config/json.h"
#include "util/file.h"

namespace bnlab::config {

/// The whole text of a JSON file. Throws ConfigError where there is none, where it can't be read, or where it is larger
/// than 16 MB. Of a pipe, which gives its text once, every call in this process gets the same.
std::string read_text(const std::filesystem::path& file);
/// The same in a folder of results: no link is followed, nothing but a regular file is opened. Throws ReadError too.
std::string read_text(const std::filesystem::path& file, Place place);

/// The JSON of a text. Throws ConfigError with label, line and column.
Json parse_source(std::string_view text, int source, const std::string& label);

}  // namespace bnlab::config
