#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace bnlab::cli {

std::size_t columns_of_output() {
  constexpr std::size_t least = 60, most = 100;
  struct winsize size {};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return most;
  return std::clamp<std::size_t>(size.ws_col, least, most);
}

bool terminal_is_dumb() {
  const char* const terminal = std::getenv("TERM");
  return terminal && std::string_view(terminal) == "dumb";
}

bool output_has_colours() {
  const char* const unwanted = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (!unwanted || !*unwanted) && terminal && *terminal && !terminal_is_dumb();
}

}  // namespace bnlab::cli
