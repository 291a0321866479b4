#pragma once
#include "layers/layer.h"

namespace bnlab::layers {

/// product = value * factors, one by one; `product` may be `value`. `factors` has the dimensions of `value`, or 1
/// image, which is repeated.
void multiply(Builder& builder, const char* operation, const dnnl::memory& value, const dnnl::memory& factors,
              const dnnl::memory& product);

}  // namespace bnlab::layers
