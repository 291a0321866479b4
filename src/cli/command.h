#pragma once
// What the subcommands share. Each subcommand is one file: it adds its options to the parser, and a callback that does
// the work.

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/parser.h"
#include "config/run_config.h"
#include "data/dataset.h"
#include "util/logging.h"
#include "util/printable.h"
#include "util/text_table.h"

namespace bnlab::cli {

/// The meaning of bnlab's exit statuses.
enum ExitStatus { done = 0, failed = 1, usage_error = 2, data_error = 3, interrupted = 130 };

/// The options of the whole program and what main knows.
struct Context {
  LogOptions log;
  std::string command_line;
  std::chrono::steady_clock::time_point started;
  std::shared_ptr<spdlog::logger> logger;  // set by the subcommand that logs
  int exit_status = ExitStatus::done;      // set by the subcommand that runs
};

/// Adds one subcommand.
void add_train(Command program, Context& context);
void add_sweep(Command program, Context& context);
void add_verdict(Command program, Context& context);
void add_compare(Command program, Context& context);
void add_export(Command program, Context& context);
void add_fold(Command program, Context& context);
void add_reproduce(Command program, Context& context);
void add_describe(Command program, Context& context);
void add_validate(Command program, Context& context);
void add_list(Command program, Context& context);
void add_schema(Command program, Context& context);
void add_gradcheck(Command program, Context& context);
void add_completion(Command program, Context& context);
void add_manual(Command program, Context& context);

/// Sets context.logger and logs the command line; its file stays as it is until write_log_file. From now on output that
/// nobody reads any more is an error of the write, not the end of the program. Throws ConfigError where the file is one
/// of `inputs`.
void start_log(Context& context, const std::vector<std::string>& inputs);

/// Prints to standard output, without control characters: text may come from files.
template <class... T>
void say(fmt::format_string<T...> format, T&&... values) {
  fmt::print("{}", printable(fmt::format(format, std::forward<T>(values)...)));
}
/// A line on standard error, in the same way. Does nothing where standard error is closed.
void complain(const std::string& line);

/// Calls `read`, for one of several directories: a ConfigError or a DataError is logged, and sets the exit status.
void log_errors(Context& context, const std::function<void()>& read);

/// Calls `handler` at Ctrl-C and SIGTERM, both with these flags of sigaction(2); where the terminal closes, unless
/// nohup says that it does not matter; at SIGUSR1, SIGUSR2 and SIGXCPU, by which schedulers announce a limit; and at
/// those of timers and of a failing power supply, SIGSTKFLT and the real-time ones. These may come again and again:
/// another one may not count as more (may_repeat).
void catch_signals(void (*handler)(int), int flags);
/// Whether the signal is one of those that may come more than once for one reason.
bool may_repeat(int signal);

/// The file of that name. Where there is none, and the name has no folder: the one in `folder` ("configs",
/// "experiments") of those that bnlab comes with, with ".json" or without; else the name as it is.
std::string shipped(const std::string& name, const std::string& folder);
/// The same; throws ConfigError with the nearest name where a name without a folder has no file.
std::string existing(const std::string& name, const std::string& folder);

/// Names the command that draws what a directory of results holds; only on a terminal.
void suggest_plot(const std::filesystem::path& directory, const Context& context);
/// Checks the network and the probes of a config against its dataset, without the data. Throws ConfigError.
void check_config(const config::RunConfig& config);

/// The text of `bnlab --version`.
std::string version_text();

/// CONFIG, --set, --seed and --threads, as every command that builds a network has them.
struct ConfigOptions {
  std::string file;
  std::vector<std::string> overrides;
  std::string seed;
  int threads = 1;

  void add_to(Command command);
  /// The config's file, also where it was asked for by its bare name.
  std::string path() const;
  /// Reads and checks the config, as config::load() does; throws ConfigError.
  config::RunConfig load(std::vector<std::string>* warnings = nullptr) const;
};

}  // namespace bnlab::cli
