#pragma once
#include <filesystem>
#include <string>

namespace bnlab::training {

/// The directory or file that `initialization.from` names. "run:HASH" is the directory beside `directory`, that of the
/// run that begins, whose name begins with the hash; throws ConfigError where there is none, and DataError where its
/// run has not completed.
std::filesystem::path initial_weights(const std::string& from, const std::filesystem::path& directory);

}  // namespace bnlab::training
