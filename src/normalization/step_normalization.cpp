#include "normalization/step_normalization.h"

namespace bnlab::normalization {

using config::NormalizationConfig;
using config::NormalizationType;

std::optional<layers::StepNormalization> step_normalization(const std::string& site, const NormalizationConfig& config,
                                                            layers::Parameters& parameters,
                                                            NormalizationStates& states) {
  if (config.type == NormalizationType::none) return std::nullopt;
  const config::NormalizationRow& row = config::row_of(config.type);
  layers::StepNormalization result;
  result.site = site;
  result.is_affine = config.affine && row.has_affine;
  result.replaces_bias = result.is_affine || row.absorbs_bias;
  result.initial_gamma = config.initial_gamma;
  result.draws_gamma = config.gamma_distribution == config::GammaDistribution::uniform;
  result.initial_beta = config.initial_beta;
  result.make = [site, &config, &parameters, &states](const std::string& part, std::int64_t steps, std::int64_t units,
                                                      layers::Parameter* gamma, layers::Parameter* beta) {
    const std::string place = site + part;
    NormalizationConfig of_step = config;
    of_step.affine = false;
    const bool is_shared = config.recurrent_statistics == config::RecurrentStatistics::shared;
    const std::size_t first = states.size();
    layers::LayerList made;
    for (std::int64_t t = 1; t <= steps; ++t) {
      const std::string step = place + ".step" + std::to_string(t);
      const std::size_t before = states.size();
      made.push_back(make_normalization({{t == 1 ? place : step, {1, units}, parameters}, of_step, states, false}));
      if (states.size() == before) continue;
      NormalizationState& state = *states.back();
      state.gamma = gamma;
      state.beta = beta;
      if (!is_shared) state.name = step;
      if (is_shared && t > 1) state.shared_with = states[first].get();
    }
    return made;
  };
  return result;
}

}  // namespace bnlab::normalization
