#include "util/logging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <system_error>

#include "util/errors.h"
#include "util/posix.h"

namespace bnlab {
namespace {

namespace fs = std::filesystem;

/// Throws where the file is a directory, or neither it nor the folder that it will lie in can be written.
void check_place(const fs::path& file) {
  std::error_code error;
  fs::path place = fs::absolute(file, error);
  while (!fs::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  const bool is_file = place == fs::absolute(file, error);
  if (is_file == fs::is_directory(place, error))
    throw ConfigError(
        fmt::format("--log-file: {}: {} is {} directory", file.string(), place.string(), is_file ? "a" : "not a"));
  if (::access(place.c_str(), is_file ? W_OK : W_OK | X_OK) != 0)
    throw ConfigError("--log-file: " + posix::failure(file, "write", errno));
}

/// Owns the file, and the lines that wait for it to be opened.
class FileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(fs::path path) : path_(std::move(path)) {}

  void open() {
    const std::lock_guard lock(mutex_);
    if (!file_.valid()) {
      std::error_code ignored;  // the file says what is wrong
      if (path_.has_parent_path()) fs::create_directories(path_.parent_path(), ignored);
      file_ = posix::open(path_, O_WRONLY | O_CREAT | O_APPEND);
      if (!file_.valid()) throw RunError("--log-file: " + posix::failure(path_, "write", errno));
      write(waiting_);
      waiting_.clear();
    }
    if (!problem_.empty()) throw RunError("--log-file: " + problem_);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const std::string_view text(line.data(), line.size());
    if (file_.valid())
      write(text);
    else
      waiting_ += text;
  }
  void flush_() override {}

  void write(std::string_view text) {
    if (!posix::write_all(file_, text) && problem_.empty()) problem_ = posix::failure(path_, "write", errno);
  }

  fs::path path_;
  std::string waiting_;
  std::string problem_;  // the first
  posix::Descriptor file_;
};

}  // namespace

std::shared_ptr<spdlog::logger> make_logger(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks;
  auto console = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  console->set_pattern("%v");
  console->set_level(options.quiet     ? spdlog::level::warn
                     : options.verbose ? spdlog::level::debug
                                       : spdlog::level::info);
  sinks.push_back(console);
  if (!options.file.empty()) {
    check_place(options.file);
    auto file = std::make_shared<FileSink>(options.file);
    file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
    file->set_level(spdlog::level::debug);
    sinks.push_back(file);
  }
  auto logger = std::make_shared<spdlog::logger>("bnlab", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::debug);
  logger->flush_on(spdlog::level::debug);
  return logger;
}

void write_log_file(const spdlog::logger& logger) {
  for (const spdlog::sink_ptr& sink : logger.sinks())
    if (const auto file = std::dynamic_pointer_cast<FileSink>(sink)) file->open();
}

}  // namespace bnlab
