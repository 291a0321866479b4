#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "layers/layer.h"

namespace bnlab::layers {

/// How the steps of a recurrent layer are normalized.
struct StepNormalization {
  std::string site;            // of the name of gamma and beta
  bool is_affine = false;      // the recurrent layer has gamma and beta, shared by all steps, and applies them
  bool replaces_bias = false;  // by beta, or as it takes a bias away again
  double initial_gamma = 1;
  bool draws_gamma = false;  // Declaration::is_drawn
  double initial_beta = 0;
  /// Makes one normalization of (1, units) for each step, without gamma and beta; those of all steps, or null, are
  /// given for their states.
  std::function<LayerList(std::int64_t steps, std::int64_t units, Parameter* gamma, Parameter* beta)> make;
};

/// A recurrent layer (Elman 1990) over the rows of an image: h_t = f(normalization(W_h h_{t-1} + W_x x_t)), h_0 = 0,
/// x_t the values of row t in all channels; without normalization a bias is added. src (N, C, H, W), H steps; dst
/// (N, units), the last h. Parameters: NAME.input_weights (units, C * W), NAME.hidden_weights (units, units),
/// NAME.bias; SITE.gamma and SITE.beta, shared by all steps (Cooijmans et al. 2016). Throws ConfigError unless src is
/// an image.
std::unique_ptr<Layer> make_recurrent(const LayerContext& context, const config::Recurrent& spec, double negative_slope,
                                      const std::optional<StepNormalization>& normalization);

}  // namespace bnlab::layers
