#include <fmt/format.h>

#include "cli/command.h"
#include "config/experiment.h"
#include "config/load.h"

namespace bnlab::cli {

void add_schema(Command program, Context&) {
  const auto markdown = std::make_shared<bool>(false), experiment = std::make_shared<bool>(false);
  Command command = program.add_command("schema", "print the JSON Schema of a config or an experiment, for editors");
  command.add_flag(
      "--markdown", *markdown,
      "print the reference tables of configs/README.md (with --experiment: experiments/README.md) instead");
  command.add_flag("--experiment", *experiment, "the schema of an experiment instead of a config");
  command.footer(
      "Examples:\n"
      "  bnlab schema > configs/schema.json\n"
      "  bnlab schema --experiment > experiments/schema.json\n"
      "  bnlab schema --experiment --markdown");
  command.callback([markdown, experiment] {
    if (*experiment)
      fmt::print("{}", *markdown ? config::experiment_reference() : config::experiment_schema());
    else
      fmt::print("{}", *markdown ? config::markdown_reference() : config::json_schema());
  });
}

}  // namespace bnlab::cli
