#pragma once
// Whole files in and out. Every function throws with the path and the system's reason.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab {

/// Where a file is: what a user named, or in a folder of results, which may come from elsewhere.
enum class Place { anywhere, results };

/// Reads a file front to back. A gzip file (by its magic number, of one or more members) is unpacked on the way. Owns
/// the file handle; holds one small buffer, never the whole file.
class FileReader {
 public:
  enum class Gzip { unpack, keep };
  /// Throws DataError where there is no such file or it is a pipe, ReadError where it can't be opened. With
  /// Place::results no link is followed and nothing but a regular file is opened.
  explicit FileReader(const std::filesystem::path& path, Gzip gzip = Gzip::unpack, Place place = Place::anywhere);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  /// Fills `dst` and returns its size; less only at the end of the file. Throws ReadError for a read that fails,
  /// DataError for a damaged or cut-off gzip stream and bytes after its end that are no gzip member.
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

/// The file's bytes. Throws DataError where there is no such file or it is larger than `max_bytes`, ReadError where it
/// can't be read.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes,
                                    Place place = Place::anywhere);

/// As read_file, but a gzip file (by its magic number) is unpacked; `max_bytes` bounds the unpacked size. Throws
/// DataError for a damaged or cut-off stream and for bytes after its end that are no gzip member.
std::vector<std::uint8_t> read_maybe_gzip(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Replaces `path` in one step: writes `path` + ".tmp", syncs it, renames it, syncs the folder. After a failure or a
/// kill the old file is still whole. Processes that write the same file take turns. Throws RunError, of a shortage
/// ResourceError.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Writes to what the user named with `option`: a file as write_file_atomically does, that of a symbolic link in its
/// own place; into anything else, such as a pipe or a device, as it is. Throws ConfigError, and changes nothing, where
/// refuse_foreign_output does; RunError where it can't be written.
void write_output(const std::string& option, const std::filesystem::path& path, std::string_view bytes,
                  const std::function<bool(std::string_view)>& is_ours);

/// Throws ConfigError where write_output would: the file holds something that `is_ours` denies, or a folder of results
/// (a run, a sweep, or what is in one) has a link or no regular file of this name, which came with the folder.
void refuse_foreign_output(const std::string& option, const std::filesystem::path& path,
                           const std::function<bool(std::string_view)>& is_ours);

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

}  // namespace bnlab
