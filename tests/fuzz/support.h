#pragma once
// What the targets of fuzzing share.

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "util/errors.h"

namespace bnlab::fuzz {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

inline const fs::path source_folder = BNLAB_SOURCE_DIR;

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// False where `read` throws an error of the project's own.
template <class Read>
bool accepts(const Read& read) {
  try {
    read();
    return true;
  } catch (const ConfigError&) {
    return false;
  } catch (const DataError&) {
    return false;
  } catch (const RunError&) {
    return false;
  }
}

/// For what has been read and must be read again.
template <class Read>
void require_accepted(const char* what, const Read& read) {
  if (!accepts(read)) throw std::logic_error(what);
}

/// A folder of its own below the temporary one (scripts/fuzz.sh has that in memory), removed at the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "bnlab_fuzz_XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }
  fs::path write(std::string_view name, std::string_view bytes) const {
    fs::path file = path_ / name;
    std::ofstream stream(file, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream.close();
    if (!stream) throw std::runtime_error("cannot write " + file.string());
    return file;
  }

 private:
  fs::path path_;
};

}  // namespace bnlab::fuzz
