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

/// A path of which configs have different values, and each one's: a text without its quotes, else JSON; "" where it
/// has none.
struct Variation {
  std::string path;
  std::vector<std::string> values;
};

/// Where any of these configs differ, in the order of a config. Left out are descriptions, the seed, the layers of
/// networks whose names tell them apart, and fields that are equal wherever they apply. Probes of other types are one
/// entry, the types.
std::vector<Variation> variations(const std::vector<const RunConfig*>& configs);

}  // namespace bnlab::config
