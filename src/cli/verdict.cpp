#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/command.h"
#include "cli/output_guard.h"
#include "cli/sweep.h"
#include "experiments/comparison.h"
#include "experiments/sweep.h"
#include "experiments/verdict_markdown.h"
#include "util/errors.h"
#include "util/file.h"
#include "util/result_file.h"

namespace bnlab::cli {
namespace {

namespace fs = std::filesystem;
using experiments::is_sweep;

struct VerdictOptions {
  std::vector<std::string> directories;
  std::string markdown;
  bool details = false;
  bool strict = false;
  bool verify = false;
};

const char* const folder_of_sweeps = "a folder of sweeps";

/// What `results/*` finds beside sweeps: a file, a run, a folder of sweeps. Why it is no sweep, or "" for anything
/// else.
std::string known_neighbour(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return "a file";
  if (is_there(path / "run.json")) return "a run";
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    if (is_sweep(entry->path())) return folder_of_sweeps;
  return "";
}

/// The sweeps in a folder, sorted.
std::vector<std::string> sweeps_in(const fs::path& folder) {
  std::vector<std::string> sweeps;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (is_sweep(entry->path())) sweeps.push_back(entry->path().string());
  std::ranges::sort(sweeps);
  return sweeps;
}

/// Without those that are named again: a claim counts once.
std::vector<std::string> once_each(const std::vector<std::string>& sweeps, Context& context) {
  std::set<fs::path> places;
  std::vector<std::string> once;
  for (const std::string& sweep : sweeps) {
    std::error_code error;
    const fs::path place = fs::canonical(sweep, error);
    if (error || places.insert(place).second)
      once.push_back(sweep);
    else
      context.logger->info("{}: skipped: it is given twice", sweep);
  }
  return once;
}

/// The sweeps that are meant: what is no sweep is named and left out, but where no sweep is named at all, folders of
/// sweeps stand for those in them. (`results/*` names some sweeps and the folder of the quick ones.)
std::vector<std::string> meant(const std::vector<std::string>& directories, Context& context) {
  const bool names_sweep = std::ranges::any_of(directories, [](const std::string& one) { return is_sweep(one); });
  std::vector<std::string> sweeps;
  for (const std::string& directory : directories) {
    const std::string what = is_sweep(directory) ? "" : known_neighbour(directory);
    const std::vector<std::string> inside =
        what == folder_of_sweeps ? sweeps_in(directory) : std::vector<std::string>{};
    if (!inside.empty() && !names_sweep)
      sweeps.insert(sweeps.end(), inside.begin(), inside.end());
    else if (!what.empty())
      context.logger->info("{}: skipped: {}, not a sweep{}", directory, what,
                           inside.empty() ? "" : "; to judge its sweeps, name it and no sweep");
    else
      sweeps.push_back(directory);
  }
  return once_each(sweeps, context);
}

/// The verdicts of the sweeps; what can't be judged is named and sets the status.
std::vector<experiments::ExperimentVerdict> judge_all(const VerdictOptions& options, Context& context) {
  const training::Check check = options.verify ? training::Check::all : training::Check::changed;
  std::vector<experiments::ExperimentVerdict> verdicts;
  for (const std::string& directory : meant(options.directories, context)) {
    log_errors(context, [&] {
      verdicts.push_back(experiments::judge_directory(directory, check, experiments::ReadOnly::is_judged));
    });
  }
  return verdicts;
}

/// The text that `--markdown FILE` writes: the file's own, with new verdicts.
std::string markdown_for(const std::string& file, const std::vector<experiments::ExperimentVerdict>& verdicts) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 26;
  std::error_code error;
  const fs::path path = fs::weakly_canonical(fs::absolute(file, error), error);
  const std::string markdown = experiments::verdict_markdown(verdicts, path.parent_path());
  if (!fs::is_regular_file(path, error)) return markdown;
  const std::vector<std::uint8_t> bytes = read_file(path, most_bytes);
  return experiments::with_verdict_markdown(std::string(bytes.begin(), bytes.end()), markdown, file);
}

void verdict(const VerdictOptions& options, Context& context) {
  context.logger = make_logger(context.log);
  refuse_to_replace("--markdown", options.markdown, experiments::has_verdict_markdown);
  const std::vector<experiments::ExperimentVerdict> verdicts = judge_all(options, context);
  if (verdicts.empty()) {
    if (context.exit_status == ExitStatus::done)
      throw ConfigError(fmt::format("{}: is not the directory of a sweep", fmt::join(options.directories, ", ")));
    return;
  }
  const int status = context.exit_status;
  if (options.markdown == "-") {
    say("{}", experiments::verdict_markdown(verdicts, "."));
    set_status(verdicts, options.strict, context);
  } else {
    if (!options.markdown.empty())
      write_output("--markdown", options.markdown, markdown_for(options.markdown, verdicts),
                   experiments::has_verdict_markdown);
    print_verdicts(verdicts, {.means = verdicts.size() == 1, .details = options.details, .strict = options.strict},
                   context);
  }
  if (status != ExitStatus::done) context.exit_status = status;
}

}  // namespace

void add_verdict(Command program, Context& context) {
  const auto options = std::make_shared<VerdictOptions>();
  Command command = program.add_command("verdict", "recompute the verdicts of sweeps from their CSV files");
  command.add_option("RESULTS", options->directories, "directories of sweeps, or folders of them")
      .home_path()
      .required();
  command
      .add_option("--markdown", options->markdown,
                  "also write claims and verdicts to a Markdown file, in place of those that it has; -: print Markdown "
                  "instead of the table")
      .type_name("FILE")
      .home_path()
      .not_empty();
  command.add_flag("--details", options->details, "also show each criterion, and the means of all arms and points");
  command.add_flag(
      "--strict", options->strict,
      "exit with status 1 if a claim is not reproduced or files of its runs may be wrong (changed or copied)");
  command.add_flag(
      "--verify", options->verify,
      "verify the hashes of all files of the runs (default: only of files whose time or size has changed)");
  command.footer(
      "Examples:\n"
      "  bnlab verdict results/faster_training\n"
      "  bnlab verdict results/* --markdown results/README.md\n"
      "\n"
      "The command writes verdict.json to the directory of each sweep, and runs.csv if the directories of its runs "
      "exist.\n"
      "If RESULTS has no sweep but folders of sweeps, the sweeps in them are judged; otherwise files, runs and folders "
      "of\n"
      "sweeps are skipped. A sweep that cannot be judged is reported, and the others are judged.\n"
      "Exit status: 0 done, 1 a run has no result (with --strict: or a claim is not reproduced), 2 no sweep or an "
      "invalid\n"
      "experiment, 3 damaged files.");
  command.callback([options, &context] { verdict(*options, context); });
}

}  // namespace bnlab::cli
