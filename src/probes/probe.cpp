#include "probes/probe.h"

#include <fmt/format.h>

#include <stdexcept>

#include "probes/activation_distribution.h"
#include "probes/gradient_norm.h"
#include "probes/normalization_state.h"

namespace bnlab::probes {

void check(const std::vector<config::ProbeConfig>& probes, const std::vector<network::LayerShape>& layers) {
  for (std::size_t i = 0; i < probes.size(); ++i)
    if (probes[i].type == config::ProbeType::activation_distribution)
      check_activation_distribution(probes[i], fmt::format("probes.{}", i), layers);
}

std::unique_ptr<Probe> make_probe(const config::ProbeConfig& config, const ProbeContext& context) {
  switch (config.type) {
    case config::ProbeType::activation_distribution:
      return make_activation_distribution(config, context);
    case config::ProbeType::gradient_norm:
      return make_gradient_norm(context);
    case config::ProbeType::normalization_state:
      return make_normalization_state(context);
  }
  throw std::logic_error("a probe without a factory line");
}

}  // namespace bnlab::probes
