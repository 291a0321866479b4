#pragma once
// Normalization with population statistics is linear in evaluation, so it can be folded into the layer before it.

#include "network/network.h"

namespace bnlab::network {

/// The array of an .npz of folded weights that says so; its value is 1.
inline constexpr const char* folded_array = "folded";

/// Throws ConfigError, which names the layer, where a normalization of the assembled `run` can't be folded: its type
/// has no population statistics, it adds noise in evaluation, or it does not directly follow a convolution or a dense
/// layer.
void check_fold(const config::RunConfig& run, const Assembly& assembly);

/// The network of `run` without normalization and weight standardization, and with a bias in each convolution and dense
/// layer: the one that folded weights belong to. Its layers have the same names.
config::RunConfig folded_config(const config::RunConfig& run);

/// The weights of folded_config(run), from the parameters and running statistics of `network`, which is that of `run`:
///   weights gamma / sqrt(running_variance + epsilon),   (bias - running_mean) gamma / sqrt(...) + beta,
/// of standardized weights where the layer computes with these. In double precision, rounded once. Requires that
/// check_fold() lets the network pass. With the array `folded`, so that only a network without normalization and weight
/// standardization takes them: another would apply both twice.
NpzArrays folded_weights(const config::RunConfig& run, const Network& network);

}  // namespace bnlab::network
