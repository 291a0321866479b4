#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "config/effective.h"
#include "config/experiment.h"
#include "config/load.h"
#include "config/warnings.h"
#include "data/warnings.h"
#include "experiments/plan.h"
#include "util/errors.h"

namespace bnlab::cli {
namespace {

/// Adds settings that cancel each other, where the steps do not depend on the data, and prints all.
void warn(const std::string& file, const config::RunConfig& config, std::vector<std::string> warnings) {
  if (!config.training.epochs && config.training.composition != config::BatchComposition::full_batch)
    for (std::string& warning : data::warnings(config.dataset)) warnings.push_back(std::move(warning));
  for (std::string& warning : config::warnings(config)) warnings.push_back(std::move(warning));
  for (const std::string& warning : warnings) complain(fmt::format("{}: warning: {}", file, warning));
}

/// Every arm with both profiles.
void check_experiment(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  const config::ExperimentConfig experiment = config::load_experiment(file);
  for (const auto profile : {config::Profile::quick, config::Profile::full}) {
    const experiments::Plan plan =
        experiments::make_plan(config::effective(experiment, profile, {}, {}, folder.empty() ? "." : folder));
    for (const experiments::ArmPoint& point : plan.points) {
      try {
        check_config(point.config);
      } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("{}: {}: arm {}: {}", file, plan.experiment.profile, point.label, error.what()));
      }
    }
  }
}

/// What there is to say of a file; throws ConfigError where it is wrong.
std::string check_file(const std::string& file) {
  config::refuse_result_file(file);
  if (config::is_schema_file(file)) return "skipped: a JSON Schema";
  if (config::is_network_file(file)) {
    config::load_network(file);
    return "ok";
  }
  if (config::is_experiment_file(file)) {
    check_experiment(file);
    return "ok";
  }
  std::vector<std::string> warnings;
  const config::RunConfig config = config::load(file, {}, &warnings);
  check_config(config);
  warn(file, config, std::move(warnings));
  return "ok";
}

void validate(const std::vector<std::string>& files, Context& context) {
  for (const std::string& file : files) {
    try {
      say("{}: {}\n", file, check_file(file));
    } catch (const ConfigError& error) {
      complain(error.what());
      say("{}: invalid\n", file);
      context.exit_status = ExitStatus::usage_error;
    } catch (const DataError& error) {  // of a dataset whose sizes only its files know
      complain(error.what());
      say("{}: not checked, its data are missing or damaged\n", file);
      if (context.exit_status == ExitStatus::done) context.exit_status = ExitStatus::data_error;
    }
  }
}

}  // namespace

void add_validate(Command program, Context& context) {
  const auto files = std::make_shared<std::vector<std::string>>();
  Command command = program.add_command("validate", "check configs, network files and experiments; nothing is run");
  command.add_option("FILE", *files, "configs, network files or experiments").home_path().required();
  command.footer(
      "Examples:\n"
      "  bnlab validate configs/first_experiment.json\n"
      "  bnlab validate configs/*.json configs/networks/*.json experiments/*.json\n"
      "\n"
      "Every problem of a file is reported, with its path and value.\n"
      "Exit status: 0 all files are valid, 2 a file is invalid, 3 data that a check needs are missing or damaged.");
  command.callback([files, &context] { validate(*files, context); });
}

}  // namespace bnlab::cli
