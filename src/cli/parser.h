#pragma once
// The command line as bnlab's commands declare it. parser.cpp alone includes CLI11, whose headers take seconds to
// compile.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "config/find_kind.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bnlab::cli {

/// A handle to an option or an argument of a command, which owns it. The functions of its declaration return it again.
class Option {
 public:
  /// What the help shows for the value: "DIR".
  Option& type_name(const std::string& name);
  /// The heading that the help shows it under.
  Option& group(const std::string& name);
  Option& required();
  /// Of an option that may be repeated: one value each time.
  Option& one_value_each();
  /// The help shows the default.
  Option& shows_default();
  /// The other one, as "--out", is declared and cannot be given together with this one.
  Option& excludes(const std::string& other);
  /// Refuses all but these values.
  Option& one_of(const std::vector<std::string>& values);
  /// Refuses all but integers from `low` to `high`.
  Option& between(std::int64_t low, std::int64_t high);
  /// Refuses all but numbers from `low` to `high`; nan is none.
  Option& number_between(double low, double high);
  /// Refuses an empty value.
  Option& not_empty();
  /// Of a file or a folder: "~" as a shell has it, also where the shell left it alone, as in --out=~/x.
  Option& home_path();

  std::string name() const;                      // "--out", or that of an argument
  std::string help_name() const;                 // "-q,--quiet", as the help shows it
  std::vector<std::string> long_names() const;   // without dashes; none: an argument
  std::vector<std::string> short_names() const;  // without the dash
  std::string description() const;
  std::string group() const;
  std::string type_name() const;  // with the rule of its values: "N:INT in [1 - 1024]", "PROFILE:{quick,full}"
  bool takes_value() const;
  bool is_argument() const;
  bool is_help() const;
  bool is_given() const;  // on the command line; only when that has been parsed

 private:
  friend class Command;
  Option(CLI::App* command, CLI::Option* option) : command_(command), option_(option) {}
  CLI::App* command_;
  CLI::Option* option_;
};

/// A handle to a command, or to the whole program; the Parser owns it. Values of options outlive the Parser.
class Command {
 public:
  Command add_command(const std::string& name, const std::string& description);

  /// An option "--jobs", or an argument "FILE" where the name has no dashes.
  Option add_option(const std::string& name, int& value, const std::string& description);
  Option add_option(const std::string& name, std::int64_t& value, const std::string& description);
  Option add_option(const std::string& name, double& value, const std::string& description);
  Option add_option(const std::string& name, std::string& value, const std::string& description);
  Option add_option(const std::string& name, std::filesystem::path& value, const std::string& description);
  Option add_option(const std::string& name, std::vector<std::string>& value, const std::string& description);
  /// One of the kinds of an enumeration, by name.
  template <class E>
  requires std::is_enum_v<E> Option add_option(const std::string& name, E& value, const std::string& description) {
    const auto set = [&value](const std::string& text) { value = config::find_kind<E>(text).value_or(value); };
    return add_text_option(name, set, description).one_of(config::names_of<E>());
  }
  /// "!--no-wait" sets its value to false.
  Option add_flag(const std::string& name, bool& value, const std::string& description);

  /// What stands below the options in the help.
  void footer(const std::string& text);
  /// Called by Parser::parse() where the command is the one that was given.
  void callback(const std::function<void()>& run);

  std::string name() const;
  std::string description() const;
  std::string footer() const;
  std::string group() const;
  bool is_program() const;
  std::vector<Command> commands() const;
  std::vector<Option> options() const;
  /// The option "--jobs"; it must exist.
  Option option(const std::string& name) const;

 private:
  friend class Parser;
  Option add_text_option(const std::string& name, const std::function<void(const std::string&)>& set,
                         const std::string& description);
  explicit Command(CLI::App* app) : app_(app) {}
  CLI::App* app_;
};

class Parser {
 public:
  Parser(const std::string& description, const std::string& name, const std::function<std::string()>& version);
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  Command program();
  /// Parses, and calls the callback of the command that was given. Returns false after a usage error, which it has
  /// written to standard error; true also after --help and --version.
  bool parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace bnlab::cli
