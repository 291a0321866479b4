#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "cli/command.h"
#include "cli/output_guard.h"
#include "experiments/export.h"
#include "util/errors.h"
#include "util/output_file.h"

namespace bnlab::cli {
namespace {

struct ExportOptions {
  std::vector<std::string> directories;
  std::string file = "train.csv";
  std::string out;
};

/// Throws where the text is no name of a CSV file in a run's directory.
void check_file_name(const std::string& name) {
  if (name.find('/') == std::string::npos && name.ends_with(".csv")) return;
  throw ConfigError(fmt::format("--file: must be the name of a CSV file of a run, such as eval.csv, got {}", name));
}

void export_table(const ExportOptions& options, Context& context) {
  context.logger = make_logger(context.log);
  check_file_name(options.file);
  refuse_to_replace("--out", options.out, experiments::is_export);
  const experiments::Export table({options.directories.begin(), options.directories.end()}, options.file);
  if (options.out == "-") {
    table.write([](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
  } else {
    OutputFile out(options.out);
    table.write([&](std::string_view text) { out.write(text); });
    out.finish();
  }
  for (const std::string& run : table.without_result()) context.logger->warn("skipped: {}", run);
  for (const std::string& doubt : table.doubts()) context.logger->warn("{}", doubt);
  if (!table.without_result().empty()) context.exit_status = ExitStatus::failed;
  if (table.without_file() > 0)
    context.logger->info("{} runs have no {}: their configs do not enable it", table.without_file(), options.file);
  if (options.out != "-") context.logger->info("{}: {} of {} runs", options.out, options.file, table.runs());
}

}  // namespace

void add_export(Command program, Context& context) {
  const auto options = std::make_shared<ExportOptions>();
  Command command =
      program.add_command("export", "combine a CSV file of all runs of sweeps into one table, for pandas or R");
  command.add_option("SWEEP", options->directories, "directories of sweeps").home_path().required();
  command.add_option("--file", options->file, "CSV file of the runs (default: train.csv)")
      .type_name("NAME")
      .not_empty();
  command.add_option("--out", options->out, "output file; -: standard output")
      .type_name("FILE")
      .home_path()
      .required()
      .not_empty();
  command.footer(
      "Examples:\n"
      "  bnlab export results/mine --out mine.csv\n"
      "  bnlab export results/mine --file eval.csv --out eval.csv\n"
      "\n"
      "The columns are sweep, arm, the axes, seed, and then those of the file; the rows are in the order of the "
      "sweep.\n"
      "A run without a result is skipped, with a warning; a run whose files were changed causes a warning. An "
      "existing\n"
      "output file is replaced only if it has such a table.\n"
      "Exit status: 0 done, 1 a run has no result, 2 no sweep or no such file, 3 damaged files.");
  command.callback([options, &context] { export_table(*options, context); });
}

}  // namespace bnlab::cli
