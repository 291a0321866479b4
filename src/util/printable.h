#pragma once
#include <string>
#include <string_view>

namespace bnlab {

/// The text as it may reach a terminal, a log or a table: control characters (all but newline and tab), DEL, the
/// controls U+0080 to U+009F, and the invisible marks that turn the direction of a text or break its lines, stand there
/// as \u001b; bytes that are no UTF-8 as \xff.
std::string printable(std::string_view text);

/// The same on one line: newlines, tabs and carriage returns become spaces.
std::string on_one_line(std::string_view text);

/// on_one_line() with the characters escaped that mean something in Markdown or HTML; fit for a cell of a table, a
/// heading and a link.
std::string markdown_text(std::string_view text);

}  // namespace bnlab
