#pragma once
// Settings of the initial weights, and weights to fill.

#include <string>
#include <utility>
#include <vector>

#include "network/initialization.h"
#include "network/network_testing.h"

namespace bnlab::network_testing {

using config::Distribution;
using config::Fan;
using config::InitializationConfig;
using config::InitializationOverride;
using config::InitializationScheme;
using config::WeightInitialization;

inline InitializationConfig config_of(const WeightInitialization& start,
                                      std::vector<InitializationOverride> overrides = {}) {
  InitializationConfig config;
  static_cast<WeightInitialization&>(config) = start;
  config.overrides = std::move(overrides);
  return config;
}

inline InitializationOverride override_of(const std::string& layers, const WeightInitialization& start) {
  InitializationOverride other;
  static_cast<WeightInitialization&>(other) = start;
  other.layers = layers;
  return other;
}

inline layers::Declaration weights(const std::string& name = "dense1.weights") {
  return {.name = name, .kind = layers::ParameterKind::weights, .shape = {400, 300}, .fan_in = 300, .fan_out = 400};
}

}  // namespace bnlab::network_testing
