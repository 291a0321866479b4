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

std::string edge_of_choice(const Choice& choice, const Plan& plan) {
  if (choice.point.empty()) return "";
  const auto points = std::count_if(plan.points.begin(), plan.points.end(),
                                    [&](const ArmPoint& point) { return point.arm == choice.by; });
  std::vector<std::string> edges;
  for (const ArmPoint& point : plan.points) {
    if (point.label != choice.by + choice.point) continue;
    for (const auto& [path, value] : point.settings) {
      const std::set<double> numbers = numbers_on(plan, choice.by, path);
      if (points > 1 && numbers.size() == 1) continue;  // beside a choice on another axis, this value was not chosen
      if (std::string edge = edge_on(numbers, path, value); !edge.empty()) edges.push_back(std::move(edge));
    }
  }
  if (edges.empty()) return "";
  return fmt::format("{}: the best point is at the edge of the grid of {}, so a better one may lie beyond it: {}",
                     choice.arm, choice.by, fmt::join(edges, "; "));
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
