#include "experiments/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "config/experiment.h"
#include "config/load.h"
#include "util/csv_table.h"
#include "util/errors.h"
#include "util/file.h"

namespace bnlab::experiments {
namespace {

using config::ArmConfig;
using config::Axes;
using config::ExperimentConfig;
using config::RunConfig;
using Combination = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t most_runs = 1'000'000;

const Axes& axes_of(const ArmConfig& arm) { return arm.grid.paths.empty() ? arm.zip : arm.grid; }

std::vector<Combination> combinations(const ArmConfig& arm) {
  std::vector<Combination> all{{}};
  for (const auto& [path, values] : arm.grid.paths) {
    std::vector<Combination> longer;
    for (const Combination& one : all)
      for (const config::JsonText& value : values) {
        longer.push_back(one);
        longer.back().emplace_back(path, value.text);
      }
    if (longer.size() > most_runs) throw ConfigError(fmt::format("arm {}: more than {} points", arm.name, most_runs));
    all = std::move(longer);
  }
  if (arm.zip.paths.empty()) return all;
  all.assign(arm.zip.paths.front().second.size(), {});
  for (const auto& [path, values] : arm.zip.paths)
    for (std::size_t i = 0; i < all.size(); ++i) all[i].emplace_back(path, values[i].text);
  return all;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('.') + 1); }

std::string without_quotes(const std::string& json) {
  const bool is_text = json.size() >= 2 && json.front() == '"' && json.back() == '"';
  return is_text ? json.substr(1, json.size() - 2) : json;
}

/// "[learning_rate=0.1,std=0.01]": the last parts of the paths, or the whole ones where two are alike.
std::string label_of(const Combination& settings) {
  if (settings.empty()) return "";
  const bool alike = std::any_of(settings.begin(), settings.end(), [&](const auto& one) {
    return std::count_if(settings.begin(), settings.end(),
                         [&](const auto& other) { return last_part(one.first) == last_part(other.first); }) > 1;
  });
  std::string text;
  for (const auto& [path, value] : settings)
    text += (text.empty() ? "[" : ",") + (alike ? path : last_part(path)) + "=" + without_quotes(value);
  return text + "]";
}

std::string as_file_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                       c == '_' || c == '=' || c == '-';
    name += plain ? c : '_';
  }
  return name.substr(0, 120);
}

std::string parent(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

bool is_under(const std::string& path, const std::string& section) {
  return path == section || (path.starts_with(section) && path[section.size()] == '.');
}

/// Whether a difference is declared: it lies at or under a declared path, or it is a field that applies for one of two
/// choices only and stands beside the choice that is declared.
bool is_declared(const config::Difference& difference, const std::vector<std::string>& declared) {
  const bool applies_to_one = difference.first == "(unset)" || difference.second == "(unset)";
  return std::any_of(declared.begin(), declared.end(), [&](const std::string& path) {
    if (is_under(difference.path, path)) return true;
    if (path == "network.name") return is_under(difference.path, "network");
    return applies_to_one && is_under(difference.path, parent(path));
  });
}

std::vector<std::string> declared_by(const ArmConfig& arm) {
  std::vector<std::string> paths = arm.differs_in;
  for (const auto& [path, value] : arm.set.paths) paths.push_back(path);
  for (const auto& [path, values] : axes_of(arm).paths) paths.push_back(path);
  return paths;
}

void refuse_undeclared(const ExperimentConfig& experiment, const ArmConfig& arm, const std::string& label,
                       const RunConfig& base, const RunConfig& config) {
  const std::vector<std::string> declared = declared_by(arm);
  std::vector<std::string> lines;
  for (const config::Difference& difference : config::differences(base, config))
    if (!is_declared(difference, declared))
      lines.push_back(fmt::format("{}: arm {}: {} differs from the base ({} there, {} here) and is not declared",
                                  experiment.name, label, difference.path, difference.first, difference.second));
  if (!lines.empty()) throw ConfigError(fmt::format("{}", fmt::join(lines, "\n")));
}

ArmPoint resolve_point(const ExperimentConfig& experiment, const ArmConfig& arm, const Combination& settings,
                       const RunConfig& base) {
  ArmPoint point{arm.name, arm.name + label_of(settings), settings, {}};
  std::vector<std::string> texts = config::texts_of(arm.set);
  for (const auto& [path, value] : settings) texts.push_back(path + "=" + value);
  const config::BaseConfig start =
      arm.config.empty() ? experiment.base : config::read_base({.file = arm.config, .text = ""}, ".");
  try {
    point.config = config::resolve(start, texts, ".", fmt::format("{}: arm {}", experiment.name, point.label));
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: arm {}: {}", experiment.name, point.label, error.what()));
  }
  point.config.description.clear();
  point.config.training.seed = experiment.seeds.list.front();
  refuse_undeclared(experiment, arm, point.label, base, point.config);
  return point;
}

}  // namespace

std::string hash_of(const RunConfig& config) {
  RunConfig copy = config;
  copy.description.clear();
  const std::string text = config::to_json(copy);
  Sha256 sum;
  sum.update(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  return sum.hex();
}

Plan make_plan(const ExperimentConfig& experiment) {
  Plan plan{experiment, {}, {}, {}};
  RunConfig base = config::resolve(experiment.base, {}, ".", experiment.name + ": base");
  base.description.clear();
  base.training.seed = experiment.seeds.list.front();
  for (const ArmConfig& arm : experiment.arms) {
    for (const auto& [path, values] : axes_of(arm).paths)
      if (std::find(plan.axes.begin(), plan.axes.end(), path) == plan.axes.end()) plan.axes.push_back(path);
    if (arm.best_of) continue;
    for (const Combination& settings : combinations(arm))
      plan.points.push_back(resolve_point(experiment, arm, settings, base));
    if (plan.points.size() * experiment.seeds.list.size() > most_runs)
      throw ConfigError(fmt::format("{}: more than {} runs", experiment.name, most_runs));
  }
  std::map<std::string, std::string> names;  // by hash
  for (const std::uint64_t seed : experiment.seeds.list)
    for (std::size_t i = 0; i < plan.points.size(); ++i) {
      PlannedRun run{i, seed, plan.points[i].config, ""};
      run.config.training.seed = seed;
      const std::string hash = hash_of(run.config);
      const std::string name =
          fmt::format("{}_{}_seed{}", hash.substr(0, 16), as_file_name(plan.points[i].label), seed);
      run.name = names.emplace(hash, name).first->second;
      plan.runs.push_back(std::move(run));
    }
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
      for (const auto& [axis, values] : axes_of(one).paths)
        if (axis == path)
          for (std::size_t i = 0; i < values.size(); ++i)
            if (values[i].text == value) return static_cast<double>(i);
  return 0;
}

}  // namespace bnlab::experiments
