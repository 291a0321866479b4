#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bnlab {

/// A CSV file that CsvWriter made, as text. Rows have as many values as the header.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  bool is_cut_off = false;  // a last row that is not whole was left out

  /// The place of a column; nothing where there is none of that name.
  std::optional<std::size_t> find(std::string_view column) const;
};

/// Reads RFC 4180. A last line without its newline, which a run that was killed may leave, is left out. Throws
/// DataError with path and line for a file that is missing, empty, larger than 1 GB, or whose rows don't fit its
/// header, and ReadError for one that can't be read, a link, or no regular file.
CsvTable read_csv(const std::filesystem::path& file);
/// The same from text; `source` names it in errors.
CsvTable parse_csv(std::string_view text, const std::string& source);

/// Reads such a file row by row, and holds no more of it than a row and a small buffer. Throws DataError as read_csv()
/// does, whatever the file's size.
class CsvFile {
 public:
  explicit CsvFile(const std::filesystem::path& file);
  ~CsvFile();
  CsvFile(const CsvFile&) = delete;
  CsvFile& operator=(const CsvFile&) = delete;

  const std::vector<std::string>& columns() const;
  /// The next row; nothing at the end, or where the last row is not whole.
  std::optional<std::vector<std::string>> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A value as CsvWriter writes it: a number, nan, inf or -inf; nothing for any other text.
std::optional<double> csv_number(std::string_view text);

}  // namespace bnlab
