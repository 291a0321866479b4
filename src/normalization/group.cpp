#include "normalization/group.h"

#include <fmt/format.h>

#include "normalization/moments.h"
#include "util/errors.h"

namespace bnlab::normalization {
namespace {

using layers::Builder;
using layers::Forward;
using layers::Tensor;

class PerImageLayer : public layers::Layer {
 public:
  PerImageLayer(const NormalizationContext& context, const char* type, std::int64_t channels)
      : Layer(context.layer.name, layers::LayerKind::normalization, type, context.layer.src_shape,
              context.layer.src_shape),
        parameters_(context.layer.parameters),
        channels_(channels),
        epsilon_(context.config.epsilon) {
    const NormalizationState& state = add_state(context);
    affine_ = {state.gamma, state.beta};
    require_two_values(context, channels * state.values_per_image, type);
  }

  Forward build(Builder& builder, const Tensor& src) override {
    lay_out(parameters_, affine_);
    return build_moments(builder, src, affine_, {.sets = {.images = 1, .channels = channels_}, .epsilon = epsilon_});
  }

 private:
  layers::Parameters& parameters_;
  std::int64_t channels_;
  double epsilon_;
  Affine affine_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_per_image(const NormalizationContext& context, const char* type,
                                              std::int64_t channels) {
  return std::make_unique<PerImageLayer>(context, type, channels);
}

std::unique_ptr<layers::Layer> make_group(const NormalizationContext& context) {
  const config::NormalizationConfig& config = context.config;
  const std::int64_t channels = context.layer.src_shape[1];
  const char* field = config.channels_per_group ? "channels_per_group" : "groups";
  const std::int64_t divisor = config.channels_per_group.value_or(config.groups);
  if (channels % divisor != 0)
    throw ConfigError(fmt::format("normalization.{}: must divide the {} channels of {}, got {}", field, channels,
                                  context.layer.name, divisor));
  return make_per_image(context, "group", config.channels_per_group ? divisor : channels / divisor);
}

std::unique_ptr<layers::Layer> make_instance(const NormalizationContext& context) {
  return make_per_image(context, "instance", 1);
}

}  // namespace bnlab::normalization
