#pragma once
// The fields of initialization; see config/fields.h.

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

template <class V>
void fields(V& v, WeightInitialization& c) {
  using enum InitializationScheme;
  v.field("scheme", c.scheme,
          "gaussian: N(0, std^2); uniform: U(-bound, bound); xavier: variance 1 / fan (Glorot & Bengio 2010); he: 2 / "
          "fan (He et al. 2015); orthogonal: Saxe et al. 2014; identity: ones on the diagonal; pytorch: U(-b, b), b = "
          "1 / sqrt(fan in), biases too; fixup: he, with the rules of Zhang et al. 2019 for residual networks. Biases "
          "are 0 elsewhere");
  v.field("distribution", c.distribution, "the shape with that variance", only_for("scheme", c.scheme, {xavier, he}));
  v.field("fan", c.fan, "inputs of a unit, outputs of an input, or their mean; unset: average for xavier, in for he",
          only_for("scheme", c.scheme, {xavier, he}));
  v.field("std", c.std, "standard deviation of the weights",
          between(0, largest).only_for("scheme", c.scheme, {gaussian}));
  v.field("bound", c.bound, "largest weight", between(0, largest).only_for("scheme", c.scheme, {uniform}));
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
  v.field("from", c.from, "a run's directory, or its weights.npz: start from its weights and running statistics");
  v.sections("overrides", c.overrides, "another start for some layers; the last that fits counts");
}

}  // namespace bnlab::config
