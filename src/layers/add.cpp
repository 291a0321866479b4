#include "layers/add.h"

namespace bnlab::layers {

namespace compat = onednn::compat;

Tensor add(Builder& builder, const char* operation, const Tensor& a, const Tensor& b) {
  if (!a.memory) return b;
  if (!b.memory) return a;
  const auto is_f32 = [](const Tensor& t) { return compat::type_of(t.memory.get_desc()) == onednn::DataType::f32; };
  if (is_f32(a) && !is_f32(b)) return add(builder, operation, b, a);
  const onednn::Desc desc = a.memory.get_desc();
  const auto pd = compat::binary(builder.engine(), dnnl::algorithm::binary_add, desc, desc, desc, builder.attributes());
  const Tensor dst{builder.allocate(desc), a.shape, a.needs_diff || b.needs_diff};
  builder.add(
      operation, pd, dnnl::binary(pd),
      {{DNNL_ARG_SRC_0, a.memory}, {DNNL_ARG_SRC_1, builder.reorder_to(b.memory, desc)}, {DNNL_ARG_DST, dst.memory}});
  return dst;
}

}  // namespace bnlab::layers
