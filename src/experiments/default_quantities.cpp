#include "experiments/default_quantities.h"

#include <algorithm>

#include "config/metric.h"
#include "config/names.h"
#include "data/dataset.h"
#include "training/evaluation.h"

namespace bnlab::experiments {
namespace {

/// The statistics whose rows count; "" where no point evaluates several.
std::string statistics_of(const std::vector<ArmPoint>& points) {
  const auto evaluated = [](const ArmPoint& point) { return training::evaluated_statistics(point.config); };
  if (std::ranges::all_of(points, [&](const ArmPoint& point) { return evaluated(point).size() == 1; })) return "";
  for (const config::Statistics one : evaluated(points.front())) {
    const auto evaluates = [&](const ArmPoint& point) {
      const std::vector<config::Statistics> there = evaluated(point);
      return std::ranges::find(there, one) != there.end();
    };
    if (std::ranges::all_of(points, evaluates)) return config::name_of(one);
  }
  return "";
}

}  // namespace

std::vector<config::QuantityConfig> default_quantities(const std::vector<ArmPoint>& points) {
  const bool has_classes = std::ranges::none_of(
      points, [](const ArmPoint& point) { return data::dataset_info(point.config.dataset).has_targets; });
  std::vector<config::QuantityConfig> quantities;
  if (has_classes) quantities.push_back(config::final_of_test_split("accuracy"));
  quantities.push_back(config::final_of_test_split("loss"));
  const std::string statistics = points.empty() ? "" : statistics_of(points);
  if (!statistics.empty())
    for (config::QuantityConfig& one : quantities)
      one.where.columns.emplace_back("statistics", std::vector{statistics});
  return quantities;
}

}  // namespace bnlab::experiments
