#include "experiments/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "config/arm_labels.h"
#include "config/differences.h"
#include "config/effective.h"
#include "config/experiment.h"
#include "config/load.h"
#include "experiments/certain_claims.h"
#include "experiments/default_quantities.h"
#include "experiments/plan_checks.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/join.h"
#include "util/nearest.h"

namespace bnlab::experiments {
namespace {

using config::ArmConfig;
using config::ExperimentConfig;
using config::RunConfig;
using Combination = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t most_runs = 100'000;
constexpr std::size_t hash_digits = 16;

/// How many points an arm has; some number above `most_runs` where it is more than that.
std::size_t points_of(const ArmConfig& arm) {
  if (arm.best_of) return 0;
  std::size_t points = arm.zip.paths.empty() ? 1 : arm.zip.paths.front().second.size();
  for (const auto& [path, values] : arm.grid.paths) points = std::min(points * values.size(), most_runs + 1);
  return points;
}

void refuse_too_many(const ExperimentConfig& experiment) {
  std::size_t points = 0;
  for (const ArmConfig& arm : experiment.arms) points += points_of(arm);
  if (points * experiment.seeds.list.size() <= most_runs) return;
  std::string text = experiment.name + ": more than " + std::to_string(most_runs) + " runs:";
  for (const ArmConfig& arm : experiment.arms)
    if (const std::size_t of_arm = points_of(arm); of_arm > 0)
      text += fmt::format(" {} points of {},", of_arm > most_runs ? "too many" : std::to_string(of_arm), arm.name);
  throw ConfigError(fmt::format("{} with {} seeds", text, experiment.seeds.list.size()));
}

std::vector<Combination> combinations(const ArmConfig& arm) {
  std::vector<Combination> all{{}};
  for (const auto& [path, values] : arm.grid.paths) {
    std::vector<Combination> longer;
    for (const Combination& one : all)
      for (const config::JsonText& value : values) {
        longer.push_back(one);
        longer.back().emplace_back(path, value.text);
      }
    all = std::move(longer);
  }
  if (arm.zip.paths.empty()) return all;
  std::vector<Combination> zipped;
  for (const Combination& one : all)
    for (std::size_t i = 0; i < arm.zip.paths.front().second.size(); ++i) {
      zipped.push_back(one);
      for (const auto& [path, values] : arm.zip.paths) zipped.back().emplace_back(path, values[i].text);
    }
  return zipped;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('.') + 1); }

/// "[learning_rate=0.1,std=0.01]".
std::string label_of(const Combination& settings) {
  if (settings.empty()) return "";
  std::vector<std::string> paths;
  for (const auto& [path, value] : settings) paths.push_back(path);
  const std::vector<std::string> names = names_of_axes(paths);
  std::string text;
  for (std::size_t i = 0; i < settings.size(); ++i)
    text += (text.empty() ? "[" : ",") + names[i] + "=" + shown_value(settings[i].second);
  return text + "]";
}

std::string as_file_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool is_allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                            c == '_' || c == '=' || c == '-';
    name += is_allowed ? c : '_';
  }
  return name.substr(0, 120);
}

bool is_under(const std::string& path, const std::string& section) {
  return path == section || (path.starts_with(section) && path[section.size()] == '.');
}

/// Whether a difference is declared: it lies at or under a declared path, or it is a field that applies to one of the
/// two configs only because of the value of a declared one.
bool is_declared(const config::Difference& difference, const std::vector<std::string>& declared) {
  const bool applies_to_one = difference.first == "(unset)" || difference.second == "(unset)";
  return std::any_of(declared.begin(), declared.end(), [&](const std::string& path) {
    if (is_under(difference.path, path)) return true;
    if (path == "network.name") return is_under(difference.path, "network");
    return applies_to_one && std::any_of(difference.decided_by.begin(), difference.decided_by.end(),
                                         [&](const std::string& decider) { return is_under(decider, path); });
  });
}

std::vector<std::string> declared_by(const ArmConfig& arm) {
  std::vector<std::string> paths = arm.differs_in;
  for (const auto& [path, value] : arm.set.paths) paths.push_back(path);
  for (const auto& [path, values] : arm.axes().paths) paths.push_back(path);
  return paths;
}

