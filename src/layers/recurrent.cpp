#include "layers/recurrent.h"

#include "util/errors.h"

namespace bnlab::layers {

std::unique_ptr<Layer> make_recurrent(const LayerContext& context, const config::Recurrent&, const std::string&,
                                      const config::NormalizationConfig&, normalization::NormalizationStates&) {
  throw ConfigError("network: " + context.name + ": can't be built yet");
}

}  // namespace bnlab::layers
