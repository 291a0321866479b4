#pragma once
#include <memory>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::normalization {

/// Local response normalization across channels (Krizhevsky et al. 2012, 3.3), through oneDNN's primitive:
///   y_c = x_c / (k + alpha / size * sum x_j^2)^beta, over the `size` channels around c.
/// src and dst (N, C) or (N, C, H, W). No parameters.
std::unique_ptr<layers::Layer> make_local_response(const layers::LayerContext& context,
                                                   const config::LocalResponse& spec);

}  // namespace bnlab::normalization
