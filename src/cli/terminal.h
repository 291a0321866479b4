#pragma once
// What the terminal can show.

#include <cstddef>

namespace bnlab::cli {

/// The columns that a table may have: those of the terminal, at most 100; 100 where there is no terminal.
std::size_t columns_of_output();

/// Whether TERM says that a terminal shows control sequences as text (TERM=dumb): no line on it can be written again.
bool terminal_is_dumb();

/// Whether standard output is a terminal that has colours and the user wants them (https://no-color.org).
bool output_has_colours();

}  // namespace bnlab::cli
