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

/// A logger that writes to standard error, and to the file where there is one. Throws ConfigError where it can't be
/// opened.
std::shared_ptr<spdlog::logger> make_logger(const LogOptions& options);

}  // namespace bnlab
