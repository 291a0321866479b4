#pragma once
// Which of a network's normalization sites normalization.mask keeps. Sites are numbered from 1, in network order.

#include <cstdint>

#include "config/run_config.h"

namespace bnlab::network {

/// Whether the mask keeps a site, of `sites` in the network.
bool in_mask(const config::LayerMask& mask, std::int64_t site, std::int64_t sites);

/// Throws ConfigError unless the mask keeps at least one of the network's sites, or the input is normalized, and the
/// network has each site that the mask names.
void check_mask(const config::NormalizationConfig& normalization, std::int64_t sites);

}  // namespace bnlab::network
