#pragma once
#include <memory>
#include <string>

#include "normalization/normalization.h"

namespace bnlab::layers {

/// A recurrent layer (Elman 1990) over the rows of an image: h_t = f(normalization(W_h h_{t-1} + W_x x_t)), h_0 = 0,
/// x_t the values of row t in all channels; without normalization a bias is added. src (N, C, H, W), H steps; dst
/// (N, units), the last h. Parameters: NAME.input_weights (units, C * W), NAME.hidden_weights (units, units),
/// NAME.bias; SITE.gamma and SITE.beta, shared by all steps (Cooijmans et al. 2016). `site` names the normalization.
std::unique_ptr<Layer> make_recurrent(const LayerContext& context, const config::Recurrent& spec,
                                      const std::string& site, const config::NormalizationConfig& normalization,
                                      normalization::NormalizationStates& states);

}  // namespace bnlab::layers
