#pragma once
// The probes that a config can ask for. Each has its code in src/probes, and writes NAME.csv.

#include "config/normalizations.h"

namespace bnlab::config {

enum class ProbeType {
  activation_distribution,
  gradient_norm,
  normalization_state,
  channel_moments,
  layer_gradients,
  recurrent_gradients,
  representations,
  scale_invariance,
  bias_effect,
  identity_recovery,
  normalization_gradients,
  weight_growth,
  statistics_gap,
  residual_branches,
  equivalence,
  landscape,
  covariate_shift,
  hessian,
  input_gradient,
  folding
};

struct ProbeRow {
  std::string_view name;
  ProbeType value;
  std::string_view meaning;
  std::string_view paper = {};
  std::string_view observes;                                       // of the network, besides the loss
  bool (*knows)(const NormalizationRow& normalization) = nullptr;  // the normalizations it needs; null: any
  bool needs_affine = false;                                       // gamma and beta
  bool needs_residual = false;                                     // residual blocks
  bool needs_recurrent = false;                                    // recurrent layers
  bool needs_one_batch = false;                                    // updates from the gradient of one batch
  std::string_view points_file = {};                               // what it writes with `points`, besides its own
  OwnFields fields = {};

  template <class Visit>
  void traits(Visit&& visit) const {
    visit("observes", observes);
    if (knows) visit("normalizations", names_where<NormalizationType>(knows));
    visit("needs_affine", needs_affine);
    visit("needs_residual", needs_residual);
    visit("needs_recurrent", needs_recurrent);
    visit("needs_one_batch", needs_one_batch);
    visit("fields", fields);
  }
};

template <>
struct Names<ProbeType> {
  using enum ProbeType;
  static constexpr ProbeRow table[] = {
      {.name = "activation_distribution",
       .value = activation_distribution,
       .meaning = "percentiles of the input and output of each activation",
       .paper = "Ioffe & Szegedy 2015, figure 1b,c",
       .observes = "activations",
       .fields = {"examples", "units"}},
      {.name = "gradient_norm",
       .value = gradient_norm,
       .meaning = "norm of the gradient of each parameter",
       .observes = "gradients of parameters"},
      {.name = "normalization_state",
       .value = normalization_state,
       .meaning = "gamma, beta and statistics of each normalization",
       .observes = "parameters and statistics"},
      {.name = "channel_moments",
       .value = channel_moments,
       .meaning = "mean and variance of the channels of each layer's output",
       .paper = "Bjorck et al. 2018",
       .observes = "activations"},
      {.name = "layer_gradients",
       .value = layer_gradients,
       .meaning = "norm of the gradient of each layer's output, by depth",
       .paper = "Yang et al. 2019",
       .observes = "gradients of activations"},
      {.name = "recurrent_gradients",
       .value = recurrent_gradients,
       .meaning = "norm of the gradient of a recurrent layer's state, by time step",
       .paper = "Cooijmans et al. 2016, figure 1",
       .observes = "gradients of activations",
       .needs_recurrent = true},
      {.name = "representations",
       .value = representations,
       .meaning = "effective rank and mean cosine of each layer's outputs",
       .paper = "Daneshmand et al. 2020",
       .observes = "activations"},
      {.name = "scale_invariance",
       .value = scale_invariance,
       .meaning = "effect of scaling the weights of a layer on output and gradient",
       .paper = "Ioffe & Szegedy 2015, 3.3",
       .observes = "activations and gradients with other weights",
       .fields = {"factors"}},
      {.name = "bias_effect",
       .value = bias_effect,
       .meaning = "effect of a bias on the loss, and its gradient",
       .paper = "Ioffe & Szegedy 2015, 3.2",
       .observes = "the loss with other biases"},
      {.name = "identity_recovery",
       .value = identity_recovery,
       .meaning = "error of the identity that gamma and beta can represent",
       .paper = "Ioffe & Szegedy 2015, 3",
       .observes = "activations with other parameters",
       .knows = [](const NormalizationRow& n) { return n.value == NormalizationType::batch; },
       .needs_affine = true},
      {.name = "normalization_gradients",
       .value = normalization_gradients,
       .meaning = "components that normalization removes from a gradient",
       .paper = "Santurkar et al. 2018, theorem 4.1",
       .observes = "gradients of activations",
       .knows =
           [](const NormalizationRow& n) {
             return n.value == NormalizationType::batch || n.value == NormalizationType::frozen;
           }},
      {.name = "weight_growth",
       .value = weight_growth,
       .meaning = "growth of the squared norm of the weights",
       .paper = "van Laarhoven 2017",
       .observes = "parameters and their gradients"},
      {.name = "statistics_gap",
       .value = statistics_gap,
       .meaning = "running and batch statistics compared with precise ones",
       .paper = "Li et al. 2018",
       .observes = "statistics",
       .knows = [](const NormalizationRow& n) { return n.has_batch_moments; }},
      {.name = "residual_branches",
       .value = residual_branches,
       .meaning = "size of each branch compared with its shortcut",
       .observes = "activations",
       .needs_residual = true},
      {.name = "equivalence",
       .value = equivalence,
       .meaning = "difference between the network and itself with another normalization",
       .observes = "the output and gradients of two networks",
       .fields = {"normalization"}},
      {.name = "landscape",
       .value = landscape,
       .meaning = "loss and gradient of the step's batch along its negative gradient",
       .paper = "Santurkar et al. 2018, figure 4",
       .observes = "the loss and gradients with other parameters",
       .needs_one_batch = true,
       .points_file = "landscape_points",
       .fields = {"multipliers", "unit", "ratio", "points"}},
      {.name = "covariate_shift",
       .value = covariate_shift,
       .meaning = "how the update of earlier layers changes a layer's gradient",
       .paper = "Santurkar et al. 2018, definition 2.1",
       .observes = "gradients with other parameters",
       .needs_one_batch = true,
       .fields = {"layers"}},
      {.name = "hessian",
       .value = hessian,
       .meaning = "largest eigenvalue of the Hessian of the training loss",
       .paper = "Cohen et al. 2021",
       .observes = "gradients with other parameters",
       .fields = {"examples", "statistics", "scale", "iterations", "tolerance"}},
      {.name = "input_gradient",
       .value = input_gradient,
       .meaning = "gradient of the loss with respect to the image, and accuracy after one step along its sign",
       .paper = "Goodfellow et al. 2015, Galloway et al. 2019",
       .observes = "gradients of the input, in evaluation",
       .fields = {"examples", "split", "epsilons"}},
      {.name = "folding",
       .value = folding,
       .meaning = "difference between the evaluated network and itself with its normalizations folded into the weights",
       .paper = "Jacob et al. 2018, 3.2",
       .observes = "the output of two networks, in evaluation",
       .knows = [](const NormalizationRow& n) { return n.has_population; }},
  };
};

}  // namespace bnlab::config
