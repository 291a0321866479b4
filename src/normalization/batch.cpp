#include "normalization/batch.h"

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
using onednn::Pass;

// How good an implementation is, by oneDNN's name for it.
constexpr int best_implementation = 3;
int rank_of(std::string_view implementation) {
  if (implementation.find("jit") == std::string_view::npos) return 0;
  if (implementation.find("avx512") != std::string_view::npos) return best_implementation;
  return implementation.find("avx2") != std::string_view::npos ? 2 : 1;
}

class BatchNormalizationLayer : public layers::Layer {
 public:
  BatchNormalizationLayer(const NormalizationContext& context, BatchStatistics statistics, NormalizationState& state)
      : Layer(context.layer.name, config::NormalizationType::batch == context.config.type ? "batch" : "frozen",
              context.layer.src_shape, context.layer.src_shape),
        parameters_(context.layer.parameters),
        epsilon_(static_cast<float>(context.config.epsilon)),
        frozen_(statistics == BatchStatistics::frozen),
        relu_follows_(context.relu_follows),
        state_(state),
        affine_{state.gamma, state.beta} {}

  Forward build(Builder& builder, const Tensor& src) override {
    lay_out(parameters_, affine_);
    const normalization_flags flags = flags_for(builder);
    const Desc data = choose_layout(builder, src, flags);
    if (is_faster_by_itself(builder, src, data))
      return build_moments(builder, src, affine_,
                           {.sets = {src.shape[0], 1},
                            .epsilon = static_cast<double>(epsilon_),
                            .outputs = outputs_for(builder.pass(), state_)});
    const auto pd = compat::batch_normalization_forward(builder.engine(), prop_kind(builder), data, epsilon_, flags,
                                                        builder.attributes());
    const auto [mean, variance] = statistics_for(builder);
    const bool fused = has(flags, normalization_flags::fuse_norm_relu);
    const dnnl::memory workspace =
        fused && builder.has_backward() ? builder.allocate(pd.workspace_desc()) : dnnl::memory();
    const dnnl::memory input = builder.adapt(src.memory, data);
    const Tensor dst{builder.allocate(data), src.shape, src.needs_diff || affine_.gamma};
    builder.add("forward", pd, dnnl::batch_normalization_forward(pd),
                {{DNNL_ARG_SRC, input},
                 {DNNL_ARG_MEAN, mean},
                 {DNNL_ARG_VARIANCE, variance},
                 {DNNL_ARG_SCALE, affine_.gamma ? affine_.gamma->value : dnnl::memory()},
                 {DNNL_ARG_SHIFT, affine_.beta ? affine_.beta->value : dnnl::memory()},
                 {DNNL_ARG_WORKSPACE, workspace},
                 {DNNL_ARG_DST, dst.memory}});
    if (!builder.has_backward() || !dst.needs_diff) return {dst, {}};
    return {dst, [=, this, mean = mean, variance = variance](Builder& b, const Tensor& diff_dst) {
              const auto back =
                  compat::batch_normalization_backward(b.engine(), data, data, epsilon_, flags, pd, b.attributes());
              const Tensor diff_src{b.allocate(data), src.shape, true};
              const bool takes_shift = affine_.beta && compat::batch_normalization_backward_takes_shift;
              const dnnl::memory shift = takes_shift ? affine_.beta->value : dnnl::memory();
              b.add("backward", back, dnnl::batch_normalization_backward(back),
                    {{DNNL_ARG_SRC, input},
                     {DNNL_ARG_MEAN, mean},
                     {DNNL_ARG_VARIANCE, variance},
                     {DNNL_ARG_SCALE, affine_.gamma ? affine_.gamma->value : dnnl::memory()},
                     {DNNL_ARG_SHIFT, shift},
                     {DNNL_ARG_WORKSPACE, workspace},
                     {DNNL_ARG_DIFF_DST, b.adapt(diff_dst.memory, data)},
                     {DNNL_ARG_DIFF_SRC, diff_src.memory},
                     {DNNL_ARG_DIFF_SCALE, affine_.gamma ? affine_.gamma->diff : dnnl::memory()},
                     {DNNL_ARG_DIFF_SHIFT, affine_.beta ? affine_.beta->diff : dnnl::memory()}});
              return diff_src;
            }};
  }

 private:
  static bool has(normalization_flags flags, normalization_flags flag) {
    return (static_cast<unsigned>(flags) & static_cast<unsigned>(flag)) != 0;
  }

