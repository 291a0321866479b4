#include <fmt/format.h>

#include <sstream>
#include <string>
#include <vector>

#include "cli/command.h"

namespace bnlab::cli {
namespace {

enum class Shell { bash, zsh, fish };

}  // namespace
}  // namespace bnlab::cli

template <>
struct bnlab::config::Names<bnlab::cli::Shell> {
  using Shell = cli::Shell;
  static constexpr Named<Shell> table[] = {{"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}};
};

namespace bnlab::cli {
namespace {

/// A word that the shell may offer, and what it means.
struct Word {
  std::string text;
  std::string meaning;
};

struct OptionWords {
  std::vector<std::string> names;  // "--quiet", "-q"; none: an argument without a name
  std::string meaning;
  bool takes_value = false;
  std::vector<std::string> choices;  // of its value; none: a file
};

struct CommandWords {
  Word command;
  std::vector<OptionWords> options;
};

/// What stands between the braces of "PROFILE:{quick,full}", as CLI11 writes the type of an option with choices.
std::vector<std::string> choices_of(const Option& option) {
  const std::string type = option.type_name();
  const std::size_t begin = type.find('{');
  const std::size_t end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  std::istringstream list(type.substr(begin + 1, end - begin - 1));
  std::vector<std::string> choices;
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

/// Without the --help of a command, which bnlab itself has too.
std::vector<OptionWords> options_of(const Command& command) {
  std::vector<OptionWords> all;
  for (const Option& option : command.options()) {
    if (option.is_help() && !command.is_program()) continue;
    OptionWords words{{}, option.description(), option.takes_value(), choices_of(option)};
    for (const std::string& name : option.long_names()) words.names.push_back("--" + name);
    for (const std::string& name : option.short_names()) words.names.push_back("-" + name);
    all.push_back(std::move(words));
  }
  return all;
}

std::vector<CommandWords> commands_of(const Command& program) {
  std::vector<CommandWords> all;
  for (const Command& command : program.commands())
    all.push_back({{command.name(), command.description()}, options_of(command)});
  return all;
}

/// Names of options, and the choices of arguments without a name.
std::vector<Word> words_of(const std::vector<OptionWords>& options) {
  std::vector<Word> words;
  for (const OptionWords& option : options) {
    for (const std::string& name : option.names) words.push_back({name, option.meaning});
    if (option.names.empty())
      for (const std::string& choice : option.choices) words.push_back({choice, ""});
  }
  return words;
}

std::string joined(const std::vector<Word>& words) {
  std::string text;
  for (const Word& word : words) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

/// For single quotes of a shell.
std::string in_quotes(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string bash(const std::vector<OptionWords>& of_all, const std::vector<CommandWords>& commands) {
  std::string text =
      "# bash completion of bnlab; to use it in this shell: source <(bnlab completion bash)\n"
      "_bnlab() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' word words\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in\n      ";
  for (const CommandWords& one : commands) text += (&one == &commands.front() ? "" : "|") + one.command.text;
  text +=
      ") command=$word; break ;;\n"
      "    esac\n"
      "  done\n"
      "  case $command:$previous in\n";
  for (const CommandWords& one : commands)
    for (const OptionWords& option : one.options) {
      if (!option.takes_value || option.names.empty() || option.choices.empty()) continue;
      for (const std::string& name : option.names)
        text += fmt::format("    {}:{}) mapfile -t COMPREPLY < <(compgen -W {} -- \"$current\"); return ;;\n",
                            one.command.text, name, in_quotes(fmt::format("{}", fmt::join(option.choices, " "))));
    }
  std::vector<Word> first = words_of(of_all);
  for (const CommandWords& one : commands) first.push_back(one.command);
  text += "  esac\n  case $command in\n";
  text += fmt::format("    '') words={} ;;\n", in_quotes(joined(first)));
  for (const CommandWords& one : commands)
    text += fmt::format("    {}) words={} ;;\n", one.command.text,
                        in_quotes(joined(words_of(one.options)) + " " + joined(words_of(of_all))));
  text +=
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\"; [[ -n $command ]] && compgen -f -- "
      "\"$current\")\n"
      "}\n"
      "complete -o filenames -F _bnlab bnlab\n";
  return text;
}

/// One specification of zsh's _arguments.
std::string zsh_specification(const std::string& name, const OptionWords& option) {
  std::string meaning;
  for (const char c : option.meaning)
    meaning += c == '[' || c == ']' || c == ':' ? std::string{'\\', c} : std::string{c};
  std::string text = fmt::format("{}[{}]", name, meaning);
  if (option.takes_value)
    text += option.choices.empty() ? ":value:_files" : fmt::format(":value:({})", fmt::join(option.choices, " "));
  return in_quotes(text);
}

std::string zsh_specifications(const std::vector<OptionWords>& options) {
  std::string text;
  for (const OptionWords& option : options) {
    for (const std::string& name : option.names) text += " \\\n        " + zsh_specification("*" + name, option);
    if (option.names.empty())
      text += " \\\n        " + (option.choices.empty()
                                     ? std::string("'*:file:_files'")
                                     : in_quotes(fmt::format("1:word:({})", fmt::join(option.choices, " "))));
  }
  return text;
}

std::string zsh(const std::vector<OptionWords>& of_all, const std::vector<CommandWords>& commands) {
  std::string text =
      "#compdef bnlab\n"
      "_bnlab() {\n"
      "  local -a commands=(\n";
  for (const CommandWords& one : commands) {
    std::string meaning;
    for (const char c : one.command.meaning) meaning += c == ':' ? std::string("\\:") : std::string(1, c);
    text += fmt::format("    {}\n", in_quotes(one.command.text + ":" + meaning));
  }
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    _arguments";
  text += zsh_specifications(of_all);
  text +=
      "\n    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT -= 1 ))\n"
      "  case $command in\n";
  for (const CommandWords& one : commands)
    text += fmt::format("    {}) _arguments{}{} ;;\n", one.command.text, zsh_specifications(one.options),
                        zsh_specifications(of_all));
  text +=
      "  esac\n"
      "}\n"
      "compdef _bnlab bnlab\n";
  return text;
}

std::string fish_option(const std::string& condition, const OptionWords& option) {
  std::string text = "complete -c bnlab" + condition;
  for (const std::string& name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.takes_value)
    text += option.choices.empty()
                ? " -r -F"
                : fmt::format(" -x -a {}", in_quotes(fmt::format("{}", fmt::join(option.choices, " "))));
  return text + " -d " + in_quotes(option.meaning) + "\n";
}

std::string fish(const std::vector<OptionWords>& of_all, const std::vector<CommandWords>& commands) {
  std::string text;
  for (const CommandWords& one : commands)
    text += fmt::format("complete -c bnlab -n __fish_use_subcommand -f -a {} -d {}\n", one.command.text,
                        in_quotes(one.command.meaning));
  for (const OptionWords& option : of_all)
    if (!option.names.empty()) text += fish_option("", option);
  for (const CommandWords& one : commands) {
    const std::string condition = fmt::format(" -n '__fish_seen_subcommand_from {}'", one.command.text);
    for (const OptionWords& option : one.options) {
      if (!option.names.empty())
        text += fish_option(condition, option);
      else if (!option.choices.empty())
        text += fmt::format("complete -c bnlab{} -f -a {}\n", condition,
                            in_quotes(fmt::format("{}", fmt::join(option.choices, " "))));
    }
  }
  return text;
}

std::string script_of(Shell shell, const std::vector<OptionWords>& of_all, const std::vector<CommandWords>& commands) {
  switch (shell) {
    case Shell::bash:
      return bash(of_all, commands);
    case Shell::zsh:
      return zsh(of_all, commands);
    case Shell::fish:
      break;
  }
  return fish(of_all, commands);
}

}  // namespace

void add_completion(Command program, Context&) {
  const auto shell = std::make_shared<Shell>(Shell::bash);
  Command command = program.add_command("completion", "print a completion script for a shell");
  command.add_option("SHELL", *shell, "name of the shell: bash, zsh or fish").required();
  command.footer(
      "Examples:\n"
      "  source <(bnlab completion bash)\n"
      "  bnlab completion fish > ~/.config/fish/completions/bnlab.fish");
  command.callback(
      [shell, program] { fmt::print("{}", script_of(*shell, options_of(program), commands_of(program))); });
}

}  // namespace bnlab::cli
