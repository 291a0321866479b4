#pragma once
#include <memory>
#include <string>

#include "normalization/normalization.h"

namespace bnlab::layers {

/// A recurrent layer (Elman 1990) over the rows of an image: h_t = f(normalization(W_h h_{t-1} + W_x x_t)), h_0 = 0,
/// x_t the values of row t in all channels; without normalization a bias is added. src (N, C, H, W), H steps; dst
/// (N, units), the last h. Parameters: NAME.input_weights (units, C * W), NAME.hidden_weights (units, units),
/// NAME.bias; SITE.gamma and SITE.beta, shared by all steps (Cooijmans et al. 2016). `site` names the normalization;
/// its statistics are those of each step, with states SITE.step1, SITE.step2, ..., or with `recurrent_statistics:
/// shared` those of each step in training, and in evaluation the average over the steps, the state SITE. Throws
/// ConfigError unless src is an image.
std::unique_ptr<Layer> make_recurrent(const LayerContext& context, const config::Recurrent& spec, double negative_slope,
                                      const std::string& site, const config::NormalizationConfig& normalization,
                                      normalization::NormalizationStates& states);

}  // namespace bnlab::layers
