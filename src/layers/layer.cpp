#include "layers/layer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "util/errors.h"

namespace bnlab::layers {

std::string shape_text(const Dims& shape) {
  return fmt::format("({})", fmt::join(shape.begin() + 1, shape.end(), ", "));
}

void require_image(const LayerContext& context, const char* type) {
  if (context.src_shape.size() != 4)
    throw ConfigError(fmt::format("network: {}: {} needs an image (channels, height, width), got {}", context.name,
                                  type, shape_text(context.src_shape)));
}

}  // namespace bnlab::layers
