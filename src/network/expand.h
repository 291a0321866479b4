#pragma once
// The blocks of a network description, written out.

#include <variant>
#include <vector>

#include "config/run_config.h"

namespace bnlab::network {

/// A place where a normalization may stand.
struct Site {};
struct ActivationAtom {
  config::Activation function = config::Activation::identity;
};
/// A block that is one layer, or holds blocks of its own.
using Atom = std::variant<config::Dense, config::Conv, config::MaxPool, config::AvgPool, config::GlobalAvgPool,
                          config::Flatten, Site, config::LocalResponse, ActivationAtom, config::Dropout,
                          const config::Residual*, const config::Concat*, config::Recurrent>;

/// `blocks` of the network without repeat, dense_block and conv_block, whose parts come in the order of `placement`.
/// The atoms refer to the blocks.
std::vector<Atom> expand(const config::NetworkConfig& network, config::Placement placement,
                         const std::vector<config::Block>& blocks);

}  // namespace bnlab::network
