#include "cli/status_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>

#include "cli/terminal.h"
#include "util/printable.h"

namespace bnlab::cli {
namespace {

std::size_t columns_of_terminal() {
  struct winsize size {};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : 80;
}

}  // namespace

StatusLine::StatusLine(bool quiet) : is_terminal_(!quiet && isatty(STDERR_FILENO) == 1 && !terminal_is_dumb()) {}

void StatusLine::show(const std::string& text) {
  if (!is_terminal_) return;
  // fmt::print would end the run where the terminal is gone.
  std::fputs(("\r\033[K" + on_one_line(text).substr(0, columns_of_terminal() - 1)).c_str(), stderr);
  std::fflush(stderr);
  is_shown_ = true;
}

void StatusLine::clear() {
  if (is_shown_) std::fputs("\r\033[K", stderr);
  is_shown_ = false;
}

std::string duration_text(double seconds) {
  const std::int64_t total = std::llround(seconds);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

}  // namespace bnlab::cli
