#pragma once
// The columns of runs.csv and the cells of its rows, in both directions.

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/run_table.h"
#include "util/csv_table.h"

namespace bnlab::experiments {

/// The columns of a quantity that counts steps beside its own.
std::string bound_column(const std::string& quantity);
std::string from_column(const std::string& quantity);

std::vector<std::string> header_of(const RunTable& table);

/// Whether a file of an earlier version may lack the column.
bool may_be_missing(const std::string& column);

/// The cells of a row of the table, in the order of its header.
std::vector<std::string> cells_of(const RunRow& row, const RunTable& table);

/// The cells of one row of a runs.csv. Refers to its arguments.
class RowCells {
 public:
  RowCells(const CsvTable& table, std::size_t row, const std::filesystem::path& file)
      : table_(table), row_(row), file_(file) {}

  bool has(const std::string& column) const;
  /// These two of a column that the table has; the second throws DataError where the cell is not a number.
  const std::string& text(const std::string& column) const;
  double number(const std::string& column) const;

  /// Throws DataError: "FILE: row 3: column seed: "x" is not a seed".
  [[noreturn]] void wrong(const std::string& column, const std::string& what) const;
  /// Throws DataError: "FILE: row 3: PROBLEM".
  [[noreturn]] void fail(const std::string& problem) const;

 private:
  const CsvTable& table_;
  std::size_t row_;
  const std::filesystem::path& file_;
};

/// The row without its point; the axes and quantities are those of `table`. Throws DataError where a cell is damaged.
RunRow read_row(const RowCells& cells, const RunTable& table);

/// A value with the digits that the file has, so that no choice or verdict depends on digits that it lacks.
Value as_in_file(Value value);

}  // namespace bnlab::experiments
