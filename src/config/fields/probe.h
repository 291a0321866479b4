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
  v.field("examples", c.examples, "number of training images to measure on; 0: one batch",
          between(0, 1e7).only_where_listed("type", c.type, "examples"));
  v.field("units", c.units, "units or channels, from 0, that get their own row in addition to the pooled one",
          between(0, most_units).only_where_listed("type", c.type, "units"));
  v.field("factors", c.factors, "factors for the weights of one layer at a time",
          above(0).at_most(1e6).not_empty().only_where_listed("type", c.type, "factors"));
  v.optional_section("normalization", c.normalization, "the other normalization, on the same parameters and images",
                     only_where_listed("type", c.type, "normalization"));
  v.require(c.type != ProbeType::equivalence || c.normalization, "normalization", "must be set for type equivalence");
}

}  // namespace bnlab::config
