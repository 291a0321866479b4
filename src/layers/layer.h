#pragma once
// What a layer is: a shape rule, parameters that it declared when it was made, and a recipe that adds its calls to a
// program.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "layers/parameter.h"
#include "onednn/builder.h"

namespace bnlab::layers {

using onednn::Builder;
using onednn::Dims;
using onednn::Tensor;

/// Adds the layer's backward calls: takes d loss / d dst, fills the diffs of the layer's parameters, and returns
/// d loss / d src, an empty tensor where `src.needs_diff` was false.
using Backward = std::function<Tensor(Builder&, const Tensor& diff_dst)>;

/// The result of adding a layer's forward calls. `backward` is empty for programs without a backward pass and for
/// layers before the first parameter.
struct Forward {
  Tensor dst;
  Backward backward;
};

/// Of a layer that does nothing in this program: the value and its gradient are passed on.
inline Forward unchanged(const Builder& builder, const Tensor& src) {
  if (!builder.has_backward() || !src.needs_diff) return {src, {}};
  return {src, [](Builder&, const Tensor& diff_dst) { return diff_dst; }};
}

enum class LayerKind {
  dense,
  conv,
  pool,
  activation,
  dropout,
  flatten,
  normalization,
  recurrent,
  residual,
  padding_shortcut,
  concat
};

class Layer;
using LayerList = std::vector<std::unique_ptr<Layer>>;

class Layer {
 public:
  /// `type` is shown to people: "relu", "max_pool". Shapes are those of a batch of one: (1, C) or (1, C, H, W).
  Layer(std::string name, LayerKind kind, std::string type, Dims src_shape, Dims dst_shape)
      : name_(std::move(name)),
        kind_(kind),
        type_(std::move(type)),
        src_shape_(std::move(src_shape)),
        dst_shape_(std::move(dst_shape)) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  /// Adds the forward calls. The layer outlives the program.
  virtual Forward build(Builder& builder, const Tensor& src) = 0;

  /// Makes the output f32 in programs of any type: for the layer that gives the logits, before the first build().
  /// Layers other than dense keep the program's type.
  virtual void keep_output_in_f32() {}

  /// The layers that it is made of, in network order; empty for most.
  virtual std::vector<const Layer*> parts() const { return {}; }

  /// Its activation function, whose input and output Mode::observe keeps as "input" and "output"; none for most.
  virtual std::optional<config::Activation> activation() const { return std::nullopt; }

  const std::string& name() const { return name_; }
  LayerKind kind() const { return kind_; }
  const std::string& type() const { return type_; }
  const Dims& src_shape() const { return src_shape_; }
  const Dims& dst_shape() const { return dst_shape_; }

 protected:
  /// dst_shape() for the batch of `src`.
  Dims batched_dst_shape(const Tensor& src) const {
    Dims shape = dst_shape_;
    shape[0] = src.shape[0];
    return shape;
  }

 private:
  std::string name_;
  LayerKind kind_;
  std::string type_;
  Dims src_shape_;
  Dims dst_shape_;
};

/// What a layer needs to know of its network when it is made.
struct LayerContext {
  std::string name;  // unique in the network: "dense2"
  Dims src_shape;    // (1, ...)
  Parameters& parameters;
};

/// "(128, 7, 7)", without the batch.
std::string shape_text(const Dims& shape);

/// Throws ConfigError "network: conv2: conv needs an image (channels, height, width), got (100)" unless the context's
/// src_shape is (1, C, H, W).
void require_image(const LayerContext& context, const char* type);

}  // namespace bnlab::layers