void refuse_undeclared(const ExperimentConfig& experiment, const ArmConfig& arm, const std::string& label,
                       const RunConfig& base, const RunConfig& config) {
  if (!arm.config) return;  // made from the base and what the arm declares, and nothing else
  const std::vector<std::string> declared = declared_by(arm);
  std::vector<std::string> lines;
  for (const config::Difference& difference : config::differences(base, config))
    if (!is_declared(difference, declared))
      lines.push_back(
          fmt::format("{}: arm {}: undeclared difference from the base: {} is {} in the base, and {} in the arm",
                      experiment.name, label, difference.path, difference.first, difference.second));
  if (!lines.empty()) throw ConfigError(fmt::format("{}", fmt::join(lines, "\n")));
}

ArmPoint resolve_point(const ExperimentConfig& experiment, const ArmConfig& arm, const Combination& settings,
                       const RunConfig& base) {
  ArmPoint point{arm.name, arm.name + label_of(settings), settings, {}};
  std::vector<std::string> texts = config::texts_of(arm.set);
  for (const auto& [path, value] : settings) texts.push_back(path + "=" + value);
  const bool is_ablation = experiment.profile.empty();
  point.config = config::resolve(arm.config.value_or(experiment.base), texts, ".",
                                 is_ablation ? "" : fmt::format("{}: arm {}", experiment.name, point.label),
                                 is_ablation ? "--grid" : "");
  point.config.description.clear();
  point.config.training.seed = experiment.seeds.list.front();
  refuse_undeclared(experiment, arm, point.label, base, point.config);
  return point;
}

void add(Sha256& sum, const std::string& text) {
  sum.update(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

/// `hashes`: of each run of the plan, in their order.
std::string hash_of(const Plan& plan, const std::vector<std::string>& hashes) {
  Sha256 sum;
  add(sum, config::judgement_text(plan.experiment));
  for (const ArmPoint& point : plan.points) {
    add(sum, point.label + "\n");
    for (const auto& [path, value] : point.settings) add(sum, path + "=" + value + "\n");
  }
  std::set<std::string> runs;  // the order of the seeds decides nothing
  for (std::size_t i = 0; i < plan.runs.size(); ++i)
    runs.insert(fmt::format("{} {} {}\n", plan.points[plan.runs[i].point].label, plan.runs[i].seed, hashes[i]));
  for (const std::string& run : runs) add(sum, run);
  return sum.hex().substr(0, hash_digits);
}

[[noreturn]] void fail_start(const Plan& plan, const ArmPoint& point, const std::string& problem) {
  throw ConfigError(fmt::format("{}: arm {}: initialization.from: {}", plan.experiment.name, point.label, problem));
}

/// Why `label` names no point whose weights another can start from.
std::string problem_of_start(const Plan& plan, const std::string& label) {
  for (const ArmPoint& later : plan.points)
    if (later.label == label) return fmt::format("arm {} must come before the arms that start from its weights", label);
  std::vector<std::string> known;
  for (const ArmPoint& point : plan.points) {
    if (point.arm == label)
      return fmt::format("arm {} has axes; name one of its points, such as \"{}{}\"", label, arm_prefix, point.label);
    known.push_back(point.label);
  }
  for (const ArmConfig& arm : plan.experiment.arms)
    if (arm.name == label && arm.best_of) return fmt::format("arm {} is a best_of and has no runs of its own", label);
  return fmt::format("no arm \"{}\"{}", label, did_you_mean(label, known));
}

/// Of each point the point that it starts from, which comes before it, so that parents run first.
std::vector<std::optional<std::size_t>> parents_of(const Plan& plan) {
  std::vector<std::optional<std::size_t>> parents;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const ArmPoint& point = plan.points[i];
    std::optional<std::size_t>& parent = parents.emplace_back();
    const std::string& from = point.config.initialization.from;
    if (!from.starts_with(arm_prefix)) continue;
    const std::string label = from.substr(std::string_view(arm_prefix).size());
    for (std::size_t k = 0; k < i; ++k)
      if (plan.points[k].label == label) parent = k;
    if (!parent) fail_start(plan, point, problem_of_start(plan, label));
    if (!plan.points[*parent].config.record.final_weights)
      fail_start(plan, point, fmt::format("arm {} keeps no weights: its record.final_weights is false", label));
  }
  return parents;
}

/// Criteria may be about points; an axis that a profile changed may have lost them.
void refuse_unknown_points(const Plan& plan) {
  for (const config::CriterionConfig& criterion : plan.experiment.criteria)
    for (const std::string& label : criterion.arms) {
      if (label.find('[') == std::string::npos) continue;
      std::vector<std::string> known;
      for (const ArmPoint& point : plan.points)
        if (point.arm == config::arm_of(label)) known.push_back(point.label);
      if (std::find(known.begin(), known.end(), label) != known.end()) continue;
      const std::string guess = did_you_mean(label, known);
      constexpr std::size_t most_names = 20;
      if (known.size() > most_names) {
        known.resize(most_names);
        known.emplace_back("...");
      }
      throw ConfigError(fmt::format("{}: criterion {}: no point \"{}\"; there are {}{}", plan.experiment.name,
                                    criterion.name, label, join(known), guess));
    }
}

}  // namespace

