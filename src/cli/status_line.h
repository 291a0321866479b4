#pragma once
#include <string>

namespace bnlab::cli {

/// The line of a terminal that changes as work proceeds. Nothing is shown where standard error is no terminal, or
/// `quiet`.
class StatusLine {
 public:
  explicit StatusLine(bool quiet);
  ~StatusLine() { clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool is_terminal() const { return is_terminal_; }
  /// Cut where the terminal ends.
  void show(const std::string& text);
  /// Before anything else is written.
  void clear();

 private:
  bool is_terminal_;
  bool is_shown_ = false;
};

/// "1:02:03", or "2:03" below an hour; rounded.
std::string duration_text(double seconds);

}  // namespace bnlab::cli
