#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab {

/// Columns of equal width, two spaces between them; numbers (all but the first `left` columns) flush right. A
/// cell is one line, with nothing in it that a terminal would obey.
std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t left);

/// Characters of a text in UTF-8, which a terminal shows in as many columns.
std::size_t display_width(std::string_view text);

/// A text of at most `width` characters: a longer one has "..." in the place of its middle.
std::string elided(const std::string& text, std::size_t width);

/// The words of a text in lines of at most `width` characters, `indent` spaces before each; a longer word has a line of
/// its own. Each line ends with a newline.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace bnlab
