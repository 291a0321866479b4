#pragma once
#include <memory>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::layers {

/// dst(n, o) = sum_i weights(o, i) src(n, i) + bias(o). src (N, I), or an image that a flatten made (N, C*H*W); dst (N,
/// O).
std::unique_ptr<Layer> make_dense(const LayerContext& context, const config::Dense& spec, bool bias);

}  // namespace bnlab::layers
