#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace bnlab {

/// Columns of equal width, two spaces between them; numbers (all but the first `left` columns) flush right. A
/// cell is one line, with nothing in it that a terminal would obey.
std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t left);

}  // namespace bnlab
