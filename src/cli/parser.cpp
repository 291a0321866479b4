#include "cli/parser.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <sstream>

#include "util/printable.h"

namespace bnlab::cli {

// ---- an option
// -------------------------------------------------------------------------------------------------------

Option& Option::type_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Option& Option::group(const std::string& name) {
  option_->group(name);
  return *this;
}

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::one_value_each() {
  option_->allow_extra_args(false);
  return *this;
}

Option& Option::shows_default() {
  option_->capture_default_str();
  return *this;
}

Option& Option::excludes(const std::string& other) {
  option_->excludes(command_->get_option(other));
  return *this;
}

Option& Option::one_of(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option& Option::between(std::int64_t low, std::int64_t high) {
  option_->check(CLI::Range(low, high));
  return *this;
}

Option& Option::number_between(double low, double high) {
  const std::string range = fmt::format("number from {:g} to {:g}", low, high);
  const auto problem = [=](std::string& text) {
    double value = 0;
    const bool fits = CLI::detail::lexical_cast(text, value) && low <= value && value <= high;
    return fits ? std::string() : fmt::format("must be a {}, got {}", range, text);
  };
  option_->check(CLI::Validator(problem, range, "number_between"));
  return *this;
}

Option& Option::not_empty() {
  const auto problem = [](std::string& text) { return std::string(text.empty() ? "must not be empty" : ""); };
  option_->check(CLI::Validator(problem, "", "not empty"));
  return *this;
}

std::string Option::name() const { return option_->get_name(); }
std::string Option::help_name() const {
  return is_argument() ? option_->get_name(true) : option_->get_name(false, true);
}
std::vector<std::string> Option::long_names() const { return option_->get_lnames(); }
std::vector<std::string> Option::short_names() const { return option_->get_snames(); }
std::string Option::description() const { return option_->get_description(); }
std::string Option::group() const { return option_->get_group(); }
std::string Option::type_name() const { return option_->get_type_name(); }
bool Option::takes_value() const { return option_->get_items_expected_max() > 0; }
bool Option::is_argument() const { return option_->get_positional(); }
bool Option::is_help() const { return option_ == command_->get_help_ptr(); }
bool Option::is_given() const { return option_->count() > 0; }

// ---- a command
// -------------------------------------------------------------------------------------------------------

Command Command::add_command(const std::string& name, const std::string& description) {
  return Command(app_->add_subcommand(name, description));
}

Option Command::add_option(const std::string& name, int& value, const std::string& description) {
  return {app_, app_->add_option(name, value, description)};
}

Option Command::add_option(const std::string& name, std::int64_t& value, const std::string& description) {
  return {app_, app_->add_option(name, value, description)};
}

Option Command::add_option(const std::string& name, double& value, const std::string& description) {
  return {app_, app_->add_option(name, value, description)};
}

Option Command::add_option(const std::string& name, std::string& value, const std::string& description) {
  return {app_, app_->add_option(name, value, description)};
}

Option Command::add_option(const std::string& name, std::filesystem::path& value, const std::string& description) {
  return {app_, app_->add_option(name, value, description)};
}

Option Command::add_option(const std::string& name, std::vector<std::string>& value, const std::string& description) {
  return {app_, app_->add_option(name, value, description)};
}

Option Command::add_flag(const std::string& name, bool& value, const std::string& description) {
  return {app_, app_->add_flag(name, value, description)};
}

void Command::footer(const std::string& text) { app_->footer(text); }
void Command::callback(const std::function<void()>& run) { app_->callback(run); }

std::string Command::name() const { return app_->get_name(); }
std::string Command::description() const { return app_->get_description(); }
std::string Command::footer() const { return app_->get_footer(); }
std::string Command::group() const { return app_->get_group(); }
bool Command::is_program() const { return app_->get_parent() == nullptr; }

std::vector<Command> Command::commands() const {
  std::vector<Command> all;
  for (CLI::App* command : app_->get_subcommands([](CLI::App*) { return true; })) all.push_back(Command(command));
  return all;
}

std::vector<Option> Command::options() const {
  std::vector<Option> all;
  for (CLI::Option* option : app_->get_options([](CLI::Option*) { return true; })) all.push_back({app_, option});
  return all;
}

Option Command::option(const std::string& name) const { return {app_, app_->get_option(name)}; }

// ---- the program
// -----------------------------------------------------------------------------------------------------

Parser::Parser(const std::string& description, const std::string& name, const std::function<std::string()>& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->fallthrough();
  app_->failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("bnlab: {}\nRun with --help for more information.\n", error.what());
  });
}

Parser::~Parser() = default;

Command Parser::program() { return Command(app_.get()); }

bool Parser::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
    return true;
  } catch (const CLI::ParseError& error) {  // --help and --version, too
    std::ostringstream out, problems;
    const bool is_right = app_->exit(error, out, problems) == 0;
    std::fputs(printable(problems.str()).c_str(), stderr);  // values may be names of files
    std::fputs(out.str().c_str(), stdout);
    return is_right;
  }
}

}  // namespace bnlab::cli
