#include "probes/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "config/names.h"
#include "probes/activation_distribution.h"
#include "probes/bias_effect.h"
#include "probes/channel_moments.h"
#include "probes/equivalence.h"
#include "probes/gradient_norm.h"
#include "probes/identity_recovery.h"
#include "probes/layer_gradients.h"
#include "probes/normalization_gradients.h"
#include "probes/normalization_state.h"
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

/// Throws unless the normalization is one of those that the probe knows.
void require_normalization(const config::ProbeConfig& probe, const std::string& path, NormalizationType type,
                           const std::vector<NormalizationType>& known) {
  if (std::find(known.begin(), known.end(), type) != known.end()) return;
  std::vector<std::string> names;
  for (const NormalizationType one : known) names.push_back(config::name_of(one));
  throw ConfigError(fmt::format("{}.type: {} needs normalization.type {}, got {}", path, config::name_of(probe.type),
                                fmt::join(names, " or "), config::name_of(type)));
}

/// `path` is the probe's place in the config: "probes.0".
void check_one(const config::ProbeConfig& probe, const std::string& path, const config::RunConfig& run,
               const std::vector<network::LayerShape>& layers) {
  using enum NormalizationType;
  switch (probe.type) {
    case ProbeType::activation_distribution:
      return check_activation_distribution(probe, path, layers);
    case ProbeType::identity_recovery:
      require_normalization(probe, path, run.normalization.type, {batch});
      if (!run.normalization.affine)
        throw ConfigError(fmt::format("{}.type: identity_recovery needs normalization.affine true", path));
      return;
    case ProbeType::normalization_gradients:
      return require_normalization(probe, path, run.normalization.type, {batch, frozen});
    case ProbeType::statistics_gap:
      return require_normalization(probe, path, run.normalization.type, {batch, batch_renorm, ghost, noisy_batch, lp});
    case ProbeType::equivalence:
      return check_equivalence(probe, path, run);
    case ProbeType::residual_branches:
      if (std::none_of(layers.begin(), layers.end(),
                       [](const auto& layer) { return layer.kind == layers::LayerKind::residual; }))
        throw ConfigError(fmt::format("{}.type: residual_branches needs a network with residual blocks", path));
      return;
    case ProbeType::gradient_norm:
    case ProbeType::normalization_state:
    case ProbeType::channel_moments:
    case ProbeType::layer_gradients:
    case ProbeType::representations:
    case ProbeType::scale_invariance:
    case ProbeType::bias_effect:
    case ProbeType::weight_growth:
      return;
  }
}

}  // namespace

void check(const config::RunConfig& run, const std::vector<network::LayerShape>& layers) {
  for (std::size_t i = 0; i < run.probes.size(); ++i)
    check_one(run.probes[i], fmt::format("probes.{}", i), run, layers);
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
  }
  throw std::logic_error("a probe without a factory line");
}

}  // namespace bnlab::probes
