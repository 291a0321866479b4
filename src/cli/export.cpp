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
  for (const std::string& run : table.without_result()) context.logger->warn("left out: {}", run);
  for (const std::string& doubt : table.doubts()) context.logger->warn("{}", doubt);
  if (!table.without_result().empty()) context.exit_status = ExitStatus::failed;
  if (table.without_file() > 0)
    context.logger->info("{} runs have no {}: their configs do not ask for it", table.without_file(), options.file);
  if (options.out != "-") context.logger->info("{}: {} of {} runs", options.out, options.file, table.runs());
}

}  // namespace

void add_export(Command program, Context& context) {
  const auto options = std::make_shared<ExportOptions>();
  Command command =
      program.add_command("export", "write a CSV file of all runs of sweeps as one table, for pandas, R and the like");
  command.add_option("SWEEP", options->directories, "directories of sweeps").home_path().required();
  command.add_option("--file", options->file, "the file of each run (default: train.csv)")
      .type_name("NAME")
      .not_empty();
  command.add_option("--out", options->out, "the file to write; -: standard output")
      .type_name("FILE")
      .home_path()
      .required()
      .not_empty();
  command.footer(
      "Examples:\n"
      "  bnlab export results/mine --out mine.csv\n"
      "  bnlab export results/mine --file eval.csv --out eval.csv\n"
      "\nOne row for each row of each run: sweep, arm, the axes, seed, then the columns of the file. The order is that "
      "of\n"
      "the sweep. Runs without a result are named and left out; runs whose files were changed since are named. A file "
      "that is no such table is not replaced.\n"
      "Exit status: 0 done, 1 a run has no result, 2 no sweep or no such file, 3 damaged files.");
  command.callback([options, &context] { export_table(*options, context); });
}

}  // namespace bnlab::cli
