#pragma once
// An experiment as it is run with a profile, and the configs of its runs.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/experiment_config.h"
#include "config/kind.h"
#include "config/run_config.h"

namespace bnlab::config {

/// How much of an experiment is run.
enum class Profile { quick, full };
template <>
struct Names<Profile> {
  static constexpr Named<Profile> table[] = {{"quick", Profile::quick}, {"full", Profile::full}};
};

/// The experiment as it is run with a profile: settings of the profile, then `settings`, in the base and in the configs
/// that arms have of their own, which are read (with what they extend), resolved and written out, so that nothing
/// outside changes them; seeds, levels and axes of the profile in place; no profiles left. `folder`: of the experiment,
/// where the files of configs are looked for first. `seeds`: in place of those. Where this is not the full
/// profile as the file has it, "(full profile)" is put before the finding, and the
/// explanations are left out. Throws ConfigError.
ExperimentConfig effective(const ExperimentConfig& experiment, Profile profile,
                           const std::vector<std::string>& settings, const std::optional<Seeds>& seeds,
                           const std::filesystem::path& folder);

/// The config of one run: a base that is written out, with settings ("optimizer.learning_rate=0.5") on top in their
/// order. Throws ConfigError whose lines name `label`, and the settings as those of `option`.
RunConfig resolve(const BaseConfig& base, const std::vector<std::string>& settings, const std::filesystem::path& folder,
                  const std::string& label, std::string_view option = "--set");

/// Throws ConfigError where a setting of all runs is their seed.
void refuse_seed(const std::vector<std::string>& settings);

/// "path=value" for each.
std::vector<std::string> texts_of(const Settings& settings);

}  // namespace bnlab::config
