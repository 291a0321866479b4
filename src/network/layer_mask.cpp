#include "network/layer_mask.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/errors.h"

namespace bnlab::network {

using config::LayerMask;

bool in_mask(const LayerMask& mask, std::int64_t site, std::int64_t sites) {
  switch (mask.kind) {
    case LayerMask::Kind::all:
      return true;
    case LayerMask::Kind::none:
      return false;
    case LayerMask::Kind::first:
      return site == 1;
    case LayerMask::Kind::last:
      return site == sites;
    case LayerMask::Kind::list:
      return std::find(mask.list.begin(), mask.list.end(), site) != mask.list.end();
    case LayerMask::Kind::every:
      return site % mask.every == 0;
  }
  return false;
}

void check_mask(const config::NormalizationConfig& normalization, std::int64_t sites) {
  const LayerMask& mask = normalization.mask;
  if (mask.kind == LayerMask::Kind::none && !normalization.normalize_input)
    throw ConfigError(
        "normalization.mask: with none and no normalize_input nothing is normalized; the type must be none");
  if (mask.kind == LayerMask::Kind::none) return;
  if (sites == 0)
    throw ConfigError(
        "normalization.type: the network has no place to normalize (dense_block, conv_block, recurrent, "
        "normalization); the type must be none");
  if (mask.kind == LayerMask::Kind::every && mask.every > sites)
    throw ConfigError(
        fmt::format("normalization.mask.every: must be at most {}, the normalization sites of the network, got {}",
                    sites, mask.every));
  if (mask.kind != LayerMask::Kind::list) return;
  for (const std::int64_t site : mask.list)
    if (site < 1 || site > sites)
      throw ConfigError(
          fmt::format("normalization.mask: the network has {} normalization sites, got site {}", sites, site));
}

}  // namespace bnlab::network
