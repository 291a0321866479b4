#include "config/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include "util/errors.h"
#include "util/posix.h"
#include "util/result_file.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_file_bytes = 16 << 20;

std::string read_to_end(const posix::Descriptor& stream, const fs::path& file) {
  std::string text;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t count = posix::read(stream, buffer.data(), buffer.size());
    if (count < 0) throw ConfigError(posix::failure(file, "read", errno));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > max_file_bytes)
      throw ConfigError(file.string() + ": larger than " + std::to_string(max_file_bytes >> 20) +
                        " MB, the limit for a config");
  }
}

}  // namespace

std::string read_text(const fs::path& file) {
  const posix::Descriptor stream = posix::open(file, O_RDONLY | O_NOCTTY);
  if (!stream.valid() && (errno == ENOENT || errno == ENOTDIR)) throw ConfigError(file.string() + ": no such file");
  struct stat status {};
  if (!stream.valid() || fstat(stream.get(), &status) != 0) throw ConfigError(posix::failure(file, "open", errno));
  if (S_ISDIR(status.st_mode)) throw ConfigError(file.string() + ": is a folder, not a file");
  if (!S_ISFIFO(status.st_mode)) return read_to_end(stream, file);
  // The kind of a file is found from its text before it is read, and a pipe gives that once.
  static std::map<std::pair<dev_t, ino_t>, std::string> of_pipes;
  std::string& text = of_pipes[{status.st_dev, status.st_ino}];
  text += read_to_end(stream, file);
  return text;
}

std::string read_text(const fs::path& file, Place place) {
  if (place == Place::anywhere) return read_text(file);
  return read_to_end(open_result(file), file);
}

Json parse_source(std::string_view text, int source, const std::string& label) {
  ParsedJson parsed = parse_json(text, source);
  if (parsed.error.empty()) return std::move(parsed.root);
  throw ConfigError(label + ":" + std::to_string(parsed.line) + ":" + std::to_string(parsed.column) + ": " +
                    parsed.error);
}

}  // namespace bnlab::config
