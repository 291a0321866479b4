#pragma once
// The errors that end a command, one type for each exit status of the command line.

#include <stdexcept>
#include <string>

namespace bnlab {

/// A wrong option, config or network (exit status 2). The text names path, value and rule.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Data missing or damaged (exit status 3). The text names the file.
struct DataError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A run that could not continue: a file that can't be written, memory that can't be had (exit status 1).
struct RunError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace bnlab
