#pragma once
// The kinds of blocks that a network's `layers` can hold. Each has a struct of this order in run_config.h, its fields
// in fields/network.h, and its place in src/network/assemble.cpp.

#include "config/kind.h"

namespace bnlab::config {

enum class BlockKind {
  dense,
  conv,
  max_pool,
  avg_pool,
  global_avg_pool,
  flatten,
  normalization,
  local_response,
  activation,
  dropout,
  dense_block,
  conv_block,
  residual,
  concat,
  recurrent,
  repeat
};

template <>
struct Names<BlockKind> {
  using enum BlockKind;
  static constexpr Named<BlockKind> table[] = {
      {"dense", dense, "fully connected layer"},
      {"conv", conv, "two-dimensional convolution"},
      {"max_pool", max_pool, "maximum of each window"},
      {"avg_pool", avg_pool, "mean of each window"},
      {"global_avg_pool", global_avg_pool, "mean of each channel"},
      {"flatten", flatten, "an image as one row of values"},
      {"normalization", normalization, "a place where normalization.type normalizes"},
      {"local_response", local_response, "local response normalization across channels"},
      {"activation", activation, "a nonlinearity"},
      {"dropout", dropout, "values set to 0 at random, in training only"},
      {"dense_block", dense_block, "dense, normalization and activation, in the order of normalization.placement"},
      {"conv_block", conv_block, "conv, normalization and activation, in the order of normalization.placement"},
      {"residual", residual, "shortcut(x) + body(x) (He et al. 2016)"},
      {"concat", concat, "parallel branches whose outputs are concatenated along the channels"},
      {"recurrent", recurrent, "a recurrent layer over the rows or pixels of an image; its output is the last state"},
      {"repeat", repeat, "repeated layers, each repetition with its own weights"},
  };
};

}  // namespace bnlab::config
