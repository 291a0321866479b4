#include "util/text_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/printable.h"

namespace bnlab {

std::string table(const std::vector<std::vector<std::string>>& rows_as_they_are, std::size_t left) {
  std::vector<std::vector<std::string>> rows = rows_as_they_are;
  for (auto& row : rows)
    for (std::string& cell : row) cell = on_one_line(cell);
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i < left ? fmt::format("{:<{}}  ", row[i], widths[i]) : fmt::format("{:>{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace bnlab
