#include <fmt/format.h>

#include "cli/command.h"
#include "config/load.h"
#include "network/network.h"
#include "probes/probe.h"
#include "util/errors.h"

namespace bnlab::cli {
namespace {

/// What there is to say of a file; throws ConfigError where it is wrong.
std::string check_file(const std::string& file) {
  if (config::is_schema_file(file)) return "skipped: a JSON Schema";
  if (config::is_network_file(file)) {
    config::load_network(file);
    return "ok";
  }
  const config::RunConfig config = config::load(file, {});
  probes::check(config.probes, network::check(config, data::dataset_info(config.dataset)));
  return "ok";
}

void validate(const std::vector<std::string>& files, Context& context) {
  for (const std::string& file : files) {
    try {
      fmt::print("{}: {}\n", file, check_file(file));
    } catch (const ConfigError& error) {
      fmt::print(stderr, "{}\n", error.what());
      fmt::print("{}: wrong\n", file);
      context.exit_status = ExitStatus::usage_error;
    }
  }
}

}  // namespace

void add_validate(CLI::App& app, Context& context) {
  const auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("validate", "check configs and network files without running anything");
  command->add_option("FILE", *files, "configs or network files")->required();
  command->footer(
      "Examples:\n"
      "  bnlab validate configs/first_experiment.json\n"
      "  bnlab validate configs/*.json configs/networks/*.json\n"
      "\nExit status 2 where a file is wrong; every problem of a file is named, with its path and value.");
  command->callback([files, &context] { validate(*files, context); });
}

}  // namespace bnlab::cli
