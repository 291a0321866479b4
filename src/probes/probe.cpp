#include "probes/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "config/names.h"
#include "probes/activation_distribution.h"
#include "probes/bias_effect.h"
#include "probes/channel_moments.h"
#include "probes/covariate_shift.h"
#include "probes/equivalence.h"
#include "probes/folding.h"
#include "probes/gradient_norm.h"
#include "probes/hessian.h"
#include "probes/identity_recovery.h"
#include "probes/input_gradient.h"
#include "probes/landscape.h"
#include "probes/layer_gradients.h"
#include "probes/normalization_gradients.h"
#include "probes/normalization_state.h"
#include "probes/recurrent_gradients.h"
#include "probes/representations.h"
#include "probes/residual_branches.h"
#include "probes/scale_invariance.h"
#include "probes/statistics_gap.h"
#include "probes/weight_growth.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

using config::NormalizationType;
using config::ProbeType;

/// Throws where the run lacks what the probe's row says that it needs.
void check_needs(const config::ProbeRow& probe, const std::string& path, const config::RunConfig& run,
                 const std::vector<network::LayerShape>& layers) {
  const NormalizationType type = run.normalization.type;
  if (probe.knows && !probe.knows(config::row_of(type)))
    throw ConfigError(fmt::format("{}.type: {} needs normalization.type {}, got {}", path, probe.name,
                                  fmt::join(config::names_where<NormalizationType>(probe.knows), " or "),
                                  config::name_of(type)));
  if (probe.needs_affine && !run.normalization.affine)
    throw ConfigError(fmt::format("{}.type: {} needs normalization.affine true", path, probe.name));
  const auto is_residual = [](const network::LayerShape& layer) { return layer.kind == layers::LayerKind::residual; };
  if (probe.needs_residual && std::ranges::none_of(layers, is_residual))
    throw ConfigError(fmt::format("{}.type: {} needs a network with residual blocks", path, probe.name));
  const auto is_recurrent = [](const network::LayerShape& layer) { return layer.kind == layers::LayerKind::recurrent; };
  if (probe.needs_recurrent && std::ranges::none_of(layers, is_recurrent))
    throw ConfigError(fmt::format("{}.type: {} needs a network with recurrent blocks", path, probe.name));
  if (const std::int64_t batches = config::micro_batches(run.training); probe.needs_one_batch && batches > 1)
    throw ConfigError(fmt::format("{}.type: {} needs training.accumulate 1: it evaluates the loss on one batch, got {}",
                                  path, probe.name, batches));
}

}  // namespace

void check(const config::RunConfig& run, const std::vector<network::LayerShape>& layers) {
  for (std::size_t i = 0; i < run.probes.size(); ++i) {
    const config::ProbeConfig& probe = run.probes[i];
    const std::string path = fmt::format("probes.{}", i);
    check_needs(config::row_of(probe.type), path, run, layers);
    if (probe.type == ProbeType::activation_distribution) check_activation_distribution(probe, path, layers);
    if (probe.type == ProbeType::equivalence) check_equivalence(probe, path, run);
    if (probe.type == ProbeType::covariate_shift) check_covariate_shift(probe, path, run);
    if (probe.type == ProbeType::hessian) check_hessian(probe, path, run);
    if (probe.type == ProbeType::input_gradient) check_input_gradient(probe, path, run);
    if (probe.type == ProbeType::folding) check_folding(path, run);
  }
}

std::unique_ptr<Probe> make_probe(const config::ProbeConfig& config, const ProbeContext& context) {
  switch (config.type) {
    case ProbeType::activation_distribution:
      return make_activation_distribution(config, context);
    case ProbeType::gradient_norm:
      return make_gradient_norm(context);
    case ProbeType::normalization_state:
      return make_normalization_state(context);
    case ProbeType::channel_moments:
      return make_channel_moments(context);
    case ProbeType::layer_gradients:
      return make_layer_gradients(context);
    case ProbeType::recurrent_gradients:
      return make_recurrent_gradients(context);
    case ProbeType::representations:
      return make_representations(context);
    case ProbeType::scale_invariance:
      return make_scale_invariance(config, context);
    case ProbeType::bias_effect:
      return make_bias_effect(context);
    case ProbeType::identity_recovery:
      return make_identity_recovery(context);
    case ProbeType::normalization_gradients:
      return make_normalization_gradients(context);
    case ProbeType::weight_growth:
      return make_weight_growth(context);
    case ProbeType::statistics_gap:
      return make_statistics_gap(context);
    case ProbeType::residual_branches:
      return make_residual_branches(context);
    case ProbeType::equivalence:
      return make_equivalence(config, context);
    case ProbeType::landscape:
      return make_landscape(config, context);
    case ProbeType::covariate_shift:
      return make_covariate_shift(config, context);
    case ProbeType::hessian:
      return make_hessian(config, context);
    case ProbeType::input_gradient:
      return make_input_gradient(config, context);
    case ProbeType::folding:
      return make_folding(context);
  }
  throw std::logic_error("a probe without a factory line");
}

}  // namespace bnlab::probes
