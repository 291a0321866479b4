#include "normalization/normalization.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "config/names.h"
#include "normalization/batch.h"
#include "normalization/batch_renorm.h"
#include "normalization/ghost.h"
#include "normalization/group.h"
#include "normalization/layer_norm.h"
#include "normalization/local_response.h"
#include "normalization/lp.h"
#include "normalization/noise.h"
#include "util/errors.h"

namespace bnlab::normalization {

using config::NormalizationConfig;
using config::NormalizationType;

namespace {

/// How many images of a batch share statistics, where images do.
std::int64_t images_of_a_set(const NormalizationConfig& config, std::int64_t images) {
  return std::min(config::virtual_batch_size(config).value_or(images), images);
}

}  // namespace

double unbiased_factor(std::int64_t m) { return m > 1 ? static_cast<double>(m) / static_cast<double>(m - 1) : 1.0; }

double variance_for_population(const NormalizationState& state, Measured measured, std::size_t c, std::int64_t images,
                               config::RunningVariance kind) {
  const bool training = measured == Measured::in_training;
  const auto& biased = training ? state.batch_variance : state.evaluated_variance;
  const auto& unbiased = training ? state.batch_unbiased_variance : state.evaluated_unbiased_variance;
  const auto value = static_cast<double>(biased[c]);
  if (kind == config::RunningVariance::biased || !state.holds_variance) return value;
  if (!unbiased.empty()) return static_cast<double>(unbiased[c]);
  return unbiased_factor(images * state.values_per_image) * value;
}

NormalizationState& add_state(const NormalizationContext& context) {
  context.states.push_back(std::make_unique<NormalizationState>());
  NormalizationState& state = *context.states.back();
  const layers::Dims& shape = context.layer.src_shape;
  state.name = context.layer.name;
  state.channels = shape[1];
  state.values_per_image = shape.size() == 4 ? shape[2] * shape[3] : 1;
  if (config::row_of(context.config.type).has_population) {
    const auto channels = static_cast<std::size_t>(state.channels);
    for (auto* zeros : {&state.running_mean, &state.population_mean, &state.batch_mean, &state.evaluated_mean})
      zeros->assign(channels, 0.0f);
    for (auto* ones :
         {&state.running_variance, &state.population_variance, &state.batch_variance, &state.evaluated_variance})
      ones->assign(channels, 1.0f);
  }
  if (!context.config.affine) return state;
  state.gamma = &context.layer.parameters.declare(
      {.name = state.name + ".gamma",
       .kind = layers::ParameterKind::gamma,
       .shape = {state.channels},
       .initial_value = context.config.initial_gamma,
       .is_drawn = context.config.gamma_distribution == config::GammaDistribution::uniform});
  state.beta = &context.layer.parameters.declare({.name = state.name + ".beta",
                                                  .kind = layers::ParameterKind::beta,
                                                  .shape = {state.channels},
                                                  .initial_value = context.config.initial_beta});
  return state;
}

void lay_out(layers::Parameters& parameters, const Affine& affine) {
  for (layers::Parameter* parameter : {affine.gamma, affine.beta})
    if (parameter) parameters.lay_out(*parameter, onednn::row_major_desc(parameter->shape));
}

void require_two_values(const NormalizationContext& context, std::int64_t values, const char* type) {
  if (values > 1) return;
  throw ConfigError(
      fmt::format("normalization.type: {}: {} normalization of {} normalizes over 1 value, which has no variance; "
                  "choose another type, or a mask without this place",
                  context.layer.name, type, layers::shape_text(context.layer.src_shape)));
}

const NormalizationState* state_of_one_value(const NormalizationStates& states, const NormalizationConfig& config,
                                             std::int64_t images) {
  const std::int64_t set = images_of_a_set(config, images);
  if (set > 1 && images % set != 1) return nullptr;
  for (const auto& state : states)
    if (state->has_statistics() && state->values_per_image == 1) return state.get();
  return nullptr;
}

void check_batch(const NormalizationStates& states, const NormalizationConfig& config, std::int64_t images) {
  if (!config::row_of(config.type).has_batch_moments) return;
  const NormalizationState* place = state_of_one_value(states, config, images);
  if (!place) return;
  const std::int64_t set = images_of_a_set(config, images);
  const std::string rule =
      images == 1 ? fmt::format("training.batch_size: must be at least 2, got {}", images)
      : set == 1
          ? fmt::format("normalization.virtual_batch_size: must be at least 2, got {}", set)
          : fmt::format("normalization.virtual_batch_size: must not leave 1 image over of the {} of a batch, got {}",
                        images, set);
  throw ConfigError(
      fmt::format("{}: {}: {} normalization of single values of an image, shape ({}), normalizes over 1 "
                  "value, which has no variance",
                  rule, place->name, config::name_of(config.type), place->channels));
}

std::unique_ptr<layers::Layer> make_normalization(const NormalizationContext& context) {
  switch (context.config.type) {
    case NormalizationType::batch:
      return make_batch(context, BatchStatistics::of_batch);
    case NormalizationType::frozen:
      return make_batch(context, BatchStatistics::frozen);
    case NormalizationType::batch_renorm:
      return make_batch_renorm(context);
    case NormalizationType::ghost:
      return make_ghost(context);
    case NormalizationType::noisy_batch:
      return make_noisy_batch(context);
    case NormalizationType::noise:
      return make_noise(context);
    case NormalizationType::layer:
      return make_layer_norm(context);
    case NormalizationType::instance:
      return make_instance(context);
    case NormalizationType::group:
      return make_group(context);
    case NormalizationType::lp:
      return make_lp(context);
    case NormalizationType::local_response:
      return make_local_response(context.layer, context.config.local_response);
    case NormalizationType::none:
      break;
  }
  throw std::logic_error("a normalization of type none has no layer");
}

}  // namespace bnlab::normalization
