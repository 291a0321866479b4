#include <fmt/format.h>

#include "cli/command.h"
#include "cli/sweep.h"
#include "util/errors.h"
#include "util/file.h"

namespace bnlab::cli {
namespace {

struct VerdictOptions {
  std::vector<std::string> directories;
  std::string markdown;
  bool strict = false;
};

void verdict(const VerdictOptions& options, Context& context) {
  context.logger = make_logger(context.log);
  std::vector<experiments::ExperimentVerdict> verdicts;
  for (const std::string& directory : options.directories) verdicts.push_back(experiments::judge_directory(directory));
  if (options.markdown.empty()) {
    print_verdicts(verdicts, options.strict, context);
    return;
  }
  const std::string text = experiments::markdown_table(verdicts);
  if (options.markdown == "-")
    fmt::print("{}", text);
  else
    write_file_atomically(options.markdown, text);
}

}  // namespace

void add_verdict(CLI::App& app, Context& context) {
  const auto options = std::make_shared<VerdictOptions>();
  CLI::App* command = app.add_subcommand("verdict", "compute the verdict of sweeps again, from their CSV files");
  command->add_option("RESULTS", options->directories, "directories of sweeps")->required();
  command->add_option("--markdown", options->markdown, "write the table as Markdown to a file; -: print it")
      ->type_name("FILE");
  command->add_flag("--strict", options->strict, "exit status 1 where a claim is not reproduced");
  command->footer(
      "Examples:\n"
      "  bnlab verdict results/faster_training\n"
      "  bnlab verdict results/* --markdown results/README.md\n"
      "\nWrites runs.csv (where the run directories are there) and verdict.json into each directory.");
  command->callback([options, &context] { verdict(*options, context); });
}

}  // namespace bnlab::cli
