#include "normalization/lp.h"

#include "normalization/batch_variant.h"

namespace bnlab::normalization {
namespace {

class LpLayer : public BatchVariantLayer {
 public:
  explicit LpLayer(const NormalizationContext& context)
      : BatchVariantLayer(context, "lp"),
        norm_(context.config.norm),
        is_raw_(context.config.norm_of == config::NormOf::raw) {
    state().holds_variance = norm_ == config::LpNorm::l2 && !is_raw_;
  }

 private:
  MomentOptions moments(const layers::Builder&, std::int64_t images) const override {
    return {.sets = {.images = images, .channels = 1}, .norm = norm_, .norm_is_raw = is_raw_};
  }

  config::LpNorm norm_;
  bool is_raw_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_lp(const NormalizationContext& context) {
  return std::make_unique<LpLayer>(context);
}

}  // namespace bnlab::normalization