  bool given_statistics(const Builder& builder) const {
    return builder.pass() == Pass::evaluate_population || (frozen_ && builder.pass() != Pass::evaluate_batch);
  }

  // Batch statistics are an output in training only; a program that evaluates with them wants to see them too.
  dnnl::prop_kind prop_kind(const Builder& builder) const {
    return builder.pass() == Pass::evaluate_population ? dnnl::prop_kind::forward_inference
                                                       : dnnl::prop_kind::forward_training;
  }

  normalization_flags flags_for(const Builder& builder) const {
    auto flags = normalization_flags::none;
    if (affine_.gamma) flags = flags | normalization_flags::use_scale | normalization_flags::use_shift;
    if (given_statistics(builder)) flags = flags | normalization_flags::use_global_stats;
    if (relu_follows_ && builder.may_fuse()) flags = flags | normalization_flags::fuse_norm_relu;
    return flags;
  }

  std::pair<dnnl::memory, dnnl::memory> statistics_for(Builder& builder) {
    const Desc desc = onednn::plain_desc({state_.channels});
    const auto wrap = [&](std::vector<float>& values) { return dnnl::memory(desc, builder.engine(), values.data()); };
    if (builder.pass() == Pass::evaluate_population)
      return {wrap(state_.population_mean), wrap(state_.population_variance)};
    if (given_statistics(builder)) return {wrap(state_.running_mean), wrap(state_.running_variance)};
    if (builder.pass() == Pass::train) return {wrap(state_.batch_mean), wrap(state_.batch_variance)};
    if (builder.pass() == Pass::evaluate_batch) return {wrap(state_.evaluated_mean), wrap(state_.evaluated_variance)};
    return {builder.allocate(desc), builder.allocate(desc)};
  }

  // oneDNN would have a small activation of a dense layer brought into another layout and back, which takes as long as
  // the normalization: 12 % of a step of 784-100-100-100-10 sigmoids at batches of 60.
  bool is_faster_by_itself(const Builder& builder, const Tensor& src, const Desc& data) const {
    if (src.shape.size() != 2 || builder.type() != onednn::DataType::f32) return false;
    if (given_statistics(builder) || relu_follows_) return false;
    const Dims image{src.shape[0], src.shape[1], 1, 1};
    return data != Desc(image, builder.type(), dnnl::memory::format_tag::nhwc);
  }

  // The layout with the best implementation; among equals the one nearest to the source, so with the fewest reorders.
  Desc choose_layout(Builder& builder, const Tensor& src, normalization_flags flags) const {
    using Tag = dnnl::memory::format_tag;
    Dims image = src.shape;
    image.resize(4, 1);
    const auto tagged = [&](Tag tag) { return Desc(image, builder.type(), tag); };
    std::vector<Desc> candidates;
    const Desc given = src.memory.get_desc();
    if (given != onednn::plain_desc(src.shape, builder.type()) && compat::dims_of(given) == image &&
        compat::type_of(given) == builder.type())
      candidates.push_back(given);
    if (src.shape.size() == 2) candidates.push_back(tagged(Tag::nhwc));
    candidates.insert(candidates.end(),
                      {tagged(Tag::nChw16c), tagged(Tag::nChw8c), tagged(Tag::nhwc), tagged(Tag::nchw)});
    Desc best = candidates.back();
    int best_rank = -1;
    for (const Desc& candidate : candidates) {
      // Padding channels have variance 0; without an epsilon their gradients would not be finite.
      if (epsilon_ == 0.0f && onednn::is_padded(candidate)) continue;
      int rank = rank_of(implementation(builder, candidate, flags));
      // Blocks of 8 come from convolutions that are faster with them, as is the normalization, even with AVX2 kernels.
      if (rank > 0 && candidate == given && given == tagged(Tag::nChw8c)) rank = best_implementation;
      if (rank <= best_rank) continue;
      best = candidate;
      best_rank = rank;
    }
    return best;
  }

  std::string implementation(Builder& builder, const Desc& data, normalization_flags flags) const {
    try {
      return compat::batch_normalization_forward(builder.engine(), prop_kind(builder), data, epsilon_, flags,
                                                 builder.attributes())
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
  NormalizationState& state = add_state(context, true);
  state.frozen = statistics == BatchStatistics::frozen;
  return std::make_unique<BatchNormalizationLayer>(context, statistics, state);
}

}  // namespace bnlab::normalization
