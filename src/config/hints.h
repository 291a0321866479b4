#pragma once
// What a user probably meant, for errors: names that other programs and papers use, and near misspellings. A hint is
// never taken for the name itself.

#include <string>
#include <string_view>
#include <vector>

namespace bnlab::config {

/// The entry of `valid` that `word` is another name for ("bn": batch; "lr": learning_rate), else the nearest one; ""
/// where there is none.
std::string hint(std::string_view word, const std::vector<std::string>& valid);

/// "; did you mean \"HINT\"?", or "" where there is none.
std::string hint_text(std::string_view word, const std::vector<std::string>& valid);

/// The paths of a run's config whose last part is `key`, or what `key` is another name for: "optimizer.learning_rate"
/// for "lr". Empty where there are none, or too many to be of help.
std::vector<std::string> places_of_key(std::string_view key);

}  // namespace bnlab::config
