#pragma once
// "optimizer.learning_rate=0.5": changes of a config from the command line or from an experiment's arm.

#include <string>
#include <string_view>
#include <vector>

#include "config/json.h"
#include "config/problems.h"

namespace bnlab::config {

struct Override {
  std::vector<std::string> path;
  Json value;

  /// Whether it changes a part of a network's list of layers; that list may come from a network file.
  bool inside_layers() const { return path.size() > 2 && path[0] == "network" && path[1] == "layers"; }
  bool names_network() const { return path.size() == 2 && path[0] == "network" && path[1] == "name"; }
};

/// JSON; what is no JSON and does not begin as a list, an object or a quoted text is a text.
ParsedJson parse_value(std::string_view text, int source);

/// Splits path and value, which parse_value reads. `option` names the texts in errors: "--set". One that can't be read
/// is noted in `problems` and left out.
std::vector<Override> parse_overrides(const std::vector<std::string>& texts, std::string_view option,
                                      Problems& problems);

/// Throws ConfigError where two of the texts KEY.PATH=VALUE, as one user gave them, set one key to different values, or
/// a later one replaces the section of an earlier one: which of them counts would depend on their order.
void refuse_repeated(const std::vector<std::string>& texts);

/// How an error names a text, of an option or (where that is empty) of none: "--set optimizer.learning_rate=x", cut
/// where it is long.
std::string option_label(std::string_view option, std::string_view text);

/// Puts the value into the tree; makes the objects on the way that are missing. A path through a value that is no
/// object or list, or past the end of a list, is noted in `problems`.
void apply(const Override& change, Json& root, Problems& problems);

}  // namespace bnlab::config
