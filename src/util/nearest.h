#pragma once
// The name a user probably meant.

#include <string>
#include <string_view>
#include <vector>

namespace bnlab {

/// The entry of `valid` with the smallest edit distance to `word` (insertions, deletions, changes, swaps of neighbours;
/// upper and lower case are the same), the first of equals. Empty when none is within a third of the longer word's
/// length, where a guess would mislead.
std::string nearest(std::string_view word, const std::vector<std::string>& valid);

/// "; did you mean \"NEAREST\"?", or empty when nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& valid);

}  // namespace bnlab
