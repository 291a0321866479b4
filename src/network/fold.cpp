#include "network/fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <type_traits>
#include <variant>

#include "config/names.h"
#include "layers/weight_standardization.h"
#include "util/errors.h"

namespace bnlab::network {
namespace {

using layers::LayerKind;
using layers::ParameterKind;
using normalization::NormalizationState;

bool is_linear(const layers::Layer& layer) {
  return layer.kind() == LayerKind::conv || layer.kind() == LayerKind::dense;
}

const layers::Layer* find_layer(const Assembly& assembly, const std::string& name) {
  for (const layers::Layer* layer : assembly.layers.all())
    if (layer->name() == name) return layer;
  return nullptr;
}

/// Why it can't be folded; "" where it can.
std::string problem_of(const NormalizationPlace& place, const Assembly& assembly) {
  if (place.is_within_recurrent) return fmt::format("it is part of {}", place.behind);
  if (place.behind.empty()) return "no layer is directly before it in its branch";
  const layers::Layer* layer = find_layer(assembly, place.behind);
  if (layer && is_linear(*layer)) return "";
  return fmt::format("it follows {}", place.behind);
}

/// Convolutions and dense layers have a bias again, and no standardized weights.
void reset_linear(std::vector<config::Block>& blocks) {
  const auto reset = [](auto& spec) {
    using Spec = std::decay_t<decltype(spec)>;
    if constexpr (std::is_base_of_v<config::Dense, Spec> || std::is_base_of_v<config::Conv, Spec>) spec.bias.reset();
    if constexpr (std::is_base_of_v<config::Conv, Spec>) spec.weight_standardization.reset();
    if constexpr (std::is_same_v<config::Residual, Spec>) reset_linear(spec.body);
    if constexpr (std::is_same_v<config::Repeat, Spec>) reset_linear(spec.layers);
    if constexpr (std::is_same_v<config::Concat, Spec>)
      for (std::vector<config::Block>& branch : spec.branches) reset_linear(branch);
  };
  for (config::Block& block : blocks) std::visit(reset, block.spec);
}

std::vector<double> in_double(const std::vector<float>& values) { return {values.begin(), values.end()}; }

/// A convolution or dense layer: dst = weights src + bias.
struct Linear {
  layers::Dims shape;  // of the weights
  std::vector<double> weights;
  std::vector<double> bias;  // (O)

  void fold(const NormalizationState& state, double epsilon) {
    const std::size_t inputs = weights.size() / bias.size();
    const std::vector<float> gamma = state.gamma ? state.gamma->row_major_value() : std::vector<float>();
    const std::vector<float> beta = state.beta ? state.beta->row_major_value() : std::vector<float>();
    for (std::size_t o = 0; o < bias.size(); ++o) {
      const double variance = static_cast<double>(state.running_variance[o]) + epsilon;
      double factor = variance > 0 ? 1.0 / std::sqrt(variance) : 0.0;
      if (!gamma.empty()) factor *= static_cast<double>(gamma[o]);
      for (double& weight : std::span(weights).subspan(o * inputs, inputs)) weight *= factor;
      bias[o] = (bias[o] - static_cast<double>(state.running_mean[o])) * factor;
      if (!beta.empty()) bias[o] += static_cast<double>(beta[o]);
    }
  }
};

NpyArray array_of(const layers::Dims& shape, const std::vector<double>& values) {
  std::vector<float> floats(values.size());
  std::ranges::transform(values, floats.begin(), [](double value) { return static_cast<float>(value); });
  return {shape, std::move(floats)};
}

Linear linear_of(const Network& network, const std::string& layer) {
  Linear linear;
  const auto all = network.parameters().all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const layers::Parameter& parameter = *all[i];
    if (parameter.name == layer + ".bias") linear.bias = in_double(parameter.row_major_value());
    if (parameter.name != layer + ".weights") continue;
    linear.shape = parameter.shape;
    linear.weights = network.assembly().places[i].is_standardized
                         ? layers::standardized(parameter.row_major_value(), parameter.shape[0])
                         : in_double(parameter.row_major_value());
  }
  linear.bias.resize(static_cast<std::size_t>(linear.shape[0]));
  return linear;
}

}  // namespace

void check_fold(const config::RunConfig& run, const Assembly& assembly) {
  const config::NormalizationRow& row = config::row_of(run.normalization.type);
  if (!row.has_population)
    throw ConfigError(fmt::format(
        "normalization.type: {} has no running statistics that could be folded into weights; types that have: {}",
        row.name,
        fmt::join(config::names_where<config::NormalizationType>([](const auto& one) { return one.has_population; }),
                  ", ")));
  if (config::holds(row.fields, "noise") && run.normalization.noise.in_evaluation)
    throw ConfigError("normalization.noise.in_evaluation: must be false: noise cannot be folded into weights");
  for (const NormalizationPlace& place : assembly.normalizations)
    if (const std::string problem = problem_of(place, assembly); !problem.empty())
      throw ConfigError(
          fmt::format("network: {} cannot be folded: {}; a normalization must directly follow a convolution or a dense "
                      "layer, whose output goes nowhere else",
                      place.name, problem));
}

config::RunConfig folded_config(const config::RunConfig& run) {
  config::RunConfig folded = run;
  folded.normalization = {};
  folded.network.weight_standardization.reset();
  reset_linear(folded.network.layers);
  return folded;
}

NpzArrays folded_weights(const config::RunConfig& run, const Network& network) {
  NpzArrays arrays{{folded_array, {{1}, std::vector<std::int32_t>{1}}}};
  for (const auto& parameter : network.parameters().all())
    if (parameter->kind != ParameterKind::gamma && parameter->kind != ParameterKind::beta)
      arrays[parameter->name] = {parameter->shape, parameter->row_major_value()};
  for (const layers::Layer* layer : network.layers()) {
    if (!is_linear(*layer)) continue;
    Linear linear = linear_of(network, layer->name());
    for (const NormalizationPlace& place : network.assembly().normalizations)
      for (const auto& state : network.states())
        if (place.behind == layer->name() && state->name == place.name) linear.fold(*state, run.normalization.epsilon);
    arrays[layer->name() + ".weights"] = array_of(linear.shape, linear.weights);
    arrays[layer->name() + ".bias"] = array_of({linear.shape[0]}, linear.bias);
  }
  return arrays;
}

}  // namespace bnlab::network
