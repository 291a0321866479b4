#pragma once
// The fields of a network and its blocks; see config/fields.h.

#include <cstddef>
#include <utility>
#include <variant>

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

template <class V>
void fields(V& v, Dense& c) {
  v.field("units", c.units, "number of outputs", between(1, most_units).required());
  v.field("bias", c.bias, "add a bias; unset: only if no normalization follows whose shift replaces it");
}

template <class V>
void fields(V& v, DenseBlock& c) {
  fields(v, static_cast<Dense&>(c));
  v.field("activation", c.activation, "activation function; unset: the network's");
}

template <class V>
void fields(V& v, Conv& c) {
  v.field("channels", c.channels, "number of output channels", between(1, most_units).required());
  v.field("kernel", c.kernel, "size of the window", between(1, most_pixels));
  v.field("stride", c.stride, "stride of the window", between(1, most_pixels));
  v.field("padding", c.padding,
          "zeros on each side; same: output size = input size / stride, rounded up, for odd kernels",
          between(0, most_pixels));
  v.field("groups", c.groups, "number of groups of channels that are convolved separately", between(1, most_units));
  v.field("bias", c.bias, "add a bias; unset: only if no normalization follows whose shift replaces it");
  v.field("weight_standardization", c.weight_standardization,
          "standardize the weights, as network.weight_standardization says; unset: the network's");
  v.require(!c.padding.same || (c.kernel.height % 2 == 1 && c.kernel.width % 2 == 1), "kernel",
            "must be odd with padding \"same\"; give padding as a number");
  v.require(c.channels % c.groups == 0, "groups", "must divide channels");
}

template <class V>
void fields(V& v, ConvBlock& c) {
  fields(v, static_cast<Conv&>(c));
  v.field("activation", c.activation, "activation function; unset: the network's");
}

template <class V>
void fields(V& v, Pool& c) {
  v.field("kernel", c.kernel, "size of the window", between(1, most_pixels));
  v.field("stride", c.stride, "stride of the window; unset: the size of the window", between(1, most_pixels));
  v.field("padding", c.padding, "padding on each side; an average does not count it", between(0, most_pixels));
  v.require(c.padding.height < c.kernel.height && c.padding.width < c.kernel.width, "padding",
            "must be smaller than the kernel");
}

template <class V>
void fields(V&, GlobalAvgPool&) {}
template <class V>
void fields(V&, Flatten&) {}
template <class V>
void fields(V&, Normalization&) {}

template <class V>
void fields(V& v, ActivationBlock& c) {
  v.field("function", c.function, "activation function; unset: the network's");
}

template <class V>
void fields(V& v, Dropout& c) {
  v.field("rate", c.rate,
          "share of values set to 0 in training; the others are multiplied by 1 / (1 - rate) "
          "(Srivastava et al. 2014); unset: the network's",
          at_least(0).below(1));
}

template <class V>
void fields(V& v, LocalResponse& c) {
  v.field("size", c.size, "number of channels in the sum, an odd number", between(1, 1e4));
  v.field("alpha", c.alpha, "factor of the mean square", between(0, largest));
  v.field("beta", c.beta, "exponent", between(0, 1e3));
  v.field("k", c.k, "constant term; 2 in Krizhevsky et al. 2012", above(0).at_most(largest));
  v.require(c.size % 2 == 1, "size", "must be odd");
}

template <class V>
void fields(V& v, Residual& c) {
  v.blocks("body", c.body, "blocks of the residual branch", not_empty().required());
  v.field("shortcut", c.shortcut,
          "the shortcut if the body changes the shape; identity: an error; projection: a 1x1 convolution with a stride "
          "(He et al. 2016, option B), or a dense layer; padding: subsampled pixels, with zeros in the new channels "
          "(option A); unset: the network's");
  v.field("shortcut_normalization", c.shortcut_normalization, "normalize the output of a projection");
  v.field("layer_scale", c.layer_scale,
          "initial value of a learned factor of each channel of the body (LayerScale, Touvron et al. 2021); replaces "
          "scalar; unset: the network's, unless scalar is given",
          between(-largest, largest).instead_of("scalar"));
  v.field("scalar", c.scalar,
          "initial value of a learned factor of the body; 0: SkipInit (De & Smith 2020); unset: the network's, unless "
          "layer_scale is given",
          between(-largest, largest).unless("layer_scale", c.layer_scale.has_value()));
}

