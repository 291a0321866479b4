#pragma once
// The name a user probably meant.

#include <string>
#include <string_view>
#include <vector>

namespace bnlab {

/// The entry of `valid` with the smallest edit distance to `word` (insertions, deletions, changes, swaps of neighbours;
/// upper and lower case are the same), the first of equals. Where none is within a third of the longer word's length,
/// the only entry with `word` at the start of one of its own words ("higher" of "higher_learning_rate"); else empty, as
/// a guess would mislead.
std::string nearest(std::string_view word, const std::vector<std::string>& valid);

/// "; did you mean \"NEAREST\"?", or empty when nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& valid);

}  // namespace bnlab
