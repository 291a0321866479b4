#include "config/problems.h"

#include <algorithm>
#include <cctype>
#include <tuple>
#include <utility>

#include "util/errors.h"

namespace bnlab::config {

int Problems::add_source(Source source) {
  sources_.push_back(std::move(source));
  return static_cast<int>(sources_.size()) - 1;
}

void Problems::add(const Origin& origin, std::string_view path, std::string_view text) {
  const Source& from = source(origin);
  std::string line = from.label;
  if (from.has_lines) line.append(":").append(std::to_string(origin.line));
  if (!from.section.empty() && path.starts_with(from.section)) path.remove_prefix(from.section.size());
  if (path.starts_with('.')) path.remove_prefix(1);
  line += ": ";
  if (!path.empty()) line += std::string(path) + ": ";
  problems_.push_back({origin, line + std::string(text)});
}

void Problems::raise() const {
  if (problems_.empty()) return;
  constexpr std::size_t most_lines = 50;
  std::vector<Problem> sorted = problems_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.origin.source, a.origin.order) < std::tie(b.origin.source, b.origin.order);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), most_lines); ++i) text += (i > 0 ? "\n" : "") + sorted[i].line;
  if (sorted.size() > most_lines) text += "\nand " + std::to_string(sorted.size() - most_lines) + " more";
  throw ConfigError(text);
}

std::string joined(std::string_view path, std::string_view key) {
  const bool is_simple = !key.empty() && key.size() <= 60 && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '$' || c == '-';
  });
  return std::string(path) + (path.empty() ? "" : ".") + (is_simple ? std::string(key) : in_quotes(key));
}

std::string joined(std::string_view path, std::size_t index) {
  return std::string(path) + (path.empty() ? "" : ".") + std::to_string(index);
}

}  // namespace bnlab::config
