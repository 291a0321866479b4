#include "normalization/batch.h"

#include <optional>
#include <string_view>

#include "normalization/moments.h"

namespace bnlab::normalization {
namespace {

namespace compat = onednn::compat;
using dnnl::normalization_flags;
using layers::Backward;
using layers::Builder;
using layers::Dims;
using layers::Forward;
using layers::Tensor;
using onednn::Desc;
using onednn::Mode;

// Ranks an implementation by oneDNN's name for it; a higher rank is faster.
constexpr int best_implementation = 3;
int rank_of(std::string_view implementation) {
  if (implementation.find("jit") == std::string_view::npos) return 0;
  if (implementation.find("avx512") != std::string_view::npos) return best_implementation;
  return implementation.find("avx2") != std::string_view::npos ? 2 : 1;
}

class BatchNormalizationLayer : public layers::Layer {
 public:
  BatchNormalizationLayer(const NormalizationContext& context, BatchStatistics statistics, NormalizationState& state)
      : Layer(context.layer.name, layers::LayerKind::normalization,
              config::NormalizationType::batch == context.config.type ? "batch" : "frozen", context.layer.src_shape,
              context.layer.src_shape),
        parameters_(context.layer.parameters),
        epsilon_(static_cast<float>(context.config.epsilon)),
        frozen_(statistics == BatchStatistics::frozen),
        relu_follows_(context.relu_follows),
        state_(state),
        affine_{state.gamma, state.beta} {}

  Forward build(Builder& builder, const Tensor& src) override {
    lay_out(parameters_, affine_);
    const Desc data = choose_layout(builder, src);
    const std::optional<GivenStatistics> given = given_statistics(builder);
    MomentOptions options{.sets = {src.shape[0], 1}, .epsilon = static_cast<double>(epsilon_)};
    if (given)
      options.given = *given;
    else
      options.outputs = outputs_for(builder.mode(), state_);
    if (!given && is_faster_by_itself(builder, src, data))
      return build_moments(builder, src, affine_, std::move(options));

    const auto moments = make_moments(*channel_layout(data, src.shape, builder.type()), std::move(options));
    const dnnl::memory input = builder.reorder_to(src.memory, data);
    // Without epsilon a given variance may be 0, for which oneDNN has another rule than ours.
    const bool as_given = given && epsilon_ > 0.0f;
    const PrimitiveStatistics statistics =
        as_given ? wrap(builder, *given) : add_statistics(builder, moments, affine_, input);
    const normalization_flags flags = flags_for(builder, static_cast<bool>(statistics.scale));
    const auto pd = compat::batch_normalization_forward(builder.engine(), dnnl::prop_kind::forward_inference, data,
                                                        epsilon_, flags, builder.attributes());
    const Tensor dst{builder.allocate(data), src.shape, src.needs_diff || affine_.gamma};
    builder.add("forward", pd, dnnl::batch_normalization_forward(pd),
                {{DNNL_ARG_SRC, input},
                 {DNNL_ARG_MEAN, statistics.mean},
                 {DNNL_ARG_VARIANCE, statistics.variance},
                 {DNNL_ARG_SCALE, statistics.scale},
                 {DNNL_ARG_SHIFT, statistics.shift},
                 {DNNL_ARG_DST, dst.memory}});
    if (!builder.has_backward() || !dst.needs_diff) return {dst, {}};
    const dnnl::memory relu_dst = fuses_relu(builder) ? dst.memory : dnnl::memory();
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              Tensor diff_src;
              if (src.needs_diff) diff_src = {b.allocate(data), src.shape, true};
              add_backward(b, moments, affine_, input, relu_dst, b.reorder_to(diff_dst.memory, data), diff_src.memory);
              return diff_src;
            }};
  }

 private:
  /// The statistics that this program does not measure; nothing where it does.
  std::optional<GivenStatistics> given_statistics(const Builder& builder) const {
    if (builder.has_population_statistics())
      return GivenStatistics{&state_.population_mean, &state_.population_variance};
    if (frozen_ && builder.mode() != Mode::evaluate_batch)
      return GivenStatistics{&state_.running_mean, &state_.running_variance};
    return std::nullopt;
  }

