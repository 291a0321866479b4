#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/command.h"
#include "cli/sweep.h"
#include "config/experiment.h"
#include "config/load.h"
#include "experiments/sweep.h"
#include "util/errors.h"
#include "util/nearest.h"
#include "util/pattern.h"

namespace bnlab::cli {
namespace {

namespace fs = std::filesystem;

/// The first folder of experiments beside a folder of configs.
fs::path experiments_folder() {
  std::vector<std::string> looked_in;
  for (const fs::path& configs : config::config_folders("configs")) {
    fs::path folder = (configs / "../experiments").lexically_normal();
    std::error_code error;
    if (fs::is_directory(folder, error)) return folder;
    looked_in.push_back(folder.string());
  }
  throw ConfigError(fmt::format("no folder of experiments found; searched {}", fmt::join(looked_in, ", ")));
}

void reproduce(SweepOptions options, const std::vector<std::string>& only, Context& context) {
  options.is_parent = true;
  if (options.out.empty()) options.out = results_of(options.profile).string();
  const fs::path folder = experiments_folder();
  const std::vector<std::string> names = config::experiment_names(folder);
  const auto wanted = [&](const std::string& name) {
    return only.empty() || std::any_of(only.begin(), only.end(),
                                       [&](const std::string& pattern) { return bnlab::fits(pattern, name); });
  };
  for (const std::string& pattern : only)
    if (std::none_of(names.begin(), names.end(), [&](const std::string& name) { return bnlab::fits(pattern, name); }))
      throw ConfigError(fmt::format("--only {}: no experiment in {} matches{}", pattern, folder.string(),
                                    did_you_mean(pattern, names)));
  std::vector<std::string> files;
  for (const std::string& name : names)
    if (wanted(name)) files.push_back((folder / (name + ".json")).string());
  start_log(context, files);
  sweep(files, options, context);
}

}  // namespace

void add_reproduce(Command program, Context& context) {
  const auto options = std::make_shared<SweepOptions>();
  const auto only = std::make_shared<std::vector<std::string>>();
  Command command =
      program.add_command("reproduce", "run all experiments that come with bnlab, then print their verdicts");
  add_sweep_options(command, *options, "results/quick/NAME; results/NAME with profile full");
  command.add_option("--only", *only, "run only experiments whose names match the pattern, such as 'batch*'")
      .type_name("NAME")
      .one_value_each();
  command.add_flag("--dry-run", options->dry_run, "only list the runs, the changes of each arm, and a time estimate");
  command.footer(
      "Examples:\n"
      "  bnlab reproduce\n"
      "  bnlab reproduce --profile full --only 'faster*'\n"
      "\n"
      "Each experiment has its own directory in --out. Ctrl-C stops the runs; the same command continues them.\n"
      "Exit status: 0 done, 1 a run failed (with --strict: or a claim is not reproduced), 2 usage or config error,\n"
      "130 interrupted.");
  command.callback([options, only, &context] { reproduce(*options, *only, context); });
}

}  // namespace bnlab::cli
