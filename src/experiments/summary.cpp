#include "experiments/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "config/csv_columns.h"
#include "experiments/statistics.h"
#include "util/csv.h"
#include "util/number_text.h"
#include "util/text_table.h"

namespace bnlab::experiments {
namespace {

using Cells = std::vector<std::string>;

/// The row of the runs of one arm and point.
SummaryRow row_of(const std::vector<const RunRow*>& runs, const std::vector<QuantityColumn>& quantities) {
  SummaryRow row{.arm = runs.front()->arm, .axes = runs.front()->axes, .runs = runs.size(), .cells = {}};
  for (const RunRow* run : runs) {
    row.completed += run->status == RunState::completed ? 1 : 0;
    row.diverged += run->status == RunState::diverged ? 1 : 0;
    row.failed += run->status == RunState::failed ? 1 : 0;
  }
  for (const QuantityColumn& quantity : quantities) {
    std::vector<Value> values;
    for (const RunRow* run : runs)
      if (const auto found = run->quantities.find(quantity.name); found != run->quantities.end())
        values.push_back(found->second);
    row.cells.push_back(summarize(values));
  }
  return row;
}

/// In summary.csv.
const char* bound_text(Bound bound) {
  return bound == Bound::at_least ? "at_least" : bound == Bound::at_most ? "at_most" : "";
}

// ---- the table of text

/// A column of text: its header first.
using Column = std::vector<std::string>;

std::size_t width_of(const Column& column) {
  std::size_t width = 0;
  for (const std::string& cell : column) width = std::max(width, display_width(cell));
  return width;
}

std::size_t width_of(const std::vector<Column>& columns) {
  constexpr std::size_t gap = 2;
  std::size_t width = 0;
  for (const Column& column : columns) width += width_of(column) + gap;
  return width - std::min(width, gap);
}

/// The columns that tell the rows apart.
std::vector<Column> keys_of(const Summary& summary) {
  std::vector<Column> columns;
  std::set<std::string> arms;
  Column arm{"arm"};
  for (const SummaryRow& row : summary.rows) {
    arms.insert(row.arm);
    arm.push_back(row.arm);
  }
  if (arms.size() > 1 || summary.axes.empty()) columns.push_back(std::move(arm));
  const std::vector<std::string> names = names_of_axes(summary.axes);
  for (std::size_t i = 0; i < summary.axes.size(); ++i) {
    Column column{names[i]};
    for (const SummaryRow& row : summary.rows) {
      const auto found = row.axes.find(summary.axes[i]);
      column.push_back(found == row.axes.end() ? "" : shown_value(found->second));
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

/// How many runs there are and, where some did so, diverged, failed, are missing.
std::vector<Column> counts_of(const Summary& summary) {
  std::vector<Column> columns;
  const auto add = [&](const char* name, bool always, auto count) {
    Column column{name};
    bool any = always;
    for (const SummaryRow& row : summary.rows) {
      any = any || count(row) > 0;
      column.push_back(std::to_string(count(row)));
    }
    if (any) columns.push_back(std::move(column));
  };
  add("runs", true, [](const SummaryRow& row) { return row.runs; });
  add("diverged", false, [](const SummaryRow& row) { return row.diverged; });
  add("failed", false, [](const SummaryRow& row) { return row.failed; });
  add("missing", false, [](const SummaryRow& row) { return row.missing(); });
  return columns;
}

/// Shortens the longest cells until the columns are at most `width` wide, or 8 characters each.
void shorten(std::vector<Column>& columns, std::size_t width) {
  constexpr std::size_t least = 8;
  std::vector<std::size_t> widths;
  for (const Column& one : columns) widths.push_back(width_of(one));
  for (std::size_t all = width_of(columns); all > width; --all) {
    const auto widest = std::ranges::max_element(widths);
    if (widest == widths.end() || *widest <= least) break;
    --*widest;
  }
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::string& cell : columns[i]) cell = elided(cell, widths[i]);
}

std::string text_of(const std::vector<Column>& columns, std::size_t left) {
  std::vector<Cells> rows(columns.front().size());
  for (const Column& column : columns)
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(column[i]);
  return table(rows, left);
}

}  // namespace

SummaryCell summarize(const std::vector<Value>& values) {
  SummaryCell cell;
  std::vector<double> finite;
  std::size_t in_the_first_row = 0;
  for (const Value& value : values) {
    if (!std::isfinite(value.value)) continue;
    finite.push_back(value.value);
    if (value.bound == Bound::at_least) cell.bound = Bound::at_least;
    if (value.bound == Bound::exact && value.between && value.between->low == 0) ++in_the_first_row;
  }
  cell.count = finite.size();
  if (cell.count > 0 && in_the_first_row == cell.count) cell.bound = Bound::at_most;
  if (finite.size() == 1) cell.mean = finite.front();
  if (finite.size() < 2) return cell;
  const MeanInterval mean = mean_interval(finite);
  cell.mean = mean.mean;
  cell.deviation = mean.deviation;
  cell.half_interval = mean.interval.high - mean.mean;
  return cell;
}

std::string mean_text(const SummaryCell& cell, std::size_t runs, const Unit& unit) {
  if (cell.count == 0) return "-";
  constexpr int fewest = 4;
  const double mean = unit(cell.mean), half = cell.half_interval * unit.times;
  const double size = std::abs(mean);
  std::string text = cell.bound == Bound::at_least ? ">= " : cell.bound == Bound::at_most ? "<= " : "";
  if (std::isnan(half) || half == 0) {
    text += with_digits(mean, fewest);
  } else if (unit.is_factor) {
    const auto [low, high] = std::minmax({unit(cell.mean - half), unit(cell.mean + half)});
    const int digits = std::clamp(static_cast<int>(std::ceil(std::log10(high / (high - low)))) + 1, fewest, 6);
    const int decimals = digits - 1 - static_cast<int>(std::floor(std::log10(size)));
    const auto text_of_end = [&](double value) {
      return decimals >= 0 && decimals < 9 ? with_decimals(value, decimals) : with_digits(value, digits);
    };
    text += fmt::format("{} [{}, {}]", text_of_end(mean), text_of_end(low), text_of_end(high));
  } else if (half >= 1e-4 && (size == 0 || (size >= 1e-3 && size < 1e6))) {
    const int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(half))), 0, 5);
    text += fmt::format("{} +- {}", with_decimals(mean, decimals), with_decimals(half, decimals));
  } else {
    text += fmt::format("{} +- {}", with_digits(mean, fewest), with_digits(half, 2));
  }
  return cell.count == runs ? text : text + fmt::format(" ({} of {})", cell.count, runs);
}

