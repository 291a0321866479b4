#include "layers/residual.h"

#include <algorithm>

#include "layers/add.h"

namespace bnlab::layers {
namespace {

const float* floats(const dnnl::memory& memory) { return static_cast<const float*>(memory.get_data_handle()); }
float* floats_to(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }
std::size_t count_of(const dnnl::memory& memory) { return memory.get_desc().get_size() / sizeof(float); }

class ResidualLayer : public Layer {
 public:
  ResidualLayer(const LayerContext& context, Sequence body, Sequence shortcut, std::optional<ResidualFactor> factor)
      : Layer(context.name, LayerKind::residual, "residual", context.src_shape, body.dst_shape()),
        body_(std::move(body)),
        shortcut_(std::move(shortcut)),
        parameters_(context.parameters) {
    if (!factor) return;
    factor_ = &parameters_.declare({.name = name() + (factor->of_each_channel ? ".layer_scale" : ".scalar"),
                                    .kind = ParameterKind::scalar,
                                    .shape = {factor->of_each_channel ? dst_shape()[1] : 1},
                                    .initial_value = factor->initial});
    of_each_channel_ = factor->of_each_channel;
  }

  std::vector<const Layer*> parts() const override {
    std::vector<const Layer*> parts = body_.all();
    const std::vector<const Layer*> others = shortcut_.all();
    parts.insert(parts.end(), others.begin(), others.end());
    return parts;
  }

  Forward build(Builder& builder, const Tensor& src) override {
    if (factor_) parameters_.lay_out(*factor_, onednn::row_major_desc(factor_->shape));
    const Forward body = body_.build(builder, src);
    const Forward shortcut = shortcut_.build(builder, src);
    builder.enter(name());
    const Tensor value = input_of_factor(builder, body.dst);
    const Tensor branch = factor_ ? scaled(builder, "scale", value) : value;
    builder.observe("branch", branch);
    const Tensor dst = add(builder, "forward", branch, shortcut.dst);
    if (!builder.has_backward() || !dst.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const Tensor diff_body = factor_ ? backward_factor(b, value, diff_dst) : diff_dst;
              const Tensor through_body = body.backward ? body.backward(b, diff_body) : Tensor{};
              const Tensor through_shortcut = shortcut.backward ? shortcut.backward(b, diff_dst) : Tensor{};
              b.enter(name());
              return add(b, "backward_data", through_body, through_shortcut);
            }};
  }

 private:
  Tensor input_of_factor(Builder& builder, const Tensor& body) const {
    if (!factor_) return body;
    return of_each_channel_ ? Tensor{builder.row_major(body), body.shape, body.needs_diff} : builder.in_f32(body);
  }

  Tensor scaled(Builder& builder, const char* operation, const Tensor& value) const {
    return {scale(builder, operation, value.memory, value.shape, *factor_), value.shape, true};
  }

  // `value` is what the body gave, before the factor.
  Tensor backward_factor(Builder& builder, const Tensor& value, const Tensor& diff_dst) const {
    const Tensor diff{builder.reorder_to(diff_dst.memory, value.memory.get_desc()), value.shape, true};
    scale_backward_weights(builder, value.memory, diff.memory, value.shape, *factor_);
    return scaled(builder, "backward_scale", diff);
  }

  Sequence body_;
  Sequence shortcut_;
  Parameters& parameters_;
  Parameter* factor_ = nullptr;
  bool of_each_channel_ = false;
};

/// Between an image (N, C, H, W) and its reduced form (N, C', H', W'), both row-major.
struct Reduction {
  Dims image;
  Dims reduced;
  std::int64_t stride;

  template <class Move>
  void for_each_row(Move move) const {
    for (std::int64_t n = 0; n < reduced[0]; ++n)
      for (std::int64_t c = 0; c < image[1]; ++c)
        for (std::int64_t y = 0; y < reduced[2]; ++y)
          move(((n * image[1] + c) * image[2] + y * stride) * image[3],
               ((n * reduced[1] + c) * reduced[2] + y) * reduced[3]);
  }
};

class ReduceKernel : public onednn::Kernel {
 public:
  ReduceKernel(Reduction reduction, dnnl::memory src, dnnl::memory dst)
      : reduction_(std::move(reduction)), src_(std::move(src)), dst_(std::move(dst)), count_(count_of(dst_)) {}
  void run() override {
    const float* src = floats(src_);
    float* dst = floats_to(dst_);
    std::fill_n(dst, count_, 0.0f);
    reduction_.for_each_row([&](std::int64_t from, std::int64_t to) {
      for (std::int64_t x = 0; x < reduction_.reduced[3]; ++x) dst[to + x] = src[from + x * reduction_.stride];
    });
  }

 private:
  Reduction reduction_;
  dnnl::memory src_, dst_;
  std::size_t count_;
};

class ReduceBackwardKernel : public onednn::Kernel {
 public:
  ReduceBackwardKernel(Reduction reduction, dnnl::memory diff_dst, dnnl::memory diff_src)
      : reduction_(std::move(reduction)),
        diff_dst_(std::move(diff_dst)),
        diff_src_(std::move(diff_src)),
        count_(count_of(diff_src_)) {}
  void run() override {
    const float* diff_dst = floats(diff_dst_);
    float* diff_src = floats_to(diff_src_);
    std::fill_n(diff_src, count_, 0.0f);
    reduction_.for_each_row([&](std::int64_t image, std::int64_t reduced) {
      for (std::int64_t x = 0; x < reduction_.reduced[3]; ++x)
        diff_src[image + x * reduction_.stride] = diff_dst[reduced + x];
    });
  }

 private:
  Reduction reduction_;
  dnnl::memory diff_dst_, diff_src_;
  std::size_t count_;
};

class PaddingShortcutLayer : public Layer {
 public:
  PaddingShortcutLayer(const LayerContext& context, const Dims& dst_shape, std::int64_t stride)
      : Layer(context.name, LayerKind::padding_shortcut, "padding_shortcut", context.src_shape, dst_shape),
        stride_(stride) {}

  Forward build(Builder& builder, const Tensor& src) override {
    const Reduction reduction{src.shape, batched_dst_shape(src), stride_};
    const dnnl::memory input = builder.row_major(src);
    const Tensor dst{builder.allocate(onednn::row_major_desc(reduction.reduced)), reduction.reduced, src.needs_diff};
    builder.add("forward", std::make_unique<ReduceKernel>(reduction, input, dst.memory), {input, dst.memory});
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [=](Builder& b, const Tensor& diff_dst) {
              const dnnl::memory diff = b.row_major(diff_dst);
              const Tensor diff_src{b.allocate(onednn::row_major_desc(reduction.image)), reduction.image, true};
              b.add("backward_data", std::make_unique<ReduceBackwardKernel>(reduction, diff, diff_src.memory),
                    {diff, diff_src.memory});
              return diff_src;
            }};
  }

 private:
  std::int64_t stride_;
};

}  // namespace

std::unique_ptr<Layer> make_residual(const LayerContext& context, Sequence body, Sequence shortcut,
                                     std::optional<ResidualFactor> factor) {
  return std::make_unique<ResidualLayer>(context, std::move(body), std::move(shortcut), factor);
}

std::unique_ptr<Layer> make_padding_shortcut(const LayerContext& context, const Dims& dst_shape, std::int64_t stride) {
  return std::make_unique<PaddingShortcutLayer>(context, dst_shape, stride);
}

}  // namespace bnlab::layers
