#include "config/effective.h"

#include <sstream>
#include <system_error>

#include "config/experiment_checks.h"
#include "config/load.h"
#include "config/overrides.h"
#include "config/text_file.h"
#include "util/errors.h"
#include "util/home.h"
#include "util/join.h"

namespace bnlab::config {
namespace {

namespace fs = std::filesystem;

/// Where other runs are judged, the explanations of the full profile's verdicts explain nothing, and the finding says
/// that it is of the full profile.
void mark_as_of_full_profile(ExperimentConfig& experiment) {
  const std::string mark = "(full profile) ";
  std::string& finding = experiment.finding;
  if (!finding.empty() && !finding.starts_with(mark)) finding = mark + finding;
  for (CriterionConfig& criterion : experiment.criteria) criterion.explanation.clear();
}

/// The file of a base that is not written out.
fs::path find_base(const std::string& name, const fs::path& folder) {
  std::vector<fs::path> folders{folder, folder / "../configs"};
  for (const fs::path& one : config_folders(".")) folders.push_back(one);
  std::error_code error;
  for (const fs::path& one : folders)
    if (fs::path file = one / with_home(name, "base"); fs::is_regular_file(file, error)) return file;
  std::vector<std::string> names;
  for (const fs::path& one : folders) names.push_back(one.lexically_normal().string());
  throw ConfigError("base: no " + name + " in " + join(names));
}

/// A config from `text`, the content of `file` unless that is empty.
RunConfig resolve_text(const std::string& text, const fs::path& file, const std::vector<std::string>& settings,
                       const fs::path& folder, const std::string& label, std::string_view option = "--set") {
  try {
    return parse(text, settings, folder, label, file, option);
  } catch (const ConfigError& error) {
    // Problems of settings, of network files and of extended configs have labels of their own.
    std::istringstream lines(error.what());
    std::string all;
    for (std::string line; std::getline(lines, line);)
      all += (all.empty() ? "" : "\n") + (line.starts_with(label) ? "" : label + ": ") + line;
    throw ConfigError(all);
  }
}

}  // namespace

void refuse_seed(const std::vector<std::string>& settings) {
  for (const std::string& setting : settings)
    if (setting.starts_with(std::string(seed_path) + "=")) throw ConfigError("--set " + setting + ": " + leave_seed);
}

ExperimentConfig effective(const ExperimentConfig& experiment, Profile profile,
                           const std::vector<std::string>& settings, const std::optional<Seeds>& seeds,
                           const fs::path& folder) {
  const ProfileConfig& chosen = profile == Profile::quick ? experiment.quick : experiment.full;
  ExperimentConfig result = experiment;
  result.profile = name_of(profile);
  result.plan.clear();
  result.settings.lines.insert(result.settings.lines.end(), settings.begin(), settings.end());
  if (chosen.seeds) result.seeds = *chosen.seeds;
  if (seeds) result.seeds = *seeds;
  refuse_seed(settings);
  refuse_repeated(settings);
  std::vector<std::string> all = texts_of(chosen.set);
  all.insert(all.end(), settings.begin(), settings.end());
  const auto written_out = [&](const BaseConfig& base, const std::string& label) {
    const std::string name = experiment.name + ": " + label;
    const fs::path file = base.file.empty() ? fs::path() : find_base(base.file, folder);
    RunConfig config = file.empty() ? resolve_text(base.text, "", all, folder, name)
                                    : resolve_text(read_text(file), file, all, folder, name + " (" + base.file + ")");
    config.description.clear();
    return BaseConfig{.file = "", .text = to_json(config)};
  };
  result.base = written_out(experiment.base, "base");
  for (ArmConfig& arm : result.arms) {
    if (arm.config) arm.config = written_out(*arm.config, "arm " + arm.name);
    for (Axes* axes : {&arm.grid, &arm.zip})
      for (auto& [path, values] : axes->paths)
        for (const auto& [changed, others] : chosen.axes.paths)
          if (changed == path) values = others;
  }
  for (QuantityConfig& quantity : result.quantities)
    for (const auto& [name, level] : chosen.levels.by_quantity)
      if (quantity.name == name) quantity.series.level = level;
  if (profile != Profile::full || !settings.empty() || result.seeds != experiment.full.seeds.value_or(experiment.seeds))
    mark_as_of_full_profile(result);
  result.quick = {};
  result.full = {};
  return result;
}

RunConfig resolve(const BaseConfig& base, const std::vector<std::string>& settings, const fs::path& folder,
                  const std::string& label, std::string_view option) {
  return resolve_text(base.text, "", settings, folder, label, option);
}

std::vector<std::string> texts_of(const Settings& settings) {
  std::vector<std::string> texts;
  for (const auto& [path, value] : settings.paths) texts.push_back(path + "=" + value.text);
  return texts;
}

}  // namespace bnlab::config
