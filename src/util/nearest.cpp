#include "util/nearest.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace bnlab {
namespace {

std::string lower(std::string_view word) {
  std::string result(word);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Optimal string alignment: Levenshtein plus swaps of neighbouring letters.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

/// The one entry that has `word` (lower case) at the start of one of its own words: "rate" in "learning_rate". Empty
/// where there is none or a second, and for short words.
std::string only_with(const std::string& word, const std::vector<std::string>& valid) {
  if (word.size() < 4) return "";
  std::string only;
  for (const std::string& name : valid) {
    const std::size_t place = lower(name).find(word);
    if (place == std::string::npos || (place > 0 && std::isalnum(static_cast<unsigned char>(name[place - 1])) != 0))
      continue;
    if (!only.empty() && only != name) return "";
    only = name;
  }
  return only;
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& valid) {
  const std::string wanted = lower(word.substr(0, 200));
  std::string best;
  std::size_t best_distance = 0;
  for (const std::string& name : valid) {
    const std::size_t allowed = std::max<std::size_t>(1, std::max(word.size(), name.size()) / 3);
    const std::size_t lengths = word.size() > name.size() ? word.size() - name.size() : name.size() - word.size();
    if (word.empty() || lengths > allowed) continue;
    const std::size_t d = distance(wanted, lower(name));
    if (d > allowed || d >= std::max(wanted.size(), name.size())) continue;
    // Of two as near, the one that was typed with something after it.
    if (best.empty() || d < best_distance || (d == best_distance && wanted.starts_with(lower(name)))) {
      best = name;
      best_distance = d;
    }
  }
  return best.empty() ? only_with(wanted, valid) : best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& valid) {
  const std::string guess = nearest(word, valid);
  return guess.empty() ? "" : "; did you mean \"" + guess + "\"?";
}

}  // namespace bnlab
