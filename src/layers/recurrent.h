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
  std::string site;            // of the names of gamma and beta
  bool is_affine = false;      // the recurrent layer has gamma and beta, shared by all steps, and applies them
  bool replaces_bias = false;  // by beta, or as it takes a bias away again
  double initial_gamma = 1;
  bool draws_gamma = false;  // Declaration::is_drawn
  double initial_beta = 0;
  /// Makes one normalization of (1, units) for each step, without gamma and beta; those of all steps, or null, are
  /// given for their states. `part` is added to the site's name: "", ".hidden" or ".input".
  std::function<LayerList(const std::string& part, std::int64_t steps, std::int64_t units, Parameter* gamma,
                          Parameter* beta)>
      make;
};

/// A recurrent layer (Elman 1990) over an image: h_t = f(N(W_h h_{t-1} + W_x x_t)), or with `normalize: separate`
/// f(N_h(W_h h_{t-1}) + N_x(W_x x_t)), N the normalization with gamma and beta, of which N_x has gamma alone (Cooijmans
/// et al. 2016); without normalization a bias is added. x_t are the values of row t, or of pixel t in row-major order,
/// in all channels; with a permutation, of the t-th row or pixel of an order that depends on its number and the steps
/// alone. h_0 = 0; with noise, in training and where statistics are of the batch, h_0 ~ N(0, noise^2), a function of
/// seed, layer, step and place in the batch. src (N, C, H, W), H or H * W steps; dst (N, units), the last h.
/// Parameters: NAME.input_weights (units, C * W or C), NAME.hidden_weights (units, units), NAME.bias; shared by all
/// steps SITE.gamma and SITE.beta, or SITE.hidden.gamma, SITE.hidden.beta and SITE.input.gamma. Throws ConfigError
/// unless src is an image, of at most 4096 pixels where it reads them.
std::unique_ptr<Layer> make_recurrent(const LayerContext& context, const config::Recurrent& spec, double negative_slope,
                                      const std::optional<StepNormalization>& normalization);

}  // namespace bnlab::layers
