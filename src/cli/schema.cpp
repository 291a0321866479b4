#include <fmt/format.h>

#include "cli/command.h"
#include "config/load.h"

namespace bnlab::cli {

void add_schema(CLI::App& app, Context&) {
  const auto markdown = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("schema", "print the JSON Schema of a config, for editors");
  command->add_flag("--markdown", *markdown, "print the table of README's config reference instead");
  command->footer(
      "Examples:\n"
      "  bnlab schema > configs/schema.json\n"
      "  bnlab schema --markdown");
  command->callback([markdown] { fmt::print("{}", *markdown ? config::markdown_reference() : config::json_schema()); });
}

}  // namespace bnlab::cli
