#include "experiments/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
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

/// "optimizer.learning_rate 3 is the largest of 6 values"; "" where the value lies inside, and where no other is tried.
std::string edge_on(const std::set<double>& numbers, const std::string& path, const std::string& value) {
  const std::optional<double> number = csv_number(value);
  if (!number || !numbers.contains(*number) || numbers.size() == 1) return "";
  const bool smallest = *number == *numbers.begin(), largest = *number == *numbers.rbegin();
  if (!smallest && !largest) return "";
  return fmt::format("{} {} is the {} of {} values", path, value, smallest ? "smallest" : "largest", numbers.size());
}

/// The axes of numbers at whose smallest or largest value the chosen point lies; none while nothing is chosen.
std::vector<std::string> edges_of(const Choice& choice, const Plan& plan) {
  std::vector<std::string> edges;
  for (const ArmPoint& point : plan.points) {
    if (choice.point.empty() || point.label != choice.by + choice.point) continue;
    for (const auto& [path, value] : point.settings)
      if (std::string edge = edge_on(numbers_on(plan, choice.by, path), path, value); !edge.empty())
        edges.push_back(std::move(edge));
  }
  return edges;
}

bool is_decided(Verdict verdict) { return verdict == Verdict::reproduced || verdict == Verdict::not_reproduced; }

/// Adds a warning where there is more than one value.
template <class Value>
void warn_of(const std::string& what, const std::set<Value>& values, const char* separator,
             std::vector<std::string>& warnings) {
  if (values.size() > 1)
    warnings.push_back(fmt::format("the runs differ in their {}: {}", what, fmt::join(values, separator)));
}

}  // namespace

std::vector<std::string> differences_between_runs(const RunTable& table) {
  std::vector<std::string> warnings;
  const auto compare = [&](const char* what, auto RunRow::*member) {
    std::set<std::decay_t<decltype(std::declval<RunRow>().*member)>> values;
    for (const RunRow& row : table.rows)
      if (is_finished(row)) values.insert(row.*member);
    warn_of(what, values, ", ", warnings);
  };
  const auto compare_known = [&](const char* what, std::string RunRow::*member) {  // texts with commas
    std::set<std::string> values;
    for (const RunRow& row : table.rows)
      if (is_finished(row) && !(row.*member).empty()) values.insert(row.*member);
    warn_of(what, values, "; ", warnings);
  };
  compare("instruction set", &RunRow::instruction_set);
  compare("oneDNN version", &RunRow::onednn);
  compare("git revision", &RunRow::git_revision);
  compare_known("build", &RunRow::build);
  compare_known("machine", &RunRow::machine);
  compare("number of threads", &RunRow::threads);
  return warnings;
}

std::string edges_of_choices(const std::vector<Choice>& choices, const Plan& plan) {
  std::vector<std::pair<std::string, std::vector<std::string>>> arms_of_edges;  // in the order of the choices
  for (const Choice& choice : choices)
    for (std::string& edge : edges_of(choice, plan)) {
      const auto known = std::ranges::find(arms_of_edges, edge, [](const auto& one) { return one.first; });
      auto& arms = known == arms_of_edges.end()
                       ? arms_of_edges.emplace_back(std::move(edge), std::vector<std::string>{}).second
                       : known->second;
      arms.push_back(choice.arm);
    }
  if (arms_of_edges.empty()) return "";
  std::vector<std::string> parts;
  for (const auto& [edge, arms] : arms_of_edges) parts.push_back(fmt::format("{} ({})", edge, fmt::join(arms, ", ")));
  return fmt::format("best points at the edge of their grid, beyond which better ones may lie: {}",
                     fmt::join(parts, "; "));
}

std::string deciding_seed(const config::CriterionConfig& criterion, const Evidence& evidence,
                          const Judgement& judgement, const ShownNumbers& numbers) {
  const std::set<std::uint64_t> seeds(evidence.seeds.begin(), evidence.seeds.end());
  if (judgement.verdict == Verdict::reported || seeds.size() < 3) return "";
  if (judgement.seeds != static_cast<std::int64_t>(seeds.size())) return "";
  for (const std::uint64_t left_out : seeds) {
    Evidence rest = evidence;
    std::erase(rest.seeds, left_out);
    const Judgement other = judge(criterion, rest, numbers);
    if (!is_decided(other.verdict) || other.verdict == judgement.verdict) continue;
    return fmt::format("{}: the verdict depends on seed {}: {}, but {} if it is left out", criterion.name, left_out,
                       name_of(judgement.verdict), name_of(other.verdict));
  }
  return "";
}

std::string fewer_seeds(std::size_t now, std::size_t before) {
  if (now >= before) return "";
  return fmt::format("{} seeds; an earlier verdict in this folder has {}", now, before);
}

}  // namespace bnlab::experiments