Summary summarize(const Plan& plan, const RunTable& table) {
  Summary summary{plan.hash, plan.axes, table.quantities, {}};
  std::vector<std::vector<const RunRow*>> groups;
  std::map<std::pair<std::string, std::map<std::string, std::string>>, std::size_t> places;  // by arm and axes
  for (const RunRow& run : table.rows) {
    const auto [place, is_new] = places.emplace(std::pair(run.arm, run.axes), groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].push_back(&run);
  }
  for (const auto& runs : groups) summary.rows.push_back(row_of(runs, summary.quantities));
  return summary;
}

std::string to_csv(const Summary& summary) {
  const auto number = [](double value) { return std::isnan(value) ? std::string() : csv_text(value); };
  Cells header{"arm"};
  header.insert(header.end(), summary.axes.begin(), summary.axes.end());
  header.insert(header.end(), {"runs", "completed", "diverged", "failed"});
  for (const QuantityColumn& quantity : summary.quantities) {
    for (const char* end : {"_n", "_mean", "_sd", "_half_interval"}) header.push_back(quantity.name + end);
    if (quantity.counts_steps) header.push_back(quantity.name + config::bound_suffix);
  }
  header.emplace_back("plan");
  std::string text = csv_line(header);
  for (const SummaryRow& row : summary.rows) {
    Cells cells{row.arm};
    for (const std::string& axis : summary.axes) {
      const auto found = row.axes.find(axis);
      cells.push_back(found == row.axes.end() ? "" : shown_value(found->second));
    }
    for (const std::size_t count : {row.runs, row.completed, row.diverged, row.failed})
      cells.push_back(std::to_string(count));
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const SummaryCell& cell = row.cells[i];
      cells.push_back(std::to_string(cell.count));
      for (const double value : {cell.mean, cell.deviation, cell.half_interval}) cells.push_back(number(value));
      if (summary.quantities[i].counts_steps) cells.emplace_back(bound_text(cell.bound));
    }
    cells.push_back(summary.plan);
    text += csv_line(cells);
  }
  return text;
}

std::string text_table(const Summary& summary, const config::ExperimentConfig& experiment, std::size_t width) {
  std::vector<Column> keys = keys_of(summary);
  const std::vector<Column> counts = counts_of(summary);
  constexpr std::size_t longest_unit = 16;
  constexpr std::size_t for_means = 28;  // of a quantity that is "at least", of some of the runs
  const std::size_t for_counts = width_of(counts) + 2;
  shorten(keys, width - std::min(width, for_counts + for_means));
  const std::size_t left = keys.size();
  std::vector<Column> columns = keys;
  columns.insert(columns.end(), counts.begin(), counts.end());
  std::string text;
  bool has_quantity = false;
  for (std::size_t i = 0; i < summary.quantities.size(); ++i) {
    const std::string& name = summary.quantities[i].name;
    const Unit unit = unit_of(quantity_of(experiment, name));
    const std::string behind =
        unit.name.empty() || summary.quantities[i].counts_steps || display_width(unit.name) > longest_unit
            ? ""
            : fmt::format(" ({})", unit.name);
    Column column{elided(name, std::max<std::size_t>(for_means - std::min(for_means, display_width(behind)), 8)) +
                  behind};
    for (const SummaryRow& row : summary.rows) column.push_back(mean_text(row.cells[i], row.runs, unit));
    columns.push_back(std::move(column));
    if (!has_quantity || width_of(columns) <= width) {
      has_quantity = true;
      continue;
    }
    std::vector<Column> next = keys;
    next.push_back(std::move(columns.back()));
    columns.pop_back();
    text += text_of(columns, left) + "\n";
    columns = std::move(next);
  }
  return text + text_of(columns, left);
}

}  // namespace bnlab::experiments
