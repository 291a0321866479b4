#pragma once
#include <memory>

#include "config/run_config.h"
#include "layers/layer.h"

namespace bnlab::layers {

/// f, element by element, by oneDNN; config/activations.h says what each function is.
class Elementwise {
 public:
  Elementwise(config::Activation function, double negative_slope);

  /// f(0) = 0: the padding of a blocked layout stays zero.
  bool keeps_zero() const { return keeps_zero_; }
  /// Adds dst = f(src). Requires equal descriptors.
  void forward(Builder& builder, const dnnl::memory& src, const dnnl::memory& dst) const;
  /// Adds diff_src = diff_dst f'(src) with the src and dst of a forward call. Requires equal descriptors.
  void backward(Builder& builder, const dnnl::memory& src, const dnnl::memory& dst, const dnnl::memory& diff_dst,
                const dnnl::memory& diff_src) const;

 private:
  dnnl::eltwise_forward::primitive_desc forward_desc(Builder& builder, const onednn::Desc& desc) const;

  dnnl::algorithm forward_;
  dnnl::algorithm backward_;  // the one that needs the output alone lets the input's buffer go
  bool backward_uses_dst_;
  bool keeps_zero_;
  float alpha_;
};

/// dst = f(src), any shape. `fused_before`: where the program may fuse, the layer before applies the function already
/// and this one adds nothing.
std::unique_ptr<Layer> make_activation(const LayerContext& context, config::Activation function, double negative_slope,
                                       bool fused_before);

}  // namespace bnlab::layers
