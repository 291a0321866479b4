#include "util/logging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

#include "util/errors.h"
#include "util/file.h"
#include "util/posix.h"
#include "util/printable.h"

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

/// Whether a text begins as a log of bnlab does: "2026-01-31 12:00:00.000 ".
bool is_log(std::string_view text) {
  constexpr std::string_view pattern = "0000-00-00 00:00:00.000 ";
  for (std::size_t i = 0; i < std::min(text.size(), pattern.size()); ++i)
    if (pattern[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i]) return false;
  return true;
}

/// %* in a pattern: the message without control characters.
class Message : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Message>(); }
};

std::unique_ptr<spdlog::formatter> formatter(const std::string& pattern) {
  auto made = std::make_unique<spdlog::pattern_formatter>();
  made->add_flag<Message>('*').set_pattern(pattern);
  return made;
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
      // O_NONBLOCK: a pipe that nobody reads is an error, no reason to wait.
      file_ = posix::open(path_, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY);
      if (!file_.valid() || !posix::set_blocking(file_))
        throw RunError("--log-file: " + posix::failure(path_, "write", errno));
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
  console->set_formatter(formatter("%*"));
  console->set_level(options.quiet     ? spdlog::level::warn
                     : options.verbose ? spdlog::level::debug
                                       : spdlog::level::info);
  sinks.push_back(console);
  if (!options.file.empty()) {
    check_place(options.file);
    refuse_foreign_output("--log-file", options.file, is_log);
    auto file = std::make_shared<FileSink>(options.file);
    file->set_formatter(formatter("%Y-%m-%d %H:%M:%S.%e %l %*"));
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
