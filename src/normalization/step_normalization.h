#pragma once
#include <optional>
#include <string>

#include "layers/recurrent.h"
#include "normalization/normalization.h"

namespace bnlab::normalization {

/// How `config` normalizes the steps of a recurrent layer; nothing for the type none. `site` names the normalization.
/// Its statistics are those of each step, with states SITE.step1, SITE.step2, ..., or with `recurrent_statistics:
/// shared` those of each step in training, and in evaluation the average over the steps, the state SITE. Sums that are
/// normalized separately have the sites SITE.hidden and SITE.input. The references must outlive the making of the
/// layer.
std::optional<layers::StepNormalization> step_normalization(const std::string& site,
                                                            const config::NormalizationConfig& config,
                                                            layers::Parameters& parameters,
                                                            NormalizationStates& states);

}  // namespace bnlab::normalization
