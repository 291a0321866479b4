#include "normalization/batch_variant.h"

#include "normalization/batch.h"

namespace bnlab::normalization {

using layers::Builder;
using layers::Forward;
using layers::Tensor;

BatchVariantLayer::BatchVariantLayer(const NormalizationContext& context, const char* type)
    : Layer(context.layer.name, layers::LayerKind::normalization, type, context.layer.src_shape,
            context.layer.src_shape),
      parameters_(context.layer.parameters),
      epsilon_(context.config.epsilon),
      with_population_(make_batch(context, BatchStatistics::of_batch)),
      state_(*context.states.back()),
      affine_{state_.gamma, state_.beta} {}

Forward BatchVariantLayer::build(Builder& builder, const Tensor& src) {
  if (builder.has_population_statistics()) return with_population_->build(builder, src);
  lay_out(parameters_, affine_);
  MomentOptions options = moments(builder, src.shape[0]);
  options.epsilon = epsilon_;
  options.outputs = outputs_for(builder.mode(), state_);
  return build_moments(builder, src, affine_, std::move(options));
}

}  // namespace bnlab::normalization
