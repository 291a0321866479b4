#include "normalization/lp.h"

#include "normalization/batch_variant.h"

namespace bnlab::normalization {
namespace {

class LpLayer : public BatchVariantLayer {
 public:
  explicit LpLayer(const NormalizationContext& context) : BatchVariantLayer(context, "lp"), norm_(context.config.norm) {
    state().holds_variance = norm_ == config::LpNorm::l2;
  }

 private:
  MomentOptions moments(const layers::Builder&, std::int64_t images) const override {
    return {.sets = {.images = images, .channels = 1}, .norm = norm_};
  }

  config::LpNorm norm_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_lp(const NormalizationContext& context) {
  return std::make_unique<LpLayer>(context);
}

}  // namespace bnlab::normalization