template <class V>
void fields(V& v, Concat& c) {
  v.branches("branches", c.branches, "lists of blocks with the same input; an empty list is the identity",
             not_empty().required());
}

template <class V>
void fields(V& v, Recurrent& c) {
  v.field("units", c.units, "size of the hidden state", between(1, most_units).required());
  v.field("activation", c.activation,
          "f in h_t = f(normalization(W_h h + W_x x_t)), over the rows or pixels of the image");
  v.field("start", c.start,
          "initial W_h: orthogonal (Saxe et al. 2014), identity (Le et al. 2015), or as initialization.scheme says");
  v.field(
      "reads", c.reads,
      "x_t: row t of the image, or pixel t, row by row (Le et al. 2015), with the values of all channels; unset: rows");
  v.field("permutation", c.permutation,
          "number of a random order in which the rows or pixels are read; it depends on this number and their count "
          "alone, so all runs read in the same order; unset: the order of the image",
          between(0, 1e9));
  v.field("normalize", c.normalize,
          "sum: W_h h + W_x x_t is normalized; separate: W_h h and W_x x_t are, with statistics and gamma each and one "
          "beta (Cooijmans et al. 2016); unset: sum");
  v.field("initial_state_noise", c.initial_state_noise,
          "standard deviation of the initial state h_0, normal noise where statistics are those of the batch, in "
          "training and evaluation; with running or precise statistics h_0 is 0; unset: h_0 is 0 everywhere",
          above(0).at_most(largest));
}

template <class V>
void fields(V& v, Repeat& c) {
  v.field("count", c.count, "number of repetitions", between(1, 10000));
  v.blocks("layers", c.layers, "the layers to repeat", not_empty().required());
}

/// v.kind<T>(name, meaning) for each kind of block.
template <class V>
void block_kinds(V& v) {
  const auto each = [&]<std::size_t... i>(std::index_sequence<i...>) {
    (v.template kind<std::variant_alternative_t<i, Block::Spec>>(Names<BlockKind>::table[i].name,
                                                                 Names<BlockKind>::table[i].meaning),
     ...);
  };
  each(std::make_index_sequence<std::variant_size_v<Block::Spec>>());
}

template <class V>
void fields(V& v, NetworkConfig& c) {
  v.field("name", c.name, "name of a file networks/NAME.json; if layers are given, any name", file_name());
  v.field("description", c.description, "free text");
  v.field("activation", c.activation,
          "activation function of blocks that name none; in a config it overrides that of the network file");
  v.field("negative_slope", c.negative_slope, "slope of leaky_relu below 0", between(-largest, largest));
  v.field("dropout", c.dropout, "rate of dropout blocks that name none; 0: no dropout", at_least(0).below(1));
  v.field("shortcut", c.shortcut, "shortcut of residual blocks that name none");
  v.field("layer_scale", c.layer_scale,
          "for residual blocks that set no factor: initial value of a learned factor for each channel of the body "
          "(LayerScale, Touvron et al. 2021); replaces residual_scalar; unset: none",
          between(-largest, largest).instead_of("residual_scalar"));
  v.field("residual_scalar", c.residual_scalar,
          "for residual blocks that set no factor: initial value of a learned factor for the body; 0: SkipInit "
          "(De & Smith 2020); unset: no factor",
          between(-largest, largest).unless("layer_scale", c.layer_scale.has_value()));
  v.field("weight_standardization", c.weight_standardization,
          "for convolutions that do not set it: use (w - mean) / sqrt(variance + 1e-5) instead of the weights w, with "
          "the mean and variance of each output channel (Qiao et al. 2019); meant for convolutions followed by a "
          "normalization; unset: false");
  v.blocks("layers", c.layers, "the network, from input to output", not_empty());
}

}  // namespace bnlab::config
