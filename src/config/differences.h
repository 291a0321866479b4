#pragma once
#include <string>
#include <vector>

#include "config/run_config.h"

namespace bnlab::config {

/// Where two configs differ: a dotted path and both values, "(unset)" where one has none.
struct Difference {
  std::string path;
  std::string first;
  std::string second;
  std::vector<std::string> decided_by;  // paths of the fields whose values say whether this one applies
};
std::vector<Difference> differences(const RunConfig& first, const RunConfig& second);

}  // namespace bnlab::config
