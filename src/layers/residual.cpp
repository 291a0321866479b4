#include "layers/residual.h"

#include <algorithm>

#include "layers/add.h"
#include "util/target_clones.h"

namespace bnlab::layers {
namespace {

BNLAB_TARGET_CLONES
void multiply(const float* __restrict src, float factor, std::size_t count, float* __restrict dst) {
  for (std::size_t i = 0; i < count; ++i) dst[i] = factor * src[i];
}

BNLAB_TARGET_CLONES
double dot(const float* __restrict a, const float* __restrict b, std::size_t count) {
  constexpr std::size_t lanes = 8;
  double sums[lanes] = {};
  const std::size_t whole = count / lanes * lanes;
  for (std::size_t i = 0; i < whole; i += lanes)
    for (std::size_t j = 0; j < lanes; ++j) sums[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
  double sum = 0;
  for (std::size_t i = whole; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  for (const double part : sums) sum += part;
  return sum;
}

const float* floats(const dnnl::memory& memory) { return static_cast<const float*>(memory.get_data_handle()); }
float* floats_to(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }
std::size_t count_of(const dnnl::memory& memory) { return memory.get_desc().get_size() / sizeof(float); }

/// dst = scalar * src, padding of the layout included.
class ScaleKernel : public onednn::Kernel {
 public:
  ScaleKernel(dnnl::memory src, dnnl::memory scalar, dnnl::memory dst)
      : src_(std::move(src)), scalar_(std::move(scalar)), dst_(std::move(dst)), count_(count_of(src_)) {}
  void run() override { multiply(floats(src_), *floats(scalar_), count_, floats_to(dst_)); }

 private:
  dnnl::memory src_, scalar_, dst_;
  std::size_t count_;
};

/// diff_scalar = <diff, value>.
class ScalarDiffKernel : public onednn::Kernel {
 public:
  ScalarDiffKernel(dnnl::memory diff, dnnl::memory value, dnnl::memory diff_scalar)
      : diff_(std::move(diff)),
        value_(std::move(value)),
        diff_scalar_(std::move(diff_scalar)),
        count_(count_of(diff_)) {}
  void run() override { *floats_to(diff_scalar_) = static_cast<float>(dot(floats(diff_), floats(value_), count_)); }

 private:
  dnnl::memory diff_, value_, diff_scalar_;
  std::size_t count_;
};

class ResidualLayer : public Layer {
 public:
  ResidualLayer(const LayerContext& context, Sequence body, Sequence shortcut, std::optional<double> scalar)
      : Layer(context.name, LayerKind::residual, "residual", context.src_shape, body.dst_shape()),
        body_(std::move(body)),
        shortcut_(std::move(shortcut)),
        parameters_(context.parameters) {
    if (!scalar) return;
    scalar_ = &parameters_.declare(
        {.name = name() + ".scalar", .kind = ParameterKind::scalar, .shape = {1}, .initial_value = *scalar});
  }

  std::vector<const Layer*> parts() const override {
    std::vector<const Layer*> parts = body_.all();
    const std::vector<const Layer*> others = shortcut_.all();
    parts.insert(parts.end(), others.begin(), others.end());
    return parts;
  }

  Forward build(Builder& builder, const Tensor& src) override {
    if (scalar_) parameters_.lay_out(*scalar_, onednn::row_major_desc({1}));
    const Forward body = body_.build(builder, src);
    const Forward shortcut = shortcut_.build(builder, src);
    builder.enter(name());
    const Tensor value = scalar_ ? builder.in_f32(body.dst) : body.dst;
    const Tensor branch = scalar_ ? scaled(builder, "scale", value) : value;
    builder.observe("branch", branch);
    const Tensor dst = add(builder, "forward", branch, shortcut.dst);
    if (!builder.has_backward() || !dst.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const Tensor diff_body = scalar_ ? backward_scalar(b, value, diff_dst) : diff_dst;
              const Tensor through_body = body.backward ? body.backward(b, diff_body) : Tensor{};
              const Tensor through_shortcut = shortcut.backward ? shortcut.backward(b, diff_dst) : Tensor{};
              b.enter(name());
              return add(b, "backward_data", through_body, through_shortcut);
            }};
  }

 private:
  Tensor scaled(Builder& builder, const char* operation, const Tensor& value) {
    const Tensor dst{builder.allocate(value.memory.get_desc()), value.shape, true};
    builder.add(operation, std::make_unique<ScaleKernel>(value.memory, scalar_->value, dst.memory),
                {value.memory, dst.memory});
    return dst;
  }

  // `value` is what the body gave, before the factor.
  Tensor backward_scalar(Builder& builder, const Tensor& value, const Tensor& diff_dst) {
    const Tensor diff{builder.reorder_to(diff_dst.memory, value.memory.get_desc()), value.shape, true};
    builder.add("backward_weights", std::make_unique<ScalarDiffKernel>(diff.memory, value.memory, scalar_->diff),
                {diff.memory, value.memory});
    return scaled(builder, "backward_scale", diff);
  }

  Sequence body_;
  Sequence shortcut_;
  Parameters& parameters_;
  Parameter* scalar_ = nullptr;
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
                                     std::optional<double> scalar) {
  return std::make_unique<ResidualLayer>(context, std::move(body), std::move(shortcut), scalar);
}

std::unique_ptr<Layer> make_padding_shortcut(const LayerContext& context, const Dims& dst_shape, std::int64_t stride) {
  return std::make_unique<PaddingShortcutLayer>(context, dst_shape, stride);
}

}  // namespace bnlab::layers
