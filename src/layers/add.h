#pragma once
#include "layers/layer.h"

namespace bnlab::layers {

/// a + b, in a's layout and type, or b's where a is f32 and b is not; where one is empty, the other. Requires equal
/// shapes.
Tensor add(Builder& builder, const char* operation, const Tensor& a, const Tensor& b);

}  // namespace bnlab::layers
