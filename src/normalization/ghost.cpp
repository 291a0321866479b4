#include "normalization/ghost.h"

#include "normalization/batch_variant.h"

namespace bnlab::normalization {
namespace {

class GhostLayer : public BatchVariantLayer {
 public:
  explicit GhostLayer(const NormalizationContext& context)
      : BatchVariantLayer(context, "ghost"), virtual_batch_size_(config::virtual_batch_size(context.config).value()) {
    state().batch_unbiased_variance = state().evaluated_unbiased_variance = state().batch_variance;
  }

 private:
  MomentOptions moments(const layers::Builder&, std::int64_t) const override {
    return {.sets = {.images = virtual_batch_size_, .channels = 1}};
  }

  std::int64_t virtual_batch_size_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_ghost(const NormalizationContext& context) {
  return std::make_unique<GhostLayer>(context);
}

}  // namespace bnlab::normalization