std::vector<std::string> names_of_axes(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(last_part(path));
  const bool alike =
      std::ranges::any_of(names, [&](const std::string& name) { return std::ranges::count(names, name) > 1; });
  return alike ? paths : names;
}

std::string shown_value(const std::string& json) {
  const bool is_text = json.size() >= 2 && json.front() == '"' && json.back() == '"';
  return is_text ? json.substr(1, json.size() - 2) : json;
}

std::string hash_of(const RunConfig& config) {
  RunConfig copy = config;
  copy.description.clear();
  Sha256 sum;
  add(sum, config::to_json(copy));
  return sum.hex();
}

Plan make_plan(const ExperimentConfig& experiment) {
  refuse_too_many(experiment);
  Plan plan{experiment, {}, {}, {}, ""};
  RunConfig base = config::resolve(experiment.base, {}, ".", experiment.name + ": base");
  base.description.clear();
  base.training.seed = experiment.seeds.list.front();
  for (const ArmConfig& arm : experiment.arms) {
    for (const auto& [path, values] : arm.axes().paths)
      if (std::find(plan.axes.begin(), plan.axes.end(), path) == plan.axes.end()) plan.axes.push_back(path);
    if (arm.best_of) continue;
    for (const Combination& settings : combinations(arm))
      plan.points.push_back(resolve_point(experiment, arm, settings, base));
  }
  if (plan.experiment.quantities.empty()) plan.experiment.quantities = default_quantities(plan.points);
  refuse_unknown_points(plan);
  refuse_what_no_run_gives(plan);
  const std::vector<std::optional<std::size_t>> parents = parents_of(plan);
  std::map<std::string, std::string> names;  // by hash
  std::vector<std::string> hashes;
  for (const std::uint64_t seed : experiment.seeds.list) {
    const std::size_t first = plan.runs.size();
    for (std::size_t i = 0; i < plan.points.size(); ++i) {
      PlannedRun run{i, seed, plan.points[i].config, ""};
      run.config.training.seed = seed;
      if (parents[i]) {
        run.parent = first + *parents[i];
        run.config.initialization.from = config::run_prefix + hashes[*run.parent].substr(0, hash_digits);
      }
      const std::string hash = hash_of(run.config);
      const std::string name =
          fmt::format("{}_{}_seed{}", hash.substr(0, hash_digits), as_file_name(plan.points[i].label), seed);
      run.name = names.emplace(hash, name).first->second;
      plan.runs.push_back(std::move(run));
      hashes.push_back(hash);
    }
  }
  plan.hash = hash_of(plan, hashes);
  refuse_certain_claims(plan);
  return plan;
}

std::vector<std::string> changes_of(const Plan& plan, const ArmPoint& point) {
  RunConfig base = config::resolve(plan.experiment.base, {}, ".", plan.experiment.name + ": base");
  base.description.clear();
  base.training.seed = point.config.training.seed;
  std::vector<std::string> lines;
  for (const config::Difference& difference : config::differences(base, point.config))
    lines.push_back(fmt::format("{}: {} -> {}", difference.path, difference.first, difference.second));
  return lines;
}

double axis_value(const Plan& plan, const std::string& arm, const std::string& path, const std::string& value) {
  if (const auto number = csv_number(value)) return *number;
  for (const ArmConfig& one : plan.experiment.arms)
    if (one.name == arm)
      for (const auto& [axis, values] : one.axes().paths)
        if (axis == path)
          for (std::size_t i = 0; i < values.size(); ++i)
            if (values[i].text == value) return static_cast<double>(i);
  return 0;
}

}  // namespace bnlab::experiments
