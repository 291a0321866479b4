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
  v.field("type", c.type, meanings_of<ProbeType>(), required());
  v.field("every", c.every, "steps between two measurements", between(1, most_steps));
  v.field("examples", c.examples, "number of images to measure on, of the training images or of `split`; 0: one batch",
          between(0, 1e7).only_where_listed("type", c.type, "examples"));
  v.field("units", c.units, "units or channels, from 0, that get their own row in addition to the pooled one",
          between(0, most_units).only_where_listed("type", c.type, "units"));
  v.field("factors", c.factors, "factors for the weights of one layer at a time",
          above(0).at_most(1e6).not_empty().only_where_listed("type", c.type, "factors"));
  v.optional_section("normalization", c.normalization, "the other normalization, on the same parameters and images",
                     only_where_listed("type", c.type, "normalization"));
  v.field("multipliers", c.multipliers, "distances along the negative gradient, in units of `unit` times the gradient",
          above(0).at_most(largest).not_empty().only_where_listed("type", c.type, "multipliers"));
  v.field("unit", c.unit, "learning_rate: the rate of that step; one: 1", only_where_listed("type", c.type, "unit"));
  v.field("ratio", c.ratio, "loss over the loss of the step, which defines critical_rate",
          at_least(1).at_most(largest).only_where_listed("type", c.type, "ratio"));
  v.field("points", c.points, "write landscape_points.csv too, with a row for each multiplier",
          only_where_listed("type", c.type, "points"));
  v.field("layers", c.layers,
          "arrays of weights that are measured, by their position in the network, from 1; none: all. Each takes a "
          "forward and a backward pass",
          between(1, most_units).only_where_listed("type", c.type, "layers"));
  v.field("statistics", c.statistics,
          "one row for each entry; batch: the batch statistics are functions of the parameters; frozen: they are "
          "constants, computed at the current parameters (normalization.type batch, or a type without batch "
          "statistics, for which both are equal)",
          not_empty().only_where_listed("type", c.type, "statistics"));
  v.field(
      "scale", c.scale,
      "factor for the distance between the compared gradients, which is 1e-4 of the norm of all trainable parameters",
      above(0).at_most(1e6).only_where_listed("type", c.type, "scale"));
  v.field("iterations", c.iterations,
          "largest number of Lanczos steps; each takes two forward and backward passes, and stores a vector as large "
          "as the parameters",
          between(1, 1000).only_where_listed("type", c.type, "iterations"));
  v.field("tolerance", c.tolerance, "residual, relative to the eigenvalue, at which the Lanczos steps end",
          above(0).below(1).only_where_listed("type", c.type, "tolerance"));
  v.field("split", c.split, "whose first images are measured", only_where_listed("type", c.type, "split"));
  v.field("epsilons", c.epsilons,
          "lengths of a step along the sign of the gradient, in units of the largest pixel value (of data that are "
          "floats: of 1); a row with each",
          above(0).at_most(largest).not_empty().only_where_listed("type", c.type, "epsilons"));
  v.require(c.type != ProbeType::equivalence || c.normalization, "normalization", "must be set for type equivalence");
}

}  // namespace bnlab::config
