#include "experiments/run_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "util/errors.h"
#include "util/nearest.h"

namespace bnlab::experiments {
namespace {

/// The columns that tell the rows of one step apart; rows that agree in all of them are one series.
constexpr std::array<std::string_view, 11> key_columns{
    "split", "statistics", "batch_size", "layer", "time", "tensor", "unit", "parameter", "factor", "multiplier", "arm"};

}  // namespace

CsvTable read_whole_csv(const std::filesystem::path& file) {
  CsvTable table = read_csv(file);
  if (table.is_cut_off) throw DataError(file.string() + ": cut off: its last line is not whole");
  return table;
}

RunRows::RunRows(const config::QuantityConfig& quantity, const std::filesystem::path& file, const CsvTable& table,
                 const config::RowFilter& where)
    : quantity_(quantity), file_(file), table_(table), where_(where), step_(column("step")) {
  std::vector<std::pair<std::size_t, const std::vector<std::string>*>> filters;
  for (const auto& [name, values] : where.columns) filters.emplace_back(column(name), &values);
  std::vector<std::size_t> keys;
  for (const std::string_view name : key_columns)
    if (const auto place = table_.find(name)) keys.push_back(*place);
  std::map<Row, std::size_t> places;
  for (const Row& row : table_.rows) {
    const bool counts = std::all_of(filters.begin(), filters.end(), [&](const auto& filter) {
      return std::find(filter.second->begin(), filter.second->end(), row[filter.first]) != filter.second->end();
    });
    if (!counts) continue;
    Row key;
    for (const std::size_t place : keys) key.push_back(row[place]);
    const auto [group, is_new] = places.emplace(std::move(key), groups_.size());
    if (is_new) groups_.emplace_back();
    groups_[group->second].push_back(&row);
  }
}

void RunRows::refuse_missing() const {
  if (table_.rows.empty()) fail("it has no rows");
  for (const auto& [name, values] : where_.columns) {
    const std::size_t place = column(name);
    std::set<std::string> there;
    for (const Row& row : table_.rows) there.insert(row[place]);
    for (const std::string& value : values)
      if (!there.contains(value))
        fail(
            fmt::format("column {} is never \"{}\"{}", name, value, did_you_mean(value, {there.begin(), there.end()})));
  }
  if (groups_.empty()) fail("no row matches where");
}

void RunRows::fail(const std::string& problem) const {
  throw DataError(fmt::format("{}: quantity {}: {}", file_.string(), quantity_.name, problem));
}

Series RunRows::series(std::size_t group, const std::string& name, const std::string& minus,
                       std::int64_t from_step) const {
  const std::size_t value = column(name);
  const std::size_t subtracted = minus.empty() ? value : column(minus);
  Series series;
  for (const Row* row : groups_[group]) {
    const std::int64_t step = step_of(*row);
    if (step < from_step) continue;
    series.push_back({step, number(*row, value) - (minus.empty() ? 0.0 : number(*row, subtracted))});
  }
  return series;
}

std::size_t RunRows::column(const std::string& name) const {
  const auto place = table_.find(name);
  if (!place)
    throw ConfigError(fmt::format("quantity {}: {} has no column \"{}\"{}", quantity_.name, file_.string(), name,
                                  did_you_mean(name, table_.columns)));
  return *place;
}

std::int64_t RunRows::step_of(const Row& row) const {
  const double step = number(row, step_);
  if (!(step >= 0 && step <= 1e18))
    throw DataError(fmt::format("{}: column step: \"{}\" is not a step", file_.string(), row[step_]));
  return static_cast<std::int64_t>(step);
}

double RunRows::number(const Row& row, std::size_t place) const {
  const auto value = csv_number(row[place]);
  if (!value)
    throw DataError(
        fmt::format("{}: column {}: \"{}\" is not a number", file_.string(), table_.columns[place], row[place]));
  return *value;
}

}  // namespace bnlab::experiments
