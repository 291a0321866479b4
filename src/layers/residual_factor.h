#pragma once
// The learned factor of a residual body: one number (De & Smith 2020), or one for each channel (Touvron et al. 2021).

#include <optional>

#include "layers/layer.h"

namespace bnlab::layers {

/// Where a factor starts, and whether each channel has one.
struct ResidualFactor {
  double initial = 1;
  bool of_each_channel = false;
};

/// Of a block: its own, of either kind, or else the network's; nothing where neither has one.
std::optional<ResidualFactor> factor_of(const config::NetworkConfig& network, const config::Residual& block);

/// factor * src; src and dst (N, C) or (N, C, H, W) in f32, of any layout where the factor is one number, else
/// row-major.
dnnl::memory scale(Builder& builder, const char* operation, const dnnl::memory& src, const Dims& shape,
                   const Parameter& factor);

/// Writes the gradient of the factor, from d loss / d (factor * src) in the layout of src.
void scale_backward_weights(Builder& builder, const dnnl::memory& src, const dnnl::memory& diff_dst, const Dims& shape,
                            const Parameter& factor);

}  // namespace bnlab::layers
