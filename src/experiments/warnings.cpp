#include "experiments/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "util/csv_table.h"

namespace bnlab::experiments {
namespace {

/// The different values that the points of an arm have on an axis, in their order; none where one is not a number.
std::set<double> numbers_on(const Plan& plan, const std::string& arm, const std::string& path) {
  std::set<double> numbers;
  for (const ArmPoint& point : plan.points) {
    if (point.arm != arm) continue;
    for (const auto& [axis, value] : point.settings) {
      if (axis != path) continue;
      const std::optional<double> number = csv_number(value);
      if (!number) return {};
      numbers.insert(*number);
    }
  }
  return numbers;
}

/// "optimizer.learning_rate 3 is the largest of 6 values"; "" where the value lies inside.
std::string edge_on(const std::set<double>& numbers, const std::string& path, const std::string& value) {
  const std::optional<double> number = csv_number(value);
  if (!number || !numbers.contains(*number)) return "";
  if (numbers.size() == 1) return fmt::format("{} {} is its only value", path, value);
  const bool smallest = *number == *numbers.begin(), largest = *number == *numbers.rbegin();
  if (!smallest && !largest) return "";
  return fmt::format("{} {} is the {} of {} values", path, value, smallest ? "smallest" : "largest", numbers.size());
}

bool is_decided(Verdict verdict) { return verdict == Verdict::reproduced || verdict == Verdict::not_reproduced; }

}  // namespace

std::string edge_of_choice(const Choice& choice, const Plan& plan) {
  if (choice.point.empty()) return "";
  std::vector<std::string> edges;
  for (const ArmPoint& point : plan.points) {
    if (point.label != choice.of + choice.point) continue;
    for (const auto& [path, value] : point.settings)
      if (std::string edge = edge_on(numbers_on(plan, choice.of, path), path, value); !edge.empty())
        edges.push_back(std::move(edge));
  }
  if (edges.empty()) return "";
  return fmt::format("{}: the choice lies at the edge of the grid of {}, beyond which a better one may lie: {}",
                     choice.arm, choice.of, fmt::join(edges, "; "));
}

std::string deciding_seed(const config::CriterionConfig& criterion, const Evidence& evidence,
                          const Judgement& judgement) {
  const std::set<std::uint64_t> seeds(evidence.seeds.begin(), evidence.seeds.end());
  if (judgement.verdict == Verdict::reported || seeds.size() < 3) return "";
  if (judgement.seeds != static_cast<std::int64_t>(seeds.size())) return "";
  for (const std::uint64_t left_out : seeds) {
    Evidence rest = evidence;
    std::erase(rest.seeds, left_out);
    const Judgement without = judge(criterion, rest);
    if (!is_decided(without.verdict) || without.verdict == judgement.verdict) continue;
    return fmt::format("{}: seed {} decides: {}, and without it {} (interval [{:.4g}, {:.4g}])", criterion.name,
                       left_out, name_of(judgement.verdict), name_of(without.verdict), without.interval->low,
                       without.interval->high);
  }
  return "";
}

std::string fewer_seeds(std::size_t now, std::size_t before) {
  if (now >= before) return "";
  return fmt::format("of {} seeds; an earlier verdict in this folder was of {}", now, before);
}

}  // namespace bnlab::experiments
