#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/experiment_config.h"
#include "util/csv_table.h"

namespace bnlab::experiments {

struct Sample {
  std::int64_t step;
  double value;
};
using Series = std::vector<Sample>;

/// The file of a run. Throws DataError where it is cut off.
CsvTable read_whole_csv(const std::filesystem::path& file);

/// The rows of a run's file that count for a quantity, in groups of one series each, in the order in which the groups
/// begin. Refers to all that it is made of.
class RunRows {
 public:
  /// Throws ConfigError where `where` names a column that the file lacks.
  RunRows(const config::QuantityConfig& quantity, const std::filesystem::path& file, const CsvTable& table,
          const config::RowFilter& where);

  std::size_t groups() const { return groups_.size(); }

  /// Throws DataError where no row counts, or a value asked for is nowhere in its column.
  void refuse_missing() const;

  [[noreturn]] void fail(const std::string& problem) const;

  /// The values of a column from a step on. Throws ConfigError where there is no such column, DataError where a value
  /// is not a number.
  Series series(std::size_t group, const std::string& column, const std::string& minus, std::int64_t from_step) const;

 private:
  using Row = std::vector<std::string>;

  std::size_t column(const std::string& name) const;
  std::int64_t step_of(const Row& row) const;
  double number(const Row& row, std::size_t place) const;

  const config::QuantityConfig& quantity_;
  const std::filesystem::path& file_;
  const CsvTable& table_;
  const config::RowFilter& where_;
  std::size_t step_;
  std::vector<std::vector<const Row*>> groups_;
};

}  // namespace bnlab::experiments
