#pragma once
#include <filesystem>
#include <memory>

#include <spdlog/logger.h>

namespace bnlab {

struct LogOptions {
  bool quiet = false;          // warnings and errors only
  bool verbose = false;        // everything
  std::filesystem::path file;  // besides standard error; empty: none
};

/// A logger that writes to standard error, and to the file where there is one: nothing before write_log_file is called.
/// No message has anything in it that a terminal would obey. Throws ConfigError where the file could not be written, or
/// holds something else than a log.
std::shared_ptr<spdlog::logger> make_logger(const LogOptions& options);

/// Appends what was logged so far to the logger's file, where it has one; what comes later follows at once. The first
/// call opens the file and makes its folder. Throws RunError where a line can't be written, or one could not before.
void write_log_file(const spdlog::logger& logger);

}  // namespace bnlab
