#include "normalization/moments.h"

#include <utility>

namespace bnlab::normalization {

using layers::Builder;
using layers::Forward;
using layers::Tensor;
using onednn::Desc;
using onednn::Mode;

namespace {

struct AffineMemory {
  dnnl::memory gamma, beta, diff_gamma, diff_beta;

  explicit AffineMemory(const Affine& affine) {
    if (!affine.gamma) return;
    gamma = affine.gamma->value;
    beta = affine.beta->value;
    diff_gamma = affine.gamma->diff;
    diff_beta = affine.beta->diff;
  }
};

class MomentsForward : public onednn::Kernel {
 public:
  MomentsForward(std::shared_ptr<Moments> moments, AffineMemory affine, dnnl::memory src, dnnl::memory dst)
      : moments_(std::move(moments)), affine_(std::move(affine)), src_(std::move(src)), dst_(std::move(dst)) {}
  void run() override {
    moments_->forward(Values::of(src_), floats(affine_.gamma), floats(affine_.beta), Values::of(dst_));
  }

 private:
  std::shared_ptr<Moments> moments_;
  AffineMemory affine_;
  dnnl::memory src_, dst_;
};

class StatisticsKernel : public onednn::Kernel {
 public:
  StatisticsKernel(std::shared_ptr<Moments> moments, AffineMemory affine, dnnl::memory src)
      : moments_(std::move(moments)), affine_(std::move(affine)), src_(std::move(src)) {}
  void run() override { moments_->forward_statistics(Values::of(src_), floats(affine_.gamma), floats(affine_.beta)); }

 private:
  std::shared_ptr<Moments> moments_;
  AffineMemory affine_;
  dnnl::memory src_;
};

class MomentsBackward : public onednn::Kernel {
 public:
  /// dst and passed: empty without a merged ReLU.
  MomentsBackward(std::shared_ptr<Moments> moments, AffineMemory affine, dnnl::memory src, dnnl::memory dst,
                  dnnl::memory passed, dnnl::memory diff_dst, dnnl::memory diff_src)
      : moments_(std::move(moments)),
        affine_(std::move(affine)),
        src_(std::move(src)),
        dst_(std::move(dst)),
        passed_(std::move(passed)),
        diff_dst_(std::move(diff_dst)),
        diff_src_(std::move(diff_src)) {}
  void run() override {
    auto* const passed = passed_ ? static_cast<std::uint8_t*>(passed_.get_data_handle()) : nullptr;
    moments_->backward(Values::of(src_), Values::of(dst_), Values::of(diff_dst_), passed, floats(affine_.gamma),
                       floats(affine_.beta), floats(affine_.diff_gamma), floats(affine_.diff_beta),
                       Values::of(diff_src_));
  }

 private:
  std::shared_ptr<Moments> moments_;
  AffineMemory affine_;
  dnnl::memory src_, dst_, passed_, diff_dst_, diff_src_;
};

}  // namespace

MomentOutputs outputs_for(Mode mode, NormalizationState& state) {
  const auto or_null = [](std::vector<float>& values) { return values.empty() ? nullptr : &values; };
  if (mode == Mode::train) return {&state.batch_mean, &state.batch_variance, or_null(state.batch_unbiased_variance)};
  if (mode == Mode::evaluate_batch)
    return {&state.evaluated_mean, &state.evaluated_variance, or_null(state.evaluated_unbiased_variance)};
  return {};
}

std::shared_ptr<Moments> make_moments(const ChannelLayout& layout, MomentOptions options) {
  return std::make_shared<Moments>(layout, std::move(options));
}

PrimitiveStatistics add_statistics(Builder& builder, const std::shared_ptr<Moments>& moments, const Affine& affine,
                                   const dnnl::memory& src) {
  builder.add("statistics", std::make_unique<StatisticsKernel>(moments, AffineMemory(affine), src), {src});
  const Desc desc = onednn::row_major_desc({moments->sets().layout().channels});
  const auto [mean, variance, scale, shift] = moments->primitive_statistics();
  const auto wrap = [&](float* values) { return dnnl::memory(desc, builder.engine(), values); };
  return {wrap(mean), wrap(variance), wrap(scale), wrap(shift)};
}

void add_backward(Builder& builder, const std::shared_ptr<Moments>& moments, const Affine& affine,
                  const dnnl::memory& src, const dnnl::memory& dst, const dnnl::memory& diff_dst,
                  const dnnl::memory& diff_src) {
  dnnl::memory passed;
  if (dst) passed = builder.allocate(onednn::row_major_desc({moments->passed_size()}, onednn::DataType::u8));
  std::vector<dnnl::memory> uses;
  for (const dnnl::memory& memory : {src, dst, passed, diff_dst, diff_src})
    if (memory) uses.push_back(memory);
  builder.add("backward",
              std::make_unique<MomentsBackward>(moments, AffineMemory(affine), src, dst, passed, diff_dst, diff_src),
              uses);
}

Forward build_moments(Builder& builder, const Tensor& src, const Affine& affine, MomentOptions options) {
  const Desc desc = kernel_desc(src);
  const auto moments = make_moments(*channel_layout(desc, src.shape), std::move(options));
  const dnnl::memory input = builder.reorder_to(src.memory, desc);
  const Tensor dst{builder.allocate(desc), src.shape, src.needs_diff || affine.gamma};
  builder.add("forward", std::make_unique<MomentsForward>(moments, AffineMemory(affine), input, dst.memory),
              {input, dst.memory});
  if (!builder.has_backward() || !dst.needs_diff) return {dst, {}};
  return {dst, [=](Builder& b, const Tensor& diff_dst) {
            const dnnl::memory diff = b.reorder_to(diff_dst.memory, desc);
            Tensor diff_src;
            if (src.needs_diff) diff_src = {b.allocate(desc), src.shape, true};
            add_backward(b, moments, affine, input, {}, diff, diff_src.memory);
            return diff_src;
          }};
}

}  // namespace bnlab::normalization
