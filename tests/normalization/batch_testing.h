#pragma once
// A normalization by itself.

#include "layers/layer_testing.h"
#include "normalization/normalization.h"

namespace bnlab::layer_testing {

/// The program of one normalization layer, and the state that it fills.
struct NormalizationRun {
  config::NormalizationConfig config;
  normalization::NormalizationStates states;
  LayerRun run;

  /// `state` outlives the run; null: one of its own.
  NormalizationRun(const config::NormalizationConfig& normalization, const Shape& shape, Layout layout,
                   onednn::Mode mode = onednn::Mode::train, const onednn::RunState* state = nullptr,
                   onednn::DataType type = onednn::DataType::f32)
      : config(normalization),
        run(
            [this](const auto& context) {
              return normalization::make_normalization({context, config, states, false});
            },
            shape, layout, mode, state, type) {}

  normalization::NormalizationState& state() { return *states.front(); }
};

inline config::NormalizationConfig config_of(config::NormalizationType type) {
  config::NormalizationConfig config;
  config.type = type;
  return config;
}

inline Array state_array(const std::vector<float>& values) {
  return reference::from_floats({static_cast<std::int64_t>(values.size())}, values);
}

inline const Array* find(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

}  // namespace bnlab::layer_testing
