#include "experiments/evidence.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/arm_labels.h"
#include "experiments/quantities.h"

namespace bnlab::experiments {
namespace {

/// The point of that label, which is added at the end where it is new.
Point& point_of(std::vector<Point>& points, const std::string& label, double axis) {
  const auto found = std::ranges::find(points, label, &Point::label);
  if (found != points.end()) return *found;
  return points.emplace_back(Point{label, axis, {}});
}

/// Where a point lies on the criterion's axis; 0 without one.
double place_of(const ArmPoint& point, const config::CriterionConfig& criterion, const Plan& plan) {
  for (const auto& [path, value] : point.settings)
    if (path == criterion.axis) return axis_value(plan, point.arm, path, value);
  return 0;
}

/// The points of an arm, or the one point that `wanted` names, with the values of their runs.
std::vector<Point> points_of(const std::string& wanted, const config::CriterionConfig& criterion, const RunTable& table,
                             const Plan& plan) {
  const std::string arm = config::arm_of(wanted);
  std::vector<Point> points;
  for (const ArmPoint& point : plan.points)
    if (point.arm == arm && (wanted == arm || wanted == point.label))
      point_of(points, point.label, place_of(point, criterion, plan));
  for (const RunRow& row : table.rows) {
    if (row.arm != arm || !is_finished(row)) continue;
    const std::string label = row.point ? plan.points[*row.point].label : arm;
    if (wanted != arm && wanted != label) continue;
    Point& point = point_of(points, label, 0);
    const auto found = row.quantities.find(criterion.quantity);
    if (found == row.quantities.end()) continue;
    Value& value = point.values[row.seed] = found->second;
    if (row.status == RunState::diverged) value.diverged_at = row.last_step;
  }
  if (points.empty()) points.push_back({wanted, 0, {}});
  if (!criterion.axis.empty()) std::ranges::stable_sort(points, {}, &Point::axis);
  return points;
}

}  // namespace

Evidence evidence_for(const config::CriterionConfig& criterion, const RunTable& table, const Plan& plan) {
  const config::Better better = better_value(quantity_of(plan.experiment, criterion.quantity));
  Evidence evidence{{}, plan.experiment.seeds.list, better};
  for (const std::string& wanted : criterion.arms) evidence.arms.push_back(points_of(wanted, criterion, table, plan));
  return evidence;
}

}  // namespace bnlab::experiments
