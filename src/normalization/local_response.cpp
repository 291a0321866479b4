#include "normalization/local_response.h"

#include "util/errors.h"

namespace bnlab::normalization {

std::unique_ptr<layers::Layer> make_local_response(const layers::LayerContext& context, const config::LocalResponse&) {
  throw ConfigError("network: " + context.name + ": can't be built yet");
}

}  // namespace bnlab::normalization
