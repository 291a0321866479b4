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
  v.field("factor", c.factor, "factor for the rate",
          above(0).at_most(largest).only_where_listed("type", c.type, "factor"));
  v.field("final_fraction", c.final_fraction,
          "final rate / learning_rate: one_cycle reaches it at the last step; cosine would reach it one step later, so "
          "its last step is slightly above it",
          between(0, 1).only_where_listed("type", c.type, "final_fraction"));
  v.field("initial_fraction", c.initial_fraction, "first rate / learning_rate",
          above(0).at_most(1).only_where_listed("type", c.type, "initial_fraction"));
  v.field("peak", c.peak, "fraction of the steps after which the rate is learning_rate",
          above(0).below(1).only_where_listed("type", c.type, "peak"));
  v.field("warmup_steps", c.warmup_steps,
          "number of steps in which the rate rises linearly (Goyal et al. 2017, 2.2); the step after them has the full "
          "rate and is the first of the schedule; 0: no warm-up",
          between(0, most_steps).only_where_listed("type", c.type, "warmup_steps"));
  v.field("warmup_start", c.warmup_start, "rate at the start of the warm-up / full rate",
          between(0, 1).only_where_listed("type", c.type, "warmup_start"));
}

template <class V>
void fields(V& v, TrainableConfig& c) {
  using enum Trainable;
  v.field(
      "select", c.select,
      "all: all parameters; normalization: gamma and beta only (Frankle et al. 2020); random: randomly drawn single "
      "weights and biases, no gamma or beta");
  v.field("per_channel", c.per_channel,
          "weights of each output channel of every layer but the last, instead of share (Frankle et al. 2020: 2)",
          at_least(1).at_most(most_units).only_for("select", c.select, {random}).instead_of("share"));
  v.field("share", c.share,
          "share of the weights and biases that are trained; unset: as many as there are gammas and betas",
          c.per_channel ? above(0).at_most(1).unless("per_channel", true)
                        : above(0).at_most(1).only_for("select", c.select, {random}));
}

template <class V>
void fields(V& v, OptimizerOverride& c) {
  v.field("parameters", c.parameters,
          "names of parameters as in weights.npz: LAYER.weights, .bias, .gamma, .beta, .scalar, .layer_scale; * stands "
          "for any characters: *.scalar",
          not_empty().required());
  v.field("learning_rate_factor", c.learning_rate_factor,
          "factor on the learning rate for them; 0: they are not trained", between(0, 1e6));
  v.field("weight_decay_factor", c.weight_decay_factor,
          "factor on weight_decay for them, also for gamma, beta and biases; unset: 1 for weights, and for the others "
          "the choice of decay_normalization_and_biases",
          between(0, 1e6));
}

constexpr bool is_decoupled(const OptimizerRow& row) { return row.decay == Decay::decoupled; }

template <class V>
void fields(V& v, OptimizerConfig& c) {
  const std::string decoupled = join(names_where<OptimizerType>(is_decoupled), " or ");
  v.field("type", c.type, meanings_of<OptimizerType>() + ". All as in PyTorch");
  v.field("learning_rate", c.learning_rate,
          "learning rate at the start of the schedule; with one_cycle the largest one", above(0).at_most(largest));
  v.field("momentum", c.momentum, "momentum; 0: plain gradient descent",
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
  v.field("decay", c.decay, "form of the weight decay; unset: decoupled for " + decoupled + ", else coupled");
  v.field("decay_normalization_and_biases", c.decay_normalization_and_biases,
          "apply weight decay to gamma, beta and biases too (Goyal et al. 2017 and He et al. 2019 do not)");
  v.field("clip_norm", c.clip_norm,
          "limit of the norm of the gradient over all trainable parameters; a larger gradient is scaled down to it "
          "(Pascanu et al. 2013); 0: no limit",
          between(0, largest));
  v.require(!c.nesterov || c.momentum > 0, "nesterov", "needs a momentum above 0");
  v.require(!is_decoupled(row_of(c.type)) || c.decay != Decay::coupled, "decay", "must be decoupled with " + decoupled);
  v.section("trainable", c.trainable, "the parameters that are trained");
  v.sections("overrides", c.overrides, "another rate or decay for some parameters; the last that fits counts",
             Rule{}.left_out_if_empty());
  v.section("schedule", c.schedule, "the learning rate over time");
}

}  // namespace bnlab::config
