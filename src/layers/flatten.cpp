#include "layers/flatten.h"

#include <functional>
#include <numeric>

namespace bnlab::layers {
namespace {

class FlattenLayer : public Layer {
 public:
  FlattenLayer(const LayerContext& context, Dims dst_shape)
      : Layer(context.name, LayerKind::flatten, "flatten", context.src_shape, std::move(dst_shape)) {}

  Forward build(Builder& builder, const Tensor& src) override {
    const Tensor dst{src.memory, batched_dst_shape(src), src.needs_diff};
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [src](Builder&, const Tensor& diff_dst) { return Tensor{diff_dst.memory, src.shape, true}; }};
  }
};

}  // namespace

std::unique_ptr<Layer> make_flatten(const LayerContext& context) {
  const Dims& src = context.src_shape;
  const std::int64_t values = std::accumulate(src.begin() + 1, src.end(), std::int64_t{1}, std::multiplies<>());
  return std::make_unique<FlattenLayer>(context, Dims{1, values});
}

}  // namespace bnlab::layers
