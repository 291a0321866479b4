#include "normalization/batch_renorm.h"

#include <algorithm>
#include <cmath>

#include "normalization/batch_variant.h"

namespace bnlab::normalization {
namespace {

class BatchRenormalizationLayer : public BatchVariantLayer {
 public:
  explicit BatchRenormalizationLayer(const NormalizationContext& context)
      : BatchVariantLayer(context, "batch_renorm"),
        r_max_(context.config.r_max),
        d_max_(context.config.d_max),
        virtual_batch_size_(context.config.virtual_batch_size) {
    if (virtual_batch_size_)
      state().batch_unbiased_variance = state().evaluated_unbiased_variance = state().batch_variance;
  }

 private:
  MomentOptions moments(const layers::Builder& builder, std::int64_t images) const override {
    MomentOptions options{.sets = {.images = virtual_batch_size_.value_or(images), .channels = 1}};
    if (!builder.is_training()) return options;
    options.correction = [this, &run = builder.run_state()](auto mean, auto deviation, auto r, auto d) {
      correct(run, mean, deviation, r, d);
    };
    return options;
  }

  void correct(const onednn::RunState& run, std::span<const double> mean, std::span<const double> deviation,
               std::span<double> r, std::span<double> d) const {
    const double r_max = value_at(r_max_, run.step, run.steps), d_max = value_at(d_max_, run.step, run.steps);
    for (std::size_t c = 0; c < mean.size(); ++c) {
      const double running = std::sqrt(static_cast<double>(state().running_variance[c]) + epsilon());
      if (running == 0) {  // without epsilon a channel may have been constant so far: nothing to correct towards
        r[c] = 1;
        d[c] = 0;
        continue;
      }
      r[c] = std::clamp(deviation[c] / running, 1.0 / r_max, r_max);
      d[c] = std::clamp((mean[c] - static_cast<double>(state().running_mean[c])) / running, -d_max, d_max);
    }
  }

  config::RampConfig r_max_;
  config::RampConfig d_max_;
  std::optional<std::int64_t> virtual_batch_size_;
};

}  // namespace

double value_at(const config::RampConfig& ramp, std::int64_t step, std::int64_t steps) {
  double now = static_cast<double>(step);
  if (ramp.unit == config::RampUnit::fraction) now /= static_cast<double>(steps);
  if (now >= ramp.end) return ramp.final;
  if (now <= ramp.begin) return ramp.initial;
  return ramp.initial + (ramp.final - ramp.initial) * (now - ramp.begin) / (ramp.end - ramp.begin);
}

std::unique_ptr<layers::Layer> make_batch_renorm(const NormalizationContext& context) {
  return std::make_unique<BatchRenormalizationLayer>(context);
}

}  // namespace bnlab::normalization
