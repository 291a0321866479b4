#include "layers/multiply.h"

namespace bnlab::layers {

namespace compat = onednn::compat;

void multiply(Builder& builder, const char* operation, const dnnl::memory& value, const dnnl::memory& factors,
              const dnnl::memory& product) {
  const auto pd = compat::binary(builder.engine(), dnnl::algorithm::binary_mul, value.get_desc(), factors.get_desc(),
                                 product.get_desc(), builder.attributes());
  builder.add(operation, pd, dnnl::binary(pd),
              {{DNNL_ARG_SRC_0, value}, {DNNL_ARG_SRC_1, factors}, {DNNL_ARG_DST, product}});
}

}  // namespace bnlab::layers
