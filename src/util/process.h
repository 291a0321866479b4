#pragma once
// Child processes: started, watched, stopped.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/posix.h"

namespace bnlab {

struct Command {
  std::filesystem::path program;                                 // what is executed; not looked for on PATH
  std::vector<std::string> arguments;                            // the first is the name that the program is told
  std::vector<std::pair<std::string, std::string>> environment;  // set beside what this process has
  int output = -1;                  // descriptor that becomes its standard output; -1: /dev/null
  int error = -1;                   // the same for its standard error
  std::vector<int> kept_open = {};  // further descriptors that it inherits; -1 is none
};

/// How a process ended.
struct ProcessEnd {
  int status = 0;  // of exit(); 0 where a signal ended it
  int signal = 0;  // 0: it called exit()
};

/// One child, in a process group of its own, so that a Ctrl-C at the terminal does not reach it. It gets SIGTERM when
/// the thread that started it ends, by whatever. Owns the process: the destructor kills what still runs.
class Process {
 public:
  /// Returns once the program runs. Throws RunError where it can't be started.
  explicit Process(const Command& command);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  pid_t id() const { return id_; }
  /// Sends a signal to the process and its children; nothing happens where it has ended.
  void send(int signal) const;
  /// How it ended; nothing while it runs.
  std::optional<ProcessEnd> end();

 private:
  friend void wait_for_any(std::span<const Process* const>, std::chrono::milliseconds);
  pid_t id_ = -1;
  posix::Descriptor handle_;  // of the process; not valid before Linux 5.3
  std::optional<ProcessEnd> end_;
};

/// Returns when one of the processes ends, when a signal arrives, or after `longest`.
void wait_for_any(std::span<const Process* const> processes, std::chrono::milliseconds longest);

/// What a short command wrote, and its end.
struct Captured {
  ProcessEnd end;
  std::string output;
  std::string error;
};
/// Runs a program that is found on PATH (or at a path, where its name has a slash) to its end. Throws RunError where
/// there is none.
Captured run_and_capture(const std::vector<std::string>& arguments);

/// The first executable file of that name in a folder of PATH.
std::optional<std::filesystem::path> find_on_path(const std::string& name);

/// The file of the running program.
std::filesystem::path this_program();

/// One word for a POSIX shell that stands for `text`, without a line end in it. Throws ConfigError for what no word can
/// hold: a text that ends with a newline.
std::string shell_quoted(std::string_view text);

}  // namespace bnlab
