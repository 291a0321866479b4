#include "layers/dropout.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <span>

#include "layers/multiply.h"
#include "util/random.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;

/// The draws of one layer: value i of a batch, in C order, stays in a step where word i of the step is large enough.
class Masks {
 public:
  Masks(const std::string& layer, double rate)
      : substream_(RandomStream::substream_of(layer)), dropped_(static_cast<std::uint32_t>(rate * 0x1p32)) {}

  /// `one` where a value stays, else 0. Any number of threads writes the same.
  template <class T>
  void draw(std::uint64_t seed, std::int64_t step, T one, std::span<T> mask) const {
    constexpr std::size_t piece = 1024;
    const BulkRandom random(seed, RandomPurpose::dropout, substream_);
    const auto pieces = static_cast<std::ptrdiff_t>((mask.size() + piece - 1) / piece);
#pragma omp parallel for schedule(static) if (pieces > 16)
    for (std::ptrdiff_t p = 0; p < pieces; ++p) {
      const std::size_t first = static_cast<std::size_t>(p) * piece;
      const std::size_t count = std::min(piece, mask.size() - first);
      std::array<std::uint32_t, piece> words;
      // Each step has 2^34 words to itself.
      random.words((static_cast<std::uint64_t>(step) << 34) + first, std::span(words).first(count));
      for (std::size_t i = 0; i < count; ++i) mask[first + i] = words[i] < dropped_ ? T{0} : one;
    }
  }

 private:
  std::uint32_t substream_;
  std::uint32_t dropped_;  // words below it drop their value
};

/// mask = 0 or 1 / (1 - rate), row-major.
class MaskKernel : public onednn::Kernel {
 public:
  MaskKernel(const Masks& masks, float scale, const onednn::RunState& state, dnnl::memory mask)
      : masks_(masks),
        scale_(scale),
        state_(state),
        mask_(std::move(mask)),
        count_(mask_.get_desc().get_size() / sizeof(float)) {}

  void run() override {
    masks_.draw(state_.seed, state_.draw, scale_, std::span(static_cast<float*>(mask_.get_data_handle()), count_));
  }

 private:
  const Masks& masks_;
  float scale_;
  const onednn::RunState& state_;
  dnnl::memory mask_;
  std::size_t count_;
};

class DropoutLayer : public Layer {
 public:
  DropoutLayer(const LayerContext& context, double rate)
      : Layer(context.name, LayerKind::dropout, "dropout", context.src_shape, context.src_shape),
        masks_(context.name, rate),
        scale_(static_cast<float>(1.0 / (1.0 - rate))) {}

  Forward build(Builder& builder, const Tensor& src) override {
    if (!builder.is_training()) return unchanged(builder, src);
    const dnnl::memory plain_mask = builder.allocate(onednn::row_major_desc(src.shape));
    builder.add("mask", std::make_unique<MaskKernel>(masks_, scale_, builder.run_state(), plain_mask), {plain_mask});
    const bool is_f32 = compat::type_of(src.memory.get_desc()) == dnnl::memory::data_type::f32;
    const dnnl::memory input = is_f32 ? src.memory : builder.row_major(src);
    const onednn::Desc desc = input.get_desc();
    const dnnl::memory mask = builder.reorder_to(plain_mask, desc);
    const Tensor dst{masked(builder, "forward", input, mask), src.shape, src.needs_diff};
    if (!src.needs_diff) return {dst, {}};
    return {dst, [=](Builder& b, const Tensor& diff_dst) {
              return Tensor{masked(b, "backward_data", b.reorder_to(diff_dst.memory, desc), mask), src.shape, true};
            }};
  }

  NpyArray masks(std::uint64_t seed, std::int64_t steps, std::int64_t batch_size) const {
    Dims shape = dst_shape();
    shape[0] = batch_size;
    const auto count =
        static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
    std::vector<std::int32_t> values(static_cast<std::size_t>(steps) * count);
    for (std::int64_t step = 1; step <= steps; ++step)
      masks_.draw(seed, step, 1, std::span(values).subspan(static_cast<std::size_t>(step - 1) * count, count));
    shape.insert(shape.begin(), steps);
    return {shape, std::move(values)};
  }

 private:
  static dnnl::memory masked(Builder& builder, const char* operation, const dnnl::memory& value,
                             const dnnl::memory& mask) {
    const dnnl::memory product = builder.allocate(value.get_desc());
    multiply(builder, operation, value, mask, product);
    return product;
  }

  Masks masks_;
  float scale_;
};

}  // namespace

std::unique_ptr<Layer> make_dropout(const LayerContext& context, double rate) {
  return std::make_unique<DropoutLayer>(context, rate);
}

NpzArrays dropout_masks(const std::vector<const Layer*>& layers, std::uint64_t seed, std::int64_t steps,
                        std::int64_t batch_size) {
  NpzArrays arrays;
  for (const Layer* layer : layers)
    if (const auto* dropout = dynamic_cast<const DropoutLayer*>(layer))
      arrays[layer->name()] = dropout->masks(seed, steps, batch_size);
  return arrays;
}

}  // namespace bnlab::layers