  PrimitiveStatistics wrap(const Builder& builder, const GivenStatistics& given) const {
    const Desc desc = onednn::row_major_desc({state_.channels});
    const auto memory = [&](std::vector<float>& values) { return dnnl::memory(desc, builder.engine(), values.data()); };
    PrimitiveStatistics statistics{memory(*given.mean), memory(*given.variance), {}, {}};
    if (affine_.gamma) {
      statistics.scale = affine_.gamma->value;
      statistics.shift = affine_.beta->value;
    }
    return statistics;
  }

  bool fuses_relu(const Builder& builder) const { return relu_follows_ && builder.may_fuse(); }

  normalization_flags flags_for(const Builder& builder, bool has_scale) const {
    auto flags = normalization_flags::use_global_stats;
    if (has_scale) flags = flags | normalization_flags::use_scale | normalization_flags::use_shift;
    if (fuses_relu(builder)) flags = flags | normalization_flags::fuse_norm_relu;
    return flags;
  }

  // oneDNN would have a small activation of a dense layer brought into another layout and back, which takes as long as
  // the normalization: 12 % of a step of 784-100-100-100-10 sigmoids at batches of 60.
  bool is_faster_by_itself(const Builder& builder, const Tensor& src, const Desc& data) const {
    if (src.shape.size() != 2 || builder.type() != onednn::DataType::f32) return false;
    if (relu_follows_) return false;
    const Dims image{src.shape[0], src.shape[1], 1, 1};
    return data != Desc(image, builder.type(), dnnl::memory::format_tag::nhwc);
  }

  // The layout with the best implementation; among equals the one nearest to the source, so with the fewest reorders.
  Desc choose_layout(Builder& builder, const Tensor& src) const {
    using Tag = dnnl::memory::format_tag;
    Dims image = src.shape;
    image.resize(4, 1);
    const auto tagged = [&](Tag tag) { return Desc(image, builder.type(), tag); };
    std::vector<Desc> candidates;
    const Desc given = src.memory.get_desc();
    if (given != onednn::row_major_desc(src.shape, builder.type()) && compat::dims_of(given) == image &&
        compat::type_of(given) == builder.type() && channel_layout(given, src.shape, builder.type()))
      candidates.push_back(given);
    if (src.shape.size() == 2) candidates.push_back(tagged(Tag::nhwc));
    for (const Tag tag : {Tag::nChw16c, Tag::nChw8c, Tag::nhwc, Tag::nchw}) candidates.push_back(tagged(tag));
    Desc best = candidates.back();
    int best_rank = -1;
    for (const Desc& candidate : candidates) {
      // Padding channels have variance 0; without an epsilon oneDNN would write NaN there.
      if (epsilon_ == 0.0f && onednn::is_padded(candidate)) continue;
      int rank = rank_of(implementation(builder, candidate));
      // Blocks of 8 come from convolutions that are faster with them, as is the normalization, even with AVX2 kernels.
      if (rank > 0 && candidate == given && given == tagged(Tag::nChw8c)) rank = best_implementation;
      if (rank <= best_rank) continue;
      best = candidate;
      best_rank = rank;
    }
    return best;
  }

  std::string implementation(Builder& builder, const Desc& data) const {
    try {
      return compat::batch_normalization_forward(builder.engine(), dnnl::prop_kind::forward_inference, data, epsilon_,
                                                 flags_for(builder, true), builder.attributes())
          .impl_info_str();
    } catch (const dnnl::error&) {
      return "none";
    }
  }

  layers::Parameters& parameters_;
  float epsilon_;
  bool frozen_;
  bool relu_follows_;
  NormalizationState& state_;
  Affine affine_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_batch(const NormalizationContext& context, BatchStatistics statistics) {
  NormalizationState& state = add_state(context);
  state.frozen = statistics == BatchStatistics::frozen;
  return std::make_unique<BatchNormalizationLayer>(context, statistics, state);
}

}  // namespace bnlab::normalization
