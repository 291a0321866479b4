#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "cli/command.h"
#include "util/provenance.h"

namespace bnlab::cli {
namespace {

/// Text for roff: nothing in it is a request or an escape.
std::string roff_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n')) {
      result += std::string("\\&") + c;
    } else {
      result += c;
    }
  }
  return result;
}

/// "[FILE:]COLUMN" of "[FILE:]COLUMN:what is valid".
std::string name_of_type(const std::string& described) {
  int depth = 0;
  for (std::size_t i = 0; i < described.size(); ++i) {
    depth += described[i] == '[' ? 1 : described[i] == ']' ? -1 : 0;
    if (described[i] == ':' && depth == 0) return described.substr(0, i);
  }
  return described;
}

/// "--out DIR", "-q, --quiet", or the name of an argument.
std::string heading_of(const Option& option) {
  const std::string type = name_of_type(option.type_name());
  std::string text;
  for (const char c : option.help_name()) text += c == ',' ? std::string(", ") : std::string(1, c);
  if (option.takes_value() && !type.empty() && !option.is_argument()) text += " " + type;
  return text;
}

std::string options_text(const Command& command) {
  std::string text;
  for (const Option& option : command.options())
    text += fmt::format(".TP\n.B {}\n{}\n", roff_text(heading_of(option)), roff_text(option.description()));
  return text;
}

/// A footer: lines that begin with blanks stay as they are.
std::string footer_text(const Command& command) {
  std::istringstream lines(command.footer());
  std::string text;
  bool literal = false;
  for (std::string line; std::getline(lines, line);) {
    const bool is_indented = line.starts_with("  ");
    if (is_indented != literal) text += is_indented ? ".PP\n.EX\n" : ".EE\n.PP\n";
    literal = is_indented;
    text += line.empty() ? ".PP\n" : roff_text(line) + "\n";
  }
  return ".PP\n" + text + (literal ? ".EE\n" : "");
}

std::string manual(const Command& program) {
  std::string text = fmt::format(
      ".TH BNLAB 1 \"\" \"bnlab {}\" \"User Commands\"\n"
      ".SH NAME\n"
      "bnlab \\- experiments on batch normalization, from a JSON config to CSV and figures\n"
      ".SH SYNOPSIS\n"
      ".B bnlab\n"
      "[OPTIONS] COMMAND ...\n"
      ".SH DESCRIPTION\n"
      "bnlab trains networks described by JSON configs with oneDNN, and writes metrics to CSV files. It runs "
      "experiments\n"
      "that test a claim, and reports whether the claim is reproduced. README.md, configs/README.md and\n"
      "experiments/README.md have the details.\n"
      ".SH OPTIONS\n"
      "{}.SH COMMANDS\n",
      roff_text(build_info().version), options_text(program));
  for (const Command& command : program.commands()) {
    if (command.group().empty()) continue;
    text += fmt::format(".SS bnlab {}\n{}\n{}{}", roff_text(command.name()), roff_text(command.description()),
                        options_text(command), footer_text(command));
  }
  text += fmt::format(
      ".SH ENVIRONMENT\n"
      ".TP\n"
      ".B BNLAB_DATA\n"
      "the first folder that is searched for datasets\n"
      ".TP\n"
      ".B BNLAB_CONFIGS\n"
      "a folder that is searched for networks/NAME.json, in addition to the folder of the config\n"
      ".SH FILES\n"
      ".TP\n"
      ".B share/bnlab/configs, share/bnlab/experiments\n"
      "the configs and experiments that come with bnlab; train and sweep find them by their names\n"
      ".SH EXIT STATUS\n"
      "{} done, {} failed, {} usage or config error, {} data missing or damaged, {} interrupted.\n",
      static_cast<int>(done), static_cast<int>(failed), static_cast<int>(usage_error), static_cast<int>(data_error),
      static_cast<int>(interrupted));
  return text;
}

}  // namespace

void add_manual(Command program, Context&) {
  Command command = program.add_command("manual", "print the manual page");
  command.footer("Example:\n  bnlab manual | man -l -");
  command.callback([program] { fmt::print("{}", manual(program)); });
}

}  // namespace bnlab::cli
