#include "cli/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>
#include <vector>

#include "config/experiment.h"
#include "config/load.h"
#include "config/overrides.h"
#include "network/network.h"
#include "probes/probe.h"
#include "util/errors.h"
#include "util/nearest.h"
#include "util/process.h"
#include "util/provenance.h"

namespace bnlab::cli {
namespace {

/// Where "configs" or "experiments" may lie.
std::vector<std::filesystem::path> shipped_folders(const std::string& folder) {
  std::vector<std::filesystem::path> folders;
  for (const std::filesystem::path& configs : config::config_folders("configs"))
    folders.push_back((configs / ".." / folder).lexically_normal());
  return folders;
}

// Both the shell and the system tell of a closed terminal; the system sends SIGXCPU each second, a timer its signal.
// Each ends a process that does not catch it.
std::vector<int> repeating_signals() {
  std::vector<int> signals{SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGALRM, SIGPROF, SIGVTALRM, SIGPWR, SIGIO, SIGSTKFLT};
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) signals.push_back(signal);
  return signals;
}

/// Throws for an experiment and for a network, of which a config's reader would only name every key.
void refuse_other_kinds(const std::string& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return;  // a pipe can be read once
  config::refuse_result_file(file);
  if (config::is_experiment_file(file))
    throw ConfigError(
        fmt::format("{0}: this is an experiment; use `bnlab sweep {0}` (--dry-run lists its runs)", file));
  if (config::is_network_file(file))
    throw ConfigError(fmt::format("{}: this is a network; use a run's config with --set network.name={}", file,
                                  std::filesystem::path(file).stem().string()));
}

}  // namespace

void complain(const std::string& line) {
  std::fputs((printable(line) + "\n").c_str(), stderr);  // fmt::print throws where standard error is closed
}

void log_errors(Context& context, const std::function<void()>& read) {
  try {
    read();
  } catch (const ConfigError& error) {
    context.logger->error("{}", error.what());
    context.exit_status = ExitStatus::usage_error;
  } catch (const DataError& error) {
    context.logger->error("{}", error.what());
    context.exit_status = ExitStatus::data_error;
  }
}

void start_log(Context& context, const std::vector<std::string>& inputs) {
  std::signal(SIGPIPE, SIG_IGN);
  std::error_code ignored;
  for (const std::string& input : inputs)
    if (std::filesystem::equivalent(context.log.file, input, ignored))
      throw ConfigError(fmt::format("--log-file: {}: must not be the input file {}", context.log.file.string(), input));
  context.logger = make_logger(context.log);
  context.logger->debug("{}", context.command_line);
}

void catch_signals(void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_flags = 0;
  for (const int signal : repeating_signals()) {
    struct sigaction before {};
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
}

bool may_repeat(int signal) {
  return signal != SIGINT && signal != SIGTERM;  // catch_signals() catches no others; called in a signal's handler
}

void suggest_plot(const std::filesystem::path& directory, const Context& context) {
  if (context.log.quiet || isatty(STDERR_FILENO) != 1) return;
  std::filesystem::path script = "scripts/plot.py";
  std::error_code error;
  for (const std::filesystem::path& folder : shipped_folders("scripts"))
    if (std::filesystem::is_regular_file(folder / "plot.py", error)) {
      script = folder / "plot.py";
      break;
    }
  context.logger->info("to draw it: python3 {} {}", shell_quoted(script.string()), shell_quoted(directory.string()));
}

void check_config(const config::RunConfig& config) {
  probes::check(config, network::check(config, data::dataset_info(config.dataset)));
}

std::string version_text() {
  const BuildInfo build = build_info();
  return fmt::format("bnlab {} (revision {}{})\noneDNN {} using {}\ncompiler {}, {} build\nCPU {}", build.version,
                     build.git_revision.substr(0, 12), build.git_dirty ? ", with local changes" : "",
                     network::onednn_version(), network::onednn_isa(), build.compiler, build.build_type, cpu_model());
}

void ConfigOptions::add_to(Command command) {
  command
      .add_option("CONFIG", file,
                  "config of a run: a JSON file (see configs/README.md), or the name of a config that comes with bnlab")
      .home_path()
      .required();
  command
      .add_option("--set", overrides,
                  "set a value of the config by its dotted path, such as optimizer.learning_rate=0.5; may be repeated")
      .type_name("KEY=VALUE")
      .one_value_each();
  command.add_option("--seed", seed, "seed of the run, same as --set training.seed=N").type_name("N").not_empty();
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  command
      .add_option("--threads", threads,
                  "number of threads; results are bit-identical only for equal numbers of threads")
      .type_name("N")
      .between(1, std::max(1024, cores))
      .shows_default();
}

std::string shipped(const std::string& name, const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(name, error) || name.empty() || name.find('/') != std::string::npos) return name;
  for (const std::filesystem::path& place : shipped_folders(folder))
    for (const char* end : {"", ".json"})
      if (const auto file = place / (name + end); std::filesystem::is_regular_file(file, error)) return file.string();
  return name;
}

std::string existing(const std::string& name, const std::string& folder) {
  const std::string file = shipped(name, folder);
  std::error_code error;
  if (std::filesystem::exists(file, error) || name.empty()) return file;
  if (const std::filesystem::path path = name; path.has_parent_path()) {
    const std::string guess = nearest(path.stem().string(), config::json_names(path.parent_path()));
    if (guess.empty()) return file;
    throw ConfigError(
        fmt::format("{}: no such file; did you mean \"{}\"?", name, (path.parent_path() / (guess + ".json")).string()));
  }
  std::vector<std::string> known;
  for (const std::filesystem::path& place : shipped_folders(folder))
    for (const std::string& other : config::json_names(place)) known.push_back(other);
  std::sort(known.begin(), known.end());  // no guess may depend on where they were found
  throw ConfigError(fmt::format("{}: no such file, and no such name among the {} that come with bnlab{}", name, folder,
                                did_you_mean(std::filesystem::path(name).stem().string(), known)));
}

std::string ConfigOptions::path() const { return shipped(file, "configs"); }

config::RunConfig ConfigOptions::load(std::vector<std::string>* warnings) const {
  std::vector<std::string> all = overrides;
  if (!seed.empty()) all.push_back("training.seed=" + seed);
  config::refuse_repeated(all);
  const std::string found = existing(file, "configs");
  refuse_other_kinds(found);
  return config::load(found, all, warnings);
}

}  // namespace bnlab::cli
