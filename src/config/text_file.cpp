#include "config/text_file.h"

#include <array>
#include <fstream>
#include <system_error>

#include "util/errors.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_file_bytes = 16 << 20;

}  // namespace

std::string read_text(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) throw ConfigError(file.string() + ": no such file");
  if (fs::is_directory(file, error)) throw ConfigError(file.string() + ": is a folder, not a file");
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (stream && text.size() <= max_file_bytes) {
    stream.read(buffer.data(), buffer.size());
    text.append(buffer.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (text.size() > max_file_bytes)
    throw ConfigError(file.string() + ": larger than " + std::to_string(max_file_bytes >> 20) +
                      " MB, so hardly a config");
  if (!stream.eof()) throw ConfigError(file.string() + ": can't be read");
  return text;
}

Json parse_source(std::string_view text, int source, const std::string& label) {
  ParsedJson parsed = parse_json(text, source);
  if (parsed.error.empty()) return std::move(parsed.root);
  throw ConfigError(label + ":" + std::to_string(parsed.line) + ":" + std::to_string(parsed.column) + ": " +
                    parsed.error);
}

}  // namespace bnlab::config
