#include "experiments/choices.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/quantities.h"

namespace bnlab::experiments {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The mean over the seeds of one point; NaN where a seed has no value, a bound where one is.
Value mean_over_seeds(const RunTable& table, const Plan& plan, std::size_t point, const std::string& quantity) {
  Value mean;
  std::size_t count = 0;
  for (const RunRow& row : table.rows) {
    if (row.point != point) continue;
    const auto found = row.quantities.find(quantity);
    const Value value = found == row.quantities.end() ? Value{none} : found->second;
    mean.value += value.value;
    if (value.bound != Bound::exact) mean.bound = value.bound;
    ++count;
  }
  const bool is_whole = count == plan.experiment.seeds.list.size();
  mean.value = is_whole ? mean.value / static_cast<double>(count) : none;
  return mean;
}

/// Of equal numbers of steps the one that may be more is worse where fewer are better, and better where more are.
bool is_better(const Value& a, const Value& b, config::Better better) {
  const bool higher = better == config::Better::higher;
  if (a.value != b.value) return higher ? a.value > b.value : a.value < b.value;
  const Value& more = higher ? a : b;
  const Value& less = higher ? b : a;
  return more.bound == Bound::at_least && less.bound == Bound::exact;
}

/// Whether each run of the arm has ended.
bool is_complete(const RunTable& table, const std::string& arm) {
  return std::all_of(table.rows.begin(), table.rows.end(),
                     [&](const RunRow& row) { return row.arm != arm || is_finished(row); });
}

Choice choose(const RunTable& table, const Plan& plan, const config::ArmConfig& arm) {
  const config::BestOf& best_of = *arm.best_of;
  Choice choice{arm.name, best_of.arm, best_of.chosen_by.value_or(best_of.arm), "", best_of.quantity, none, {}};
  const config::Better better = better_value(quantity_of(plan.experiment, choice.quantity));
  Value best{none};
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const ArmPoint& point = plan.points[i];
    if (point.arm != choice.by) continue;
    const Value mean = mean_over_seeds(table, plan, i, choice.quantity);
    const std::string settings = point.label.substr(point.arm.size());
    choice.candidates.emplace_back(settings, mean.value);
    if (std::isnan(mean.value) || (!std::isnan(best.value) && !is_better(mean, best, better))) continue;
    best = mean;
    choice.mean = mean.value;
    choice.point = settings;
  }
  // While runs are missing another point may yet be the best.
  if (!is_complete(table, choice.by)) choice.point.clear();
  return choice;
}

}  // namespace

std::vector<Choice> choices(const RunTable& table, const Plan& plan) {
  std::vector<Choice> all;
  for (const config::ArmConfig& arm : plan.experiment.arms)
    if (arm.best_of) all.push_back(choose(table, plan, arm));
  return all;
}

void add_best_arms(RunTable& table, const Plan& plan) {
  for (const Choice& choice : choices(table, plan)) {
    if (choice.point.empty()) continue;
    std::vector<RunRow> rows;
    for (const RunRow& row : table.rows)
      if (row.point && plan.points[*row.point].label == choice.of + choice.point) rows.push_back(row);
    for (RunRow& row : rows) {
      row.arm = choice.arm;
      row.point.reset();
      table.rows.push_back(std::move(row));
    }
  }
}

}  // namespace bnlab::experiments
