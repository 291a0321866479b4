#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace bnlab::cli {

/// Throws ConfigError where the file that `option` names would be replaced and is not ours: a file of a sweep or a run,
/// or one that does not begin as `is_ours` says. "-", a new file, and what is no regular file are fine.
void refuse_to_replace(const std::string& option, const std::string& file,
                       const std::function<bool(std::string_view)>& is_ours);

}  // namespace bnlab::cli
