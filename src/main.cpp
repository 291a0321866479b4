#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>
#include <system_error>

#include "cli/command.h"
#include "util/errors.h"

namespace {

using bnlab::cli::ExitStatus;

std::string joined(int argc, char** argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) line += (i > 0 ? " " : "") + std::string(argv[i]);
  return line;
}

int report(const std::string& text, ExitStatus status) {
  fmt::print(stderr, "bnlab: {}\n", text);
  return status;
}

int run(int argc, char** argv) {
  bnlab::cli::Context context;
  context.started = std::chrono::steady_clock::now();
  context.command_line = joined(argc, argv);
  CLI::App app{"bnlab: experiments on batch normalization, from a JSON config to CSV and figures", "bnlab"};
  app.set_version_flag("--version", bnlab::cli::version_text);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("-q,--quiet", context.log.quiet, "print warnings and errors only");
  app.add_flag("-v,--verbose", context.log.verbose, "print more about what happens");
  app.add_option("--log-file", context.log.file, "write the log to a file too")->type_name("FILE");
  bnlab::cli::add_train(app, context);
  bnlab::cli::add_describe(app, context);
  bnlab::cli::add_validate(app, context);
  bnlab::cli::add_list(app, context);
  bnlab::cli::add_schema(app, context);
  bnlab::cli::add_gradcheck(app, context);
  app.footer("Example:\n  bnlab train configs/first_experiment.json --set optimizer.learning_rate=1 --out results/first");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitStatus::done : ExitStatus::usage_error;
  }
  if (std::fflush(stdout) != 0) throw bnlab::RunError("can't write to standard output: " + std::generic_category().message(errno));
  return context.exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  // A file that grows past a limit is an error of the write, not the end of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const bnlab::ConfigError& error) {
    return report(error.what(), ExitStatus::usage_error);
  } catch (const bnlab::DataError& error) {
    return report(error.what(), ExitStatus::data_error);
  } catch (const std::bad_alloc&) {
    return report("out of memory; a smaller training.batch_size or network needs less", ExitStatus::failed);
  } catch (const std::exception& error) {
    return report(error.what(), ExitStatus::failed);
  }
}
