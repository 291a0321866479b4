#include "layers/dropout.h"

#include "util/errors.h"

namespace bnlab::layers {

std::unique_ptr<Layer> make_dropout(const LayerContext& context, double) {
  throw ConfigError("network: " + context.name + ": can't be built yet");
}

}  // namespace bnlab::layers
