#pragma once
// "optimizer.learning_rate=0.5": changes of a config from the command line or from an experiment's arm.

#include <string>
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

/// Splits path and value. The value is JSON; what is no JSON and does not begin as a list, an object or a quoted text
/// is a text. One that can't be read is noted in `problems` and left out.
std::vector<Override> parse_overrides(const std::vector<std::string>& texts, Problems& problems);

/// Puts the value into the tree; makes the objects on the way that are missing. A path through a value that is no
/// object or list, or past the end of a list, is noted in `problems`.
void apply(const Override& change, Json& root, Problems& problems);

}  // namespace bnlab::config
