#include "cli/parser.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>

#include "config/hints.h"
#include "util/errors.h"
#include "util/home.h"
#include "util/join.h"
#include "util/nearest.h"
#include "util/printable.h"

namespace bnlab::cli {
namespace {

/// "optimizer.learning_rate=0.5", and no file of that name.
bool is_setting(const std::string& text) {
  const std::size_t equal = text.find('=');
  if (equal == 0 || equal == std::string::npos || std::isalpha(static_cast<unsigned char>(text.front())) == 0)
    return false;
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; };
  std::error_code ignored;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(equal), is_plain) &&
         !std::filesystem::exists(text, ignored);
}

/// The arguments with "--set a=1 b=2" written as "--set a=1 --set b=2", and so for --grid and --zip.
std::vector<std::string> with_repeated_options(const std::vector<std::string>& arguments) {
  std::vector<std::string> all;
  std::string repeated;  // the option whose value the last argument was
  bool value_is_next = false;
  for (const std::string& argument : arguments) {
    if (value_is_next) {
      value_is_next = false;
    } else if (argument == "--") {
      repeated = "--";  // what follows is no option
    } else if (repeated != "--") {
      if (!repeated.empty() && is_setting(argument)) {
        all.push_back(repeated);
      } else {
        repeated.clear();
        for (const char* option : {"--set", "--grid", "--zip"})
          if (argument == option || argument.starts_with(std::string(option) + "=")) repeated = option;
        value_is_next = argument == repeated;
      }
    }
    all.push_back(argument);
  }
  return all;
}

/// The names of the options of the program and of the command that was given, with their dashes.
std::vector<std::string> option_names(const CLI::App& program) {
  std::vector<const CLI::App*> apps{&program};
  for (const CLI::App* command : program.get_subcommands()) apps.push_back(command);
  std::vector<std::string> names;
  for (const CLI::App* app : apps)
    for (const CLI::Option* option : app->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

/// How a key of the config that is given as an option, such as --lr 3, is set; "" for anything else.
std::string setting_hint(const std::string& option, const std::vector<std::string>& arguments,
                         const std::vector<std::string>& known) {
  std::string key = option.substr(std::min(option.find_first_not_of('-'), option.size()));
  std::ranges::replace(key, '-', '_');
  for (const char* device : {"device", "gpu", "cuda", "cpu"})
    if (key == device) return "; bnlab computes on the CPU, with --threads threads";
  const auto is_known = [&](const char* name) { return std::ranges::find(known, name) != known.end(); };
  std::vector<std::string> paths = config::places_of_key(key.substr(key.rfind('.') + 1));
  if (key.find('.') != std::string::npos && std::ranges::find(paths, key) != paths.end()) paths = {key};
  // A sweep has --seeds.
  if (!is_known("--set") || paths.empty() || is_known((option + "s").c_str())) return "";
  std::string value = "VALUE";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].starts_with(option + "=")) value = arguments[i].substr(option.size() + 1);
    const bool has_value = arguments[i] == option && i + 1 < arguments.size();
    if (has_value && !arguments[i + 1].starts_with("--")) value = arguments[i + 1];
  }
  return fmt::format("; did you mean --set {}={}?", paths.front(), value);
}

/// The error's text. Where an option is unknown, that option and the nearest one; for a setting, how it is written.
std::string text_of(const CLI::Error& error, const CLI::App& program, const std::vector<std::string>& arguments) {
  const std::string text = error.what();
  if (text == "A subcommand is required") return "a command is required, such as train";
  if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError)) return text;
  const std::string extras = text.substr(text.find(": ") + 1);
  std::string last;
  std::set<std::string> unexpected;
  for (std::istringstream words(extras); words >> last;) {
    unexpected.insert(last);
    const std::string option = last.substr(0, last.find('='));
    if (last.size() > 1 && last.front() == '-') {
      const std::vector<std::string> known = option_names(program);
      const std::string setting = setting_hint(option, arguments, known);
      return fmt::format("unknown option {}{}", option, setting.empty() ? did_you_mean(option, known) : setting);
    }
  }
  std::string in_order;  // CLI11's order depends on where they stand
  for (const std::string& argument : arguments)
    if (unexpected.contains(argument)) in_order += (in_order.empty() ? "" : " ") + argument;
  return "unexpected on the command line: " + (in_order.empty() ? extras.substr(1) : in_order) +
         (is_setting(last) ? fmt::format("; did you mean --set {}?", last) : "");
}

}  // namespace

// ---- an option

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
  const auto problem = [=](std::string& text) {
    if (std::ranges::find(values, text) != values.end()) return std::string();
    return fmt::format("must be one of {}, got \"{}\"{}", join(values, ", "), text, did_you_mean(text, values));
  };
  option_->check(CLI::Validator(problem, "{" + join(values, ",") + "}", "one_of"));
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

Option& Option::home_path() {
  const auto expand = [](std::string& text) {
    try {
      text = with_home(text);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  option_->transform(CLI::Validator(expand, "", "home_path"));
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

Option Command::add_text_option(const std::string& name, const std::function<void(const std::string&)>& set,
                                const std::string& description) {
  return {app_, app_->add_option_function<std::string>(name, set, description)};
}

Option Command::add_flag(const std::string& name, bool& value, const std::string& description) {
  if (name.starts_with('!'))
    return {app_, app_->add_flag_callback(
                      name.substr(1), [&value] { value = false; }, description)};
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

Parser::Parser(const std::string& description, const std::string& name, const std::function<std::string()>& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->fallthrough();
}

Parser::~Parser() = default;

Command Parser::program() { return Command(app_.get()); }

bool Parser::parse(int argc, char** argv) {
  try {
    std::vector<std::string> arguments = with_repeated_options({argv + std::min(argc, 1), argv + argc});
    app_->failure_message([arguments](const CLI::App* program, const CLI::Error& error) {
      return fmt::format("bnlab: {}\nRun with --help for more information.\n",
                         on_one_line(text_of(error, *program, arguments)));
    });
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app_->parse(arguments);
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
