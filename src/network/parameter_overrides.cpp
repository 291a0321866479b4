#include "network/parameter_overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "util/errors.h"
#include "util/join.h"
#include "util/nearest.h"
#include "util/pattern.h"

namespace bnlab::network {
namespace {

using layers::Declaration;
using Names = std::vector<std::string>;

/// "conv*" of "conv3", "conv*.weights" of "conv3.weights".
std::string kind_of(const std::string& name) {
  const std::string layer = layer_of(name), rest = name.substr(layer.size());
  return layer.substr(0, layer.find_last_not_of("0123456789") + 1) + "*" + rest;
}

/// Throws ConfigError where a pattern fits none of the names. The guess may be the pattern of a kind.
void require_fit(const std::string& field, const std::string& pattern, const std::string& what, const Names& names) {
  if (std::ranges::any_of(names, [&](const std::string& name) { return fits(pattern, name); })) return;
  std::set<std::string> kinds;
  for (const std::string& name : names) kinds.insert(kind_of(name));
  Names valid = names;
  valid.insert(valid.end(), kinds.begin(), kinds.end());
  const std::string guess = did_you_mean(pattern, valid);
  throw ConfigError(fmt::format("{}: \"{}\" fits no {}{}", field, pattern, what,
                                guess.empty() ? "; there are " + join(names) : guess));
}

}  // namespace

std::string layer_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

config::OptimizerOverride override_of(const config::OptimizerConfig& config, const std::string& parameter) {
  for (auto other = config.overrides.rbegin(); other != config.overrides.rend(); ++other)
    if (fits(other->parameters, parameter)) return *other;
  return {};
}

void check_overrides(const config::InitializationConfig& config, const layers::Parameters& parameters) {
  Names layers;
  for (const Declaration& parameter : parameters.declarations())
    if (parameter.kind == layers::ParameterKind::weights) layers.push_back(layer_of(parameter.name));
  for (std::size_t i = 0; i < config.overrides.size(); ++i)
    require_fit(fmt::format("initialization.overrides.{}.layers", i), config.overrides[i].layers, "layer with weights",
                layers);
}

void check_overrides(const config::OptimizerConfig& config, const layers::Parameters& parameters) {
  Names names;
  for (const Declaration& parameter : parameters.declarations()) names.push_back(parameter.name);
  for (std::size_t i = 0; i < config.overrides.size(); ++i)
    require_fit(fmt::format("optimizer.overrides.{}.parameters", i), config.overrides[i].parameters, "parameter",
                names);
}

}  // namespace bnlab::network
