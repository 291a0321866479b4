#pragma once
#include "layers/parameter.h"
#include "onednn/builder.h"

namespace bnlab::layers {

/// Adds a call that computes the gradient of `parameter` in the layout `desc`, as `add_call(memory)` does, and a
/// reorder into the parameter's layout where that is another.
template <class AddCall>
void add_weights_diff(onednn::Builder& builder, const Parameter& parameter, const onednn::Desc& desc,
                      const AddCall& add_call) {
  const bool same_layout = desc == parameter.diff.get_desc();
  const dnnl::memory diff = same_layout ? parameter.diff : builder.allocate(desc);
  add_call(diff);
  if (!same_layout) builder.copy(diff, parameter.diff);
}

}  // namespace bnlab::layers
