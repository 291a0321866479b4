#include "util/text_table.h"

#include <algorithm>

#include "util/printable.h"

namespace bnlab {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// The byte behind the first `count` characters.
std::size_t bytes_of(std::string_view text, std::size_t count) {
  std::size_t i = 0;
  for (; i < text.size(); ++i)
    if (begins_character(text[i]) && count-- == 0) break;
  return i;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string elided(const std::string& text, std::size_t width) {
  const std::size_t all = display_width(text);
  const std::string dots = "...";
  if (all <= width) return text;
  if (width <= dots.size()) return text.substr(0, bytes_of(text, width));
  const std::size_t end = (width - dots.size()) / 2, begin = width - dots.size() - end;
  return text.substr(0, bytes_of(text, begin)) + dots + text.substr(bytes_of(text, all - end));
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string all, line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (!line.empty() && indent + display_width(line) + 1 + display_width(word) > width) {
      all += margin + line + "\n";
      line.clear();
    }
    if (!line.empty()) line += " ";
    line += word;
  }
  return line.empty() ? all : all + margin + line + "\n";
}

std::string table(const std::vector<std::vector<std::string>>& rows_as_they_are, std::size_t left) {
  std::vector<std::vector<std::string>> rows = rows_as_they_are;
  for (auto& row : rows)
    for (std::string& cell : row) cell = on_one_line(cell);
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - display_width(row[i]), ' ');
      line += (i < left ? row[i] + space : space + row[i]) + "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace bnlab
