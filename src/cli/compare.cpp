#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/command.h"
#include "cli/output_guard.h"
#include "cli/terminal.h"
#include "experiments/comparison.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/result_file.h"

namespace bnlab::cli {
namespace {

namespace fs = std::filesystem;

struct CompareOptions {
  std::vector<std::string> directories;
  std::string csv;
  std::string markdown;
};

bool can_be_compared(const fs::path& path) { return experiments::is_run(path) || experiments::is_sweep(path); }

/// The runs and sweeps in a folder that is neither itself; the folder where there are none.
std::vector<std::string> inside(const std::string& directory) {
  if (can_be_compared(directory)) return {directory};
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (can_be_compared(entry->path())) found.push_back(entry->path().string());
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    throw_read_error(directory, "read", error.value());
  std::sort(found.begin(), found.end());
  return found.empty() ? std::vector{directory} : found;
}

/// All that can be read; what can't is named and sets the status.
experiments::Comparison read_all(const std::vector<std::string>& directories, Context& context) {
  experiments::Comparison comparison;
  std::set<fs::path> seen;
  for (const std::string& given : directories) {
    std::error_code ignored;
    if (directories.size() > 1 && fs::is_regular_file(given, ignored)) {  // results/* has files too
      context.logger->info("{}: skipped: a file, not a run or a sweep", given);
      continue;
    }
    for (const std::string& directory : inside(given)) {
      if (!seen.insert(fs::weakly_canonical(directory, ignored)).second) continue;
      log_errors(context, [&] { experiments::add_directory(comparison, directory); });
    }
  }
  return comparison;
}

void compare(const CompareOptions& options, Context& context) {
  context.logger = make_logger(context.log);
  refuse_to_replace("--csv", options.csv, experiments::is_comparison_csv);
  refuse_to_replace("--markdown", options.markdown, experiments::is_comparison_markdown);
  const experiments::Comparison comparison = read_all(options.directories, context);
  if (comparison.runs.empty()) {
    if (context.exit_status == ExitStatus::done) throw ConfigError("nothing to compare: no runs or sweeps were given");
    return;
  }
  const auto write = [](const std::string& option, const std::string& file, const std::string& text,
                        const auto& is_ours) {
    if (file == "-")
      say("{}", text);
    else if (!file.empty())
      write_output(option, file, text, is_ours);
  };
  if (options.csv != "-" && options.markdown != "-")
    say("{}", experiments::text_table(comparison, columns_of_output()));
  if (options.csv == "-" || options.markdown == "-")
    for (const std::string& doubt : experiments::doubts_of(comparison)) context.logger->warn("{}", doubt);
  write("--csv", options.csv, experiments::to_csv(comparison), experiments::is_comparison_csv);
  write("--markdown", options.markdown, experiments::markdown_table(comparison), experiments::is_comparison_markdown);
}

}  // namespace

void add_compare(Command program, Context& context) {
  const auto options = std::make_shared<CompareOptions>();
  Command command = program.add_command(
      "compare", "compare runs and sweeps: the differences of their configs, and their final results");
  command.add_option("RESULTS", options->directories, "directories of runs and sweeps, or folders of them")
      .home_path()
      .required()
      .not_empty();
  command.add_option("--csv", options->csv, "also write the table to a CSV file; -: print CSV instead of the table")
      .type_name("FILE")
      .home_path()
      .not_empty();
  command
      .add_option("--markdown", options->markdown,
                  "also write the table to a Markdown file; -: print Markdown instead of the table")
      .type_name("FILE")
      .home_path()
      .not_empty();
  command.footer(
      "Examples:\n"
      "  bnlab compare results/with results/without\n"
      "  bnlab compare results/mine --csv mine.csv\n"
      "\n"
      "Each run has a row, and each point of a sweep: the mean over its seeds, followed by \"+-\" and half of the 95 "
      "%\n"
      "interval (Student's t). Accuracy and loss are measured on the test split; \"best\" is the best evaluation of a "
      "run.\n"
      "An existing FILE is replaced only if it has such a table.\n"
      "Exit status: 0 done, 2 neither a run nor a sweep, 3 damaged files (the others are shown).");
  command.callback([options, &context] { compare(*options, context); });
}

}  // namespace bnlab::cli
