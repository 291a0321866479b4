#pragma once
// The fields of probes; see config/fields.h.

#include <algorithm>
#include <vector>

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

/// Whether no two probes have one type: each type writes one file.
inline bool probes_differ(const std::vector<ProbeConfig>& probes) {
  for (auto probe = probes.begin(); probe != probes.end(); ++probe)
    if (std::any_of(probes.begin(), probe, [&](const ProbeConfig& other) { return other.type == probe->type; }))
      return false;
  return true;
}

template <class V>
void fields(V& v, ProbeConfig& c) {
  using enum ProbeType;
  v.field(
      "type", c.type,
      "activation_distribution: percentiles of what enters and leaves each activation (Ioffe & Szegedy 2015, figure "
      "1b,c); gradient_norm: of each parameter; normalization_state: gamma, beta and statistics of each layer; "
      "channel_moments: of the output of each layer (Bjorck et al. 2018); layer_gradients: of the gradient of each "
      "layer's output, by depth (Yang et al. 2019); representations: effective rank and mean cosine of each layer's "
      "outputs (Daneshmand et al. 2020); scale_invariance: what factors of the weights change (Ioffe & Szegedy 2015, "
      "3.3); bias_effect: what a bias changes (3.2); identity_recovery: whether gamma and beta can undo a "
      "normalization (3); normalization_gradients: what normalization takes out of a gradient (Santurkar et al. 2018, "
      "theorem 4.1); weight_growth: of the squared norm of the weights (van Laarhoven 2017); statistics_gap: running "
      "and "
      "batch statistics beside precise ones (Li et al. 2018); residual_branches: what each branch adds to its "
      "shortcut; "
      "equivalence: the network beside itself with another normalization",
      required());
  v.field("every", c.every, "steps between two measurements", between(1, most_steps));
  v.field("examples", c.examples, "training images that are looked at; 0: one batch",
          between(0, 1e7).only_for("type", c.type, {activation_distribution}));
  v.field("units", c.units, "units or channels, from 0, that get a row of their own beside the pooled one",
          between(0, most_units).only_for("type", c.type, {activation_distribution}));
  v.field("factors", c.factors, "of the weights of one layer at a time",
          above(0).at_most(1e6).not_empty().only_for("type", c.type, {scale_invariance}));
  v.optional_section("normalization", c.normalization, "the other normalization, on the same parameters and images",
                     only_for("type", c.type, {equivalence}));
  v.require(c.type != equivalence || c.normalization, "normalization", "must be set for type equivalence");
}

}  // namespace bnlab::config
