#pragma once
// CSV files with one header and one writer.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "util/file.h"
#include "util/posix.h"

namespace bnlab {

/// A number as CSV files have it: %.9g, nan (without a sign), inf, -inf.
std::string csv_text(double value);
/// A line of RFC 4180 with its newline: commas between the texts, quotes where a text needs them.
std::string csv_line(const std::vector<std::string>& texts);

/// Appends rows to one CSV file (RFC 4180, "\n" line ends). Numbers are written with %.9g, non-finite ones as nan, inf,
/// -inf. Each finished row is handed to the system at once, so a killed run keeps it. Owns the file handle.
class CsvWriter {
 public:
  /// Creates the file (an existing one is replaced) and writes the header. Throws RunError.
  CsvWriter(std::filesystem::path path, const std::vector<std::string>& columns);
  /// Continues an existing file: checks that its header equals `columns` and cuts everything after `bytes`. Throws
  /// RunError when the header differs, the file is shorter than `bytes`, or no row ends there.
  CsvWriter(std::filesystem::path path, const std::vector<std::string>& columns, std::uint64_t bytes);
  CsvWriter(const CsvWriter&) = delete;
  CsvWriter& operator=(const CsvWriter&) = delete;

  CsvWriter& add(std::string_view text);  // quoted where it needs to be
  CsvWriter& add(double value);
  CsvWriter& add(std::int64_t value);
  /// Ends the row and writes it out. Throws RunError with the path when it can't be written, and std::logic_error when
  /// the number of values is not the number of columns.
  void end_row();
  /// Makes the rows so far last through a power cut. Throws RunError with the path when that fails, or when the file
  /// was removed meanwhile.
  void sync();

  /// SHA-256 of the file, of which the sum was kept while it was written. No row may follow; call once.
  std::string sha256() { return sum_.hex(); }
  /// Bytes written so far, for a checkpoint.
  std::uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_out(std::string_view text);
  void separate();
  void sum_what_is_there();

  std::filesystem::path path_;
  std::size_t columns_;  // how many
  std::size_t in_row_ = 0;
  std::string row_;
  std::uint64_t bytes_ = 0;
  Sha256 sum_;  // of these bytes
  posix::Descriptor file_;
};

}  // namespace bnlab
