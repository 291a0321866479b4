#pragma once
// The fields of initialization; see config/fields.h.

#include <string>

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

/// "average for xavier, in for he".
inline std::string fans_unless_set() {
  std::string text;
  for (const InitializationRow& row : Names<InitializationScheme>::table)
    if (holds(row.fields, "fan"))
      text += (text.empty() ? "" : ", ") + name_of(row.fan) + " for " + std::string(row.name);
  return text;
}

template <class V>
void fields(V& v, WeightInitialization& c) {
  v.field("scheme", c.scheme, meanings_of<InitializationScheme>() + ". Biases are 0 elsewhere");
  v.field("distribution", c.distribution, "the shape with that variance",
          only_where_listed("scheme", c.scheme, "distribution"));
  v.field("fan", c.fan, "inputs of a unit, outputs of an input, or their mean; unset: " + fans_unless_set(),
          only_where_listed("scheme", c.scheme, "fan"));
  v.field("std", c.std, "standard deviation of the weights",
          between(0, largest).only_where_listed("scheme", c.scheme, "std"));
  v.field("bound", c.bound, "largest weight", between(0, largest).only_where_listed("scheme", c.scheme, "bound"));
  v.field("gain", c.gain, "every weight is multiplied by it", between(0, largest));
}

template <class V>
void fields(V& v, InitializationOverride& c) {
  v.field("layers", c.layers, "names of layers as in `bnlab describe`; * stands for any characters: conv*",
          not_empty().required());
  fields(v, static_cast<WeightInitialization&>(c));
}

template <class V>
void fields(V& v, InitializationConfig& c) {
  fields(v, static_cast<WeightInitialization&>(c));
  v.field("from", c.from,
          "a run's directory, or its weights.npz: start from its weights and running statistics; in an experiment also "
          "arm:NAME, an arm or a point before this one: the weights of its run with the same seed (run:HASH in the "
          "config of the run)");
  v.sections("overrides", c.overrides, "another start for some layers; the last that fits counts");
}

}  // namespace bnlab::config
