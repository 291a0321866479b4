#pragma once
// The fields of optimizer; see config/fields.h.

#include <string>

#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"
#include "util/join.h"

namespace bnlab::config {

template <class V>
void fields(V& v, ScheduleConfig& c) {
  v.field("type", c.type, meanings_of<ScheduleType>());
  v.field("every", c.every, "steps between two changes",
          between(1, most_steps).only_where_listed("type", c.type, "every"));
  v.field("factor", c.factor, "what the rate is multiplied by",
          above(0).at_most(largest).only_where_listed("type", c.type, "factor"));
  v.field(
      "final_fraction", c.final_fraction,
      "the rate at the end, as a fraction of learning_rate: one_cycle has it at the last step; cosine would have it "
      "at the step after the last, so its last step is above it",
      between(0, 1).only_where_listed("type", c.type, "final_fraction"));
  v.field("initial_fraction", c.initial_fraction, "the first rate, as a fraction of learning_rate",
          above(0).at_most(1).only_where_listed("type", c.type, "initial_fraction"));
  v.field("peak", c.peak, "the fraction of the steps after which the rate is learning_rate",
          above(0).below(1).only_where_listed("type", c.type, "peak"));
  v.field("warmup_steps", c.warmup_steps,
          "steps in which the rate rises to its value in a straight line (Goyal et al. "
          "2017, 2.2); the first step after them has the full rate, and the schedule begins with it; 0: none",
          between(0, most_steps).only_where_listed("type", c.type, "warmup_steps"));
  v.field("warmup_start", c.warmup_start, "the fraction of the rate with which warm-up begins",
          between(0, 1).only_where_listed("type", c.type, "warmup_start"));
}

template <class V>
void fields(V& v, TrainableConfig& c) {
  using enum Trainable;
  v.field("select", c.select,
          "all; normalization: gamma and beta alone (Frankle et al. 2020); random: single weights and biases, drawn at "
          "random, and no gamma or beta");
  v.field("per_channel", c.per_channel,
          "weights of each output channel of every layer but the last, in place of share (Frankle et al. 2020: 2)",
          at_least(1).at_most(most_units).only_for("select", c.select, {random}).instead_of("share"));
  v.field("share", c.share, "of the weights and biases; unset: as many as there are gammas and betas",
          c.per_channel ? above(0).at_most(1).unless("per_channel", true)
                        : above(0).at_most(1).only_for("select", c.select, {random}));
}

template <class V>
void fields(V& v, OptimizerOverride& c) {
  v.field("parameters", c.parameters,
          "names of parameters as in weights.npz: LAYER.weights, .bias, .gamma, .beta, .scalar; * stands for any "
          "characters: *.scalar",
          not_empty().required());
  v.field("learning_rate_factor", c.learning_rate_factor, "what their rate is multiplied by; 0: they stay as they are",
          between(0, 1e6));
  v.field("weight_decay_factor", c.weight_decay_factor,
          "what weight_decay is multiplied by for them, whatever they are; unset: 1 for weights, and for the others as "
          "decay_normalization_and_biases says",
          between(0, 1e6));
}

constexpr bool is_decoupled(const OptimizerRow& row) { return row.decay == Decay::decoupled; }

template <class V>
void fields(V& v, OptimizerConfig& c) {
  const std::string decoupled = join(names_where<OptimizerType>(is_decoupled), " or ");
  v.field("type", c.type, meanings_of<OptimizerType>() + ". All as in PyTorch");
  v.field("learning_rate", c.learning_rate, "at the start of the schedule; its largest with one_cycle",
          above(0).at_most(largest));
  v.field("momentum", c.momentum, "share of the last update that stays; 0: plain gradient descent",
          at_least(0).below(1).only_where_listed("type", c.type, "momentum"));
  v.field("nesterov", c.nesterov, "w -= learning_rate * (g + momentum * v) (Sutskever et al. 2013)",
          only_where_listed("type", c.type, "nesterov"));
  v.field("beta1", c.beta1, "decay of the average gradient",
          at_least(0).below(1).only_where_listed("type", c.type, "beta1"));
  v.field("beta2", c.beta2, "decay of the average squared gradient",
          at_least(0).below(1).only_where_listed("type", c.type, "beta2"));
  v.field("smoothing", c.smoothing, "decay of the average squared gradient",
          at_least(0).below(1).only_where_listed("type", c.type, "smoothing"));
  v.field("epsilon", c.epsilon, "added to the root of the average squared gradient",
          between(0, largest).only_where_listed("type", c.type, "epsilon"));
  v.field("weight_decay", c.weight_decay,
          "coupled: g += weight_decay * w; decoupled: w -= learning_rate * weight_decay * w", between(0, largest));
  v.field("decay", c.decay, "how weight decay acts; unset: decoupled for " + decoupled + ", else coupled");
  v.field("decay_normalization_and_biases", c.decay_normalization_and_biases,
          "let weight decay act on gamma, beta and biases too (not so in Goyal 2017 and He 2019)");
  v.field(
      "clip_norm", c.clip_norm,
      "largest norm of the gradient over all trainable parameters; a longer one is scaled down to it (Pascanu et al. "
      "2013); 0: no limit",
      between(0, largest));
  v.require(!c.nesterov || c.momentum > 0, "nesterov", "needs a momentum above 0");
  v.require(!is_decoupled(row_of(c.type)) || c.decay != Decay::coupled, "decay",
            "must be decoupled with " + decoupled + ", which means that");
  v.section("trainable", c.trainable, "the parameters that change");
  v.sections("overrides", c.overrides, "another rate or decay for some parameters; the last that fits counts",
             Rule{}.left_out_if_empty());
  v.section("schedule", c.schedule, "the learning rate over time");
}

}  // namespace bnlab::config
