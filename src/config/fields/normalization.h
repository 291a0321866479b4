#pragma once
// The fields of normalization; see config/fields.h.

#include <algorithm>
#include <string>
#include <string_view>

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {

template <class V>
void fields(V& v, RampConfig& c) {
  v.field("initial", c.initial, "value before begin", between(0, largest));
  v.field("final", c.final, "value after end", between(0, largest));
  v.field("begin", c.begin, "start of the linear change", between(0, most_steps));
  v.field("end", c.end, "end of the linear change", between(0, most_steps));
  v.field("unit", c.unit, "unit of begin and end: fraction of the steps of the run, or steps");
  v.require(c.begin <= c.end, "end", "must be at least begin");
}

template <class V>
void fields(V& v, NoiseConfig& c) {
  v.field("mean", c.mean, "largest mean: mu ~ U(-mean, mean) for each unit and step", between(0, largest));
  v.field("std", c.std, "largest scale: sigma ~ U(1, std) for each unit and step", at_least(1).at_most(largest));
  v.field("mean_jitter", c.mean_jitter, "for each value, m ~ U(mu - mean_jitter, mu + mean_jitter)",
          between(0, largest));
  v.field("std_jitter", c.std_jitter, "for each value, s ~ N(sigma, std_jitter^2); y = s x + m", between(0, largest));
  v.field("in_evaluation", c.in_evaluation, "add the noise in evaluation too");
}

/// ". Unset: 32 for ghost", for each type with virtual batches.
inline std::string sizes_of_virtual_batches() {
  std::string text;
  for (const NormalizationRow& row : Names<NormalizationType>::table) {
    if (!holds(row.fields, "virtual_batch_size")) continue;
    text += (text.empty() ? ". Unset: " : ", ") +
            (row.virtual_batch_size ? std::to_string(*row.virtual_batch_size) : "the whole batch") + " for " +
            std::string(row.name);
  }
  return text;
}

template <class V>
void fields(V& v, NormalizationConfig& c) {
  v.field("type", c.type, meanings_of<NormalizationType>());
  v.field("placement", c.placement,
          "position in dense_block and conv_block; before_activation: Ioffe & Szegedy 2015, 3.2");
  v.field("mask", c.mask, "places of the network that are normalized, counted from 1 in network order", at_least(1));
  v.field("normalize_input", c.normalize_input,
          "add a normalization as the first layer; the mask does not apply to it");
  v.field("zero_gamma_residual", c.zero_gamma_residual,
          "initial gamma 0 in the last normalization of each residual body (Goyal et al. 2017, 5.1)");
  v.field("epsilon", c.epsilon, "added to the variance, inside the square root; with 0, constant values normalize to 0",
          between(0, largest));
  v.field("affine", c.affine, "learn a scale gamma and a shift beta for each channel");
  v.field("initial_gamma", c.initial_gamma, "initial gamma", between(-largest, largest));
  v.field(
      "gamma_distribution", c.gamma_distribution,
      "constant: each gamma starts at initial_gamma; uniform: each is drawn between 0 and initial_gamma (Frankle et "
      "al. 2020); unset: constant");
  v.field("initial_beta", c.initial_beta, "initial beta", between(-largest, largest));
  v.field("running_average_decay", c.running_average_decay,
          "d in running = d * running + (1 - d) * batch (1 - PyTorch's momentum)", at_least(0).below(1));
  v.field("running_variance", c.running_variance,
          "the batch variance in the running average: divided by m, or by m - 1 (Ioffe & Szegedy 2015, algorithm 2)");
  v.field("population", c.population,
          "statistics in evaluation: running averages, or precise statistics (Wu & Johnson 2021)");
  v.field("precise_batches", c.precise_batches,
          "number of shuffled batches of training images over which precise statistics are averaged", between(1, 1e6));
  const auto listed = [&](std::string_view field) { return only_where_listed("type", c.type, field); };
  v.field("precise_variance", c.precise_variance,
          "mean: that of the batches' variances; pooled: of all their values (Wu & Johnson 2021); unset: mean",
          listed("precise_variance"));
  v.field("recurrent_statistics", c.recurrent_statistics,
          "running statistics in recurrent layers: one for each time step (Cooijmans et al. 2016), or one for all");
  v.field("virtual_batch_size", c.virtual_batch_size,
          "number of images that share statistics; the last virtual batch may be smaller, but must have more than one "
          "value" +
              sizes_of_virtual_batches(),
          listed("virtual_batch_size").at_least(1).at_most(1e6));
  v.require(!(c.precise_variance && c.virtual_batch_size), "precise_variance",
            "cannot be combined with virtual_batch_size");
  v.field("channels_per_group", c.channels_per_group, "number of channels in a group; replaces groups",
          listed("channels_per_group").at_least(1).at_most(most_units).instead_of("groups"));
  v.field("groups", c.groups,
          "number of groups of channels that share statistics; must divide the number of channels of each place",
          c.channels_per_group ? between(1, most_units).unless("channels_per_group", true)
                               : listed("groups").at_least(1).at_most(most_units));
  v.field("over", c.over,
          "image: statistics over all channels and positions of an image; position: over the channels of each position "
          "(ConvNeXt, Liu et al. 2022)",
          listed("over"));
  v.field("norm", c.norm, "divisor of the centred values: l1: mean |x|; l2: root of the mean square; linf: largest |x|",
          listed("norm"));
  v.field("norm_of", c.norm_of,
          "x in the norm: the centred values, or the raw ones, before the mean is subtracted (Santurkar et al. 2018); "
          "unset: centred",
          listed("norm_of"));
  v.section("r_max", c.r_max, "limit of the correction's factor (Ioffe 2017, 3)", listed("r_max"));
  v.require(std::min(c.r_max.initial, c.r_max.final) >= 1, "r_max", "initial and final must be at least 1");
  v.section("d_max", c.d_max, "limit of the correction's shift (Ioffe 2017, 3)", listed("d_max"));
  v.section("noise", c.noise, "the noise (Santurkar et al. 2018, appendix A)", listed("noise"));
  v.section("local_response", c.local_response, "constants of local response normalization", listed("local_response"));
}

}  // namespace bnlab::config
