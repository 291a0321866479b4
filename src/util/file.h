#pragma once
// Whole files in and out. Every function throws with the path and the system's reason.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab {

/// Reads a file front to back. A gzip file (by its magic number, of one or more members) is unpacked on the way. Owns
/// the file handle; holds one small buffer, never the whole file.
class FileReader {
 public:
  enum class Gzip { unpack, keep };
  /// Throws DataError when the file can't be opened, or is a pipe.
  explicit FileReader(const std::filesystem::path& path, Gzip gzip = Gzip::unpack);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  /// Fills `dst` and returns its size; less only at the end of the file. Throws DataError for a read that fails, a
  /// damaged or cut-off gzip stream, and bytes after its end that are no gzip member.
  std::size_t read(std::span<std::uint8_t> dst);
  /// A first guess of the number of bytes that `read` will give.
  std::uint64_t size_hint() const;
  /// More bytes than these `read` does not give: the size of a file, or what gzip could have packed into it. Of a
  /// device the largest number.
  std::uint64_t most_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The file's bytes. Throws DataError when it can't be read or is larger than `max_bytes`.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// As read_file, but a gzip file (by its magic number) is unpacked; `max_bytes` bounds the unpacked size. Throws
/// DataError for a damaged or cut-off stream and for bytes after its end that are no gzip member.
std::vector<std::uint8_t> read_maybe_gzip(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Replaces `path` in one step: writes `path` + ".tmp", syncs it, renames it, syncs the folder. After a failure or a
/// kill the old file is still whole. Processes that write the same file take turns. Throws RunError.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Writes to what a user named: a file as write_file_atomically does, that of a symbolic link in its own place; into
/// anything else, such as a pipe or a device, as it is. Throws RunError.
void write_output(const std::filesystem::path& path, std::string_view bytes);

/// SHA-256 in lower-case hexadecimal, fed piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::uint8_t> bytes);
  /// Ends the sum; call once.
  std::string hex();

 private:
  void* context_;
};

/// SHA-256 of a file as it is, in hexadecimal. Throws DataError where it can't be read.
std::string sha256_of(const std::filesystem::path& path);

}  // namespace bnlab
