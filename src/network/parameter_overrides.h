#pragma once
// Which parameters the overrides of an optimizer and of an initialization are about.

#include <string>
#include <vector>

#include "config/run_config.h"
#include "layers/parameter.h"

namespace bnlab::network {

/// "conv3" of "conv3.weights".
std::string layer_of(const std::string& parameter);

/// The last override that fits the parameter's name; one without effect where none does.
config::OptimizerOverride override_of(const config::OptimizerConfig& config, const std::string& parameter);

/// Throws ConfigError for an override that fits no layer with weights.
void check_overrides(const config::InitializationConfig& config, const layers::Parameters& parameters);
/// Throws ConfigError for an override that fits no parameter.
void check_overrides(const config::OptimizerConfig& config, const layers::Parameters& parameters);

}  // namespace bnlab::network
