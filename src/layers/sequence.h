#pragma once
#include "layers/layer.h"

namespace bnlab::layers {

/// Layers one after another.
class Sequence {
 public:
  /// `src_shape` (1, ...) is that of the first layer's input, and of the output where there is no layer.
  Sequence(LayerList layers, Dims src_shape) : layers_(std::move(layers)), src_shape_(std::move(src_shape)) {}

  /// Adds the forward calls of all layers; `backward` adds those of their backward passes in reverse.
  Forward build(Builder& builder, const Tensor& src) const;

  const Dims& dst_shape() const { return layers_.empty() ? src_shape_ : layers_.back()->dst_shape(); }
  const LayerList& layers() const { return layers_; }
  /// The layers and all that they are made of; a layer follows its parts.
  std::vector<const Layer*> all() const;

 private:
  LayerList layers_;
  Dims src_shape_;
};

}  // namespace bnlab::layers
