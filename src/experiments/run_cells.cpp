#include "experiments/run_cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <type_traits>
#include <variant>

#include "config/csv_columns.h"
#include "config/find_kind.h"
#include "util/csv.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/nearest.h"

namespace bnlab::experiments {
namespace {

using config::RunColumn;
using config::RunColumnName;

const char* const at_least = "at_least";

/// A column's place in a row, and what its cells must be, for errors.
struct Column {
  std::variant<std::string RunRow::*, RunState RunRow::*, double RunRow::*, int RunRow::*, std::int64_t RunRow::*,
               std::uint64_t RunRow::*>
      member;
  const char* what = "";
};

Column column_of(RunColumn column) {
  switch (column) {
    case RunColumn::arm:
      return {&RunRow::arm};
    case RunColumn::seed:
      return {&RunRow::seed, "a seed"};
    case RunColumn::run:
      return {&RunRow::run};
    case RunColumn::status:
      return {&RunRow::status};
    case RunColumn::last_step:
      return {&RunRow::last_step, "a step"};
    case RunColumn::error:
      return {&RunRow::error};
    case RunColumn::seconds:
      return {&RunRow::seconds};
    case RunColumn::steps_per_second:
      return {&RunRow::steps_per_second};
    case RunColumn::instruction_set:
      return {&RunRow::instruction_set};
    case RunColumn::onednn:
      return {&RunRow::onednn};
    case RunColumn::git_revision:
      return {&RunRow::git_revision};
    case RunColumn::threads:
      return {&RunRow::threads, "a number of threads"};
    case RunColumn::dataset_sha256:
      return {&RunRow::dataset_sha256};
    case RunColumn::machine:
      return {&RunRow::machine};
    case RunColumn::build:
      return {&RunRow::build};
    case RunColumn::initial_weights_sha256:
      return {&RunRow::initial_weights_sha256};
    case RunColumn::train_sha256:
      return {&RunRow::train_sha256};
    case RunColumn::doubt:
      return {&RunRow::doubt};
    case RunColumn::plan:
      return {&RunRow::plan};
  }
  return {&RunRow::arm};
}

constexpr std::span<const RunColumnName> all_columns = config::run_columns;
constexpr auto columns_before_axes = all_columns.first(config::columns_before_axes);
constexpr auto columns_after_axes =
    all_columns.first(config::columns_before_quantities).subspan(config::columns_before_axes);
constexpr auto columns_after_quantities = all_columns.subspan(config::columns_before_quantities);

std::string text_of(const std::string& text) { return text; }
std::string text_of(RunState state) { return name_of(state); }
std::string text_of(double number) { return csv_text(number); }
template <class Integer>
requires std::is_integral_v<Integer> std::string text_of(Integer number) { return std::to_string(number); }

// ---- reading a cell into the member of a row

void read(const RowCells& cells, const std::string& column, const char*, std::string& value) {
  value = cells.text(column);
}
void read(const RowCells& cells, const std::string& column, const char*, double& value) {
  value = cells.number(column);
}
void read(const RowCells& cells, const std::string& column, const char*, RunState& value) {
  const std::string& text = cells.text(column);
  const auto state = config::find_kind<RunState>(text);
  if (!state) {
    const std::vector<std::string> names = config::names_of<RunState>();
    cells.wrong(column, "one of " + join(names) + did_you_mean(text, names));
  }
  value = *state;
}
template <class Integer>
requires std::is_integral_v<Integer>
void read(const RowCells& cells, const std::string& column, const char* what, Integer& value) {
  const std::string& cell = cells.text(column);
  const auto end = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (end.ec != std::errc() || end.ptr != cell.data() + cell.size()) cells.wrong(column, what);
}

double as_in_file(double value) { return csv_number(csv_text(value)).value_or(value); }

Value read_quantity(const RowCells& cells, const QuantityColumn& quantity) {
  Value value{as_in_file(cells.number(quantity.name)), Bound::exact};
  if (!quantity.counts_steps) return value;
  const std::string column = bound_column(quantity.name);
  if (cells.text(column) == at_least)
    value.bound = Bound::at_least;
  else if (!cells.text(column).empty())
    cells.wrong(column, "at_least or empty");
  if (const std::string from = from_column(quantity.name); cells.has(from) && !cells.text(from).empty()) {
    const double low = as_in_file(cells.number(from));
    if (!(low < value.value)) cells.wrong(from, "below " + cells.text(quantity.name));
    value.between = Interval{low, known(value).high};
  }
  return value;
}

}  // namespace

std::string bound_column(const std::string& quantity) { return quantity + config::bound_suffix; }
std::string from_column(const std::string& quantity) { return quantity + config::from_suffix; }

std::vector<std::string> header_of(const RunTable& table) {
  std::vector<std::string> header;
  const auto add = [&](std::span<const RunColumnName> columns) {
    for (const RunColumnName& column : columns) header.emplace_back(column.name);
  };
  add(columns_before_axes);
  header.insert(header.end(), table.axes.begin(), table.axes.end());
  add(columns_after_axes);
  for (const QuantityColumn& quantity : table.quantities) {
    header.push_back(quantity.name);
    if (quantity.counts_steps) header.insert(header.end(), {bound_column(quantity.name), from_column(quantity.name)});
  }
  add(columns_after_quantities);
  return header;
}

bool may_be_missing(const std::string& name) {
  return name.ends_with(config::from_suffix) || std::ranges::any_of(config::run_columns, [&](const auto& column) {
           return column.name == name && column.is_newer;
         });
}

std::vector<std::string> cells_of(const RunRow& row, const RunTable& table) {
  std::vector<std::string> cells;
  const auto add = [&](std::span<const RunColumnName> columns) {
    for (const RunColumnName& column : columns)
      std::visit([&](auto member) { cells.push_back(text_of(row.*member)); }, column_of(column.value).member);
  };
  add(columns_before_axes);
  for (const std::string& axis : table.axes) cells.push_back(row.axes.contains(axis) ? row.axes.at(axis) : "");
  add(columns_after_axes);
  for (const QuantityColumn& quantity : table.quantities) {
    const auto found = row.quantities.find(quantity.name);
    const Value* value = found == row.quantities.end() ? nullptr : &found->second;
    cells.push_back(value ? csv_text(value->value) : "");
    if (!quantity.counts_steps) continue;
    cells.emplace_back(value && value->bound == Bound::at_least ? at_least : "");
    cells.push_back(value && value->between ? csv_text(value->between->low) : "");
  }
  add(columns_after_quantities);
  return cells;
}

const std::string& RowCells::text(const std::string& column) const { return table_.rows[row_][*table_.find(column)]; }
bool RowCells::has(const std::string& column) const { return table_.find(column).has_value(); }

double RowCells::number(const std::string& column) const {
  const auto value = csv_number(text(column));
  if (!value) wrong(column, "a number");
  return *value;
}

void RowCells::wrong(const std::string& column, const std::string& what) const {
  fail(fmt::format("column {}: \"{}\" is not {}", column, text(column), what));
}

void RowCells::fail(const std::string& problem) const {
  throw DataError(fmt::format("{}: row {}: {}", file_.string(), row_ + 1, problem));
}

RunRow read_row(const RowCells& cells, const RunTable& table) {
  RunRow row;
  const auto read_columns = [&](std::span<const RunColumnName> columns) {
    for (const RunColumnName& column : columns) {
      const std::string name(column.name);
      if (column.is_newer && !cells.has(name)) continue;
      const Column place = column_of(column.value);
      std::visit([&](auto member) { read(cells, name, place.what, row.*member); }, place.member);
    }
  };
  read_columns(columns_before_axes);
  for (const std::string& axis : table.axes)
    if (const std::string& value = cells.text(axis); !value.empty()) row.axes[axis] = value;
  read_columns(columns_after_axes);
  for (const QuantityColumn& quantity : table.quantities)
    if (!cells.text(quantity.name).empty()) row.quantities[quantity.name] = read_quantity(cells, quantity);
  read_columns(columns_after_quantities);
  return row;
}

Value as_in_file(Value value) {
  value.value = as_in_file(value.value);
  if (value.between) value.between = Interval{as_in_file(value.between->low), as_in_file(value.between->high)};
  return value;
}

}  // namespace bnlab::experiments
