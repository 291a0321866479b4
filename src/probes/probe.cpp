#include "probes/probe.h"

#include <stdexcept>

#include "probes/activation_distribution.h"
#include "probes/gradient_norm.h"
#include "probes/normalization_state.h"

namespace bnlab::probes {

std::unique_ptr<Probe> make_probe(const config::ProbeConfig& config, const std::string& path,
                                  const ProbeContext& context) {
  switch (config.type) {
    case config::ProbeType::activation_distribution: return make_activation_distribution(config, path, context);
    case config::ProbeType::gradient_norm: return make_gradient_norm(context);
    case config::ProbeType::normalization_state: return make_normalization_state(context);
  }
  throw std::logic_error("a probe without a factory line");
}

}  // namespace bnlab::probes
