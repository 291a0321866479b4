#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/command.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/nearest.h"
#include "util/printable.h"

namespace {

using bnlab::cli::ExitStatus;

std::string joined(int argc, char** argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) {
    if (i > 0) line += ' ';
    line += argv[i];
  }
  return line;
}

int report(const bnlab::cli::Context& context, const std::string& text, ExitStatus status) {
  bnlab::cli::complain("bnlab: " + text);
  const std::filesystem::path folder = context.log.file.parent_path();
  std::error_code ignored;
  // An error makes no folder for it.
  if (context.logger && (folder.empty() || std::filesystem::is_directory(folder, ignored))) {
    context.logger->debug("error: {}", text);
    try {
      bnlab::write_log_file(*context.logger);
    } catch (const bnlab::RunError&) {  // the first error says more
    }
  }
  return status;
}

/// Where one of the three standard files is closed, no other file may take its number: what is said would go there.
/// Writing to what it takes is an error, as before.
void occupy_standard_files() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(number, F_GETFD) == -1 && ::open("/dev/null", O_RDONLY) != number) std::abort();
}

/// The reader of a pipe has what it wants: `bnlab sweep ... --dry-run | head` ends as other programs do.
void end_by_broken_pipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

/// Throws for a first word that is no command; the parser would only say that one is missing.
void check_command(const bnlab::cli::Command& program, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> names;
  for (const auto& command : program.commands()) names.push_back(command.name());
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return;
  std::error_code ignored;
  std::string near = bnlab::did_you_mean(argv[1], names);
  if (near.empty() && std::filesystem::is_regular_file(argv[1], ignored))
    near = fmt::format("; did you mean \"bnlab train {}\"?", argv[1]);
  throw bnlab::ConfigError(fmt::format("there is no command \"{}\"{}\nThe commands are {}.",
                                       bnlab::on_one_line(argv[1]), near.empty() ? "." : near, bnlab::join(names)));
}

/// "help train" as "train --help", "help" as "--help".
std::vector<char*> with_help_option(int argc, char** argv) {
  static char option[] = "--help";
  std::vector<char*> all(argv, argv + argc);
  if (argc < 2 || std::string_view(argv[1]) != "help") return all;
  all.erase(all.begin() + 1);
  if (all.size() > 1) all.resize(2);
  all.push_back(option);
  return all;
}

int run(int argc, char** argv, bnlab::cli::Context& context) {
  bnlab::cli::Parser parser("bnlab: experiments on batch normalization, from a JSON config to CSV and figures", "bnlab",
                            bnlab::cli::version_text);
  bnlab::cli::Command program = parser.program();
  program.add_flag("-q,--quiet", context.log.quiet, "print warnings and errors only");
  program.add_flag("-v,--verbose", context.log.verbose, "print more messages");
  program.add_option("--log-file", context.log.file, "also write the log to a file").type_name("FILE").home_path();
  bnlab::cli::add_train(program, context);
  bnlab::cli::add_sweep(program, context);
  bnlab::cli::add_verdict(program, context);
  bnlab::cli::add_compare(program, context);
  bnlab::cli::add_export(program, context);
  bnlab::cli::add_fold(program, context);
  bnlab::cli::add_reproduce(program, context);
  bnlab::cli::add_describe(program, context);
  bnlab::cli::add_validate(program, context);
  bnlab::cli::add_list(program, context);
  bnlab::cli::add_schema(program, context);
  bnlab::cli::add_gradcheck(program, context);
  bnlab::cli::add_completion(program, context);
  bnlab::cli::add_manual(program, context);
  program.footer(
      "Example:\n  bnlab train configs/first_experiment.json --set optimizer.learning_rate=1 --out results/first");
  std::vector<char*> arguments = with_help_option(argc, argv);
  const int count = static_cast<int>(arguments.size());
  check_command(program, count, arguments.data());
  if (!parser.parse(count, arguments.data())) context.exit_status = ExitStatus::usage_error;
  if (std::ferror(stdout) != 0 || std::fflush(stdout) != 0) {
    if (errno == EPIPE) end_by_broken_pipe();
    throw bnlab::RunError("cannot write to standard output: " + std::generic_category().message(errno));
  }
  if (context.logger) bnlab::write_log_file(*context.logger);
  return context.exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_files();
  // A file that grows past a limit is an error of the write, not the end of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  bnlab::cli::Context context;
  context.started = std::chrono::steady_clock::now();
  context.command_line = joined(argc, argv);
  try {
    return run(argc, argv, context);
  } catch (const bnlab::ConfigError& error) {
    return report(context, error.what(), ExitStatus::usage_error);
  } catch (const bnlab::DataError& error) {
    return report(context, error.what(), ExitStatus::data_error);
  } catch (const std::bad_alloc&) {
    return report(context, "out of memory; a smaller training.batch_size or network needs less", ExitStatus::failed);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::broken_pipe) end_by_broken_pipe();  // fmt::print
    return report(context, error.what(), ExitStatus::failed);
  } catch (const std::exception& error) {
    return report(context, error.what(), ExitStatus::failed);
  }
}
