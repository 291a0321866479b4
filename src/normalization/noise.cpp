#include "normalization/noise.h"

#include <omp.h>

#include <algorithm>

#include "normalization/batch.h"
#include "normalization/channel_layout.h"
#include "util/random.h"
#include "util/target_clones.h"

namespace bnlab::normalization {
namespace {

using layers::Builder;
using layers::Forward;
using layers::Tensor;

/// The mean and the scale that were drawn for one channel.
struct Unit {
  float mean;
  float std;
};

struct Jitter {
  float mean;
  float std;
};

/// dst = s src + m for a tile [pixel][lane]; the random numbers are [lane][pixel]. `scale` (s) may be null.
BNLAB_TARGET_CLONES
void apply(const float* __restrict src, const Unit* __restrict units, const Jitter& jitter, std::int64_t pixels,
           std::int64_t lanes, std::int64_t used_lanes, const float* __restrict uniform, const float* __restrict normal,
           float* __restrict scale, float* __restrict dst) {
  for (std::int64_t p = 0; p < pixels; ++p) {
    for (std::int64_t l = 0; l < used_lanes; ++l) {
      const std::int64_t i = p * lanes + l, number = l * pixels + p;
      const float s = units[l].std + jitter.std * normal[number];
      const float m = units[l].mean + jitter.mean * (2.0f * uniform[number] - 1.0f);
      if (scale) scale[i] = s;
      dst[i] = s * src[i] + m;
    }
    for (std::int64_t l = used_lanes; l < lanes; ++l) {
      if (scale) scale[p * lanes + l] = 0;
      dst[p * lanes + l] = 0;
    }
  }
}

BNLAB_TARGET_CLONES
void multiply(const float* __restrict a, const float* __restrict b, std::int64_t count, float* __restrict dst) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = a[i] * b[i];
}

class NoiseForward : public onednn::Kernel {
 public:
  NoiseForward(const std::string& layer, const config::NoiseConfig& config, const onednn::RunState& run,
               const ChannelLayout& layout, dnnl::memory src, dnnl::memory scale, dnnl::memory dst)
      : config_(config),
        run_(run),
        layout_(layout),
        unit_stream_(RandomStream::substream_of(layer + ".units")),
        mean_stream_(RandomStream::substream_of(layer + ".means")),
        std_stream_(RandomStream::substream_of(layer + ".stds")),
        src_(std::move(src)),
        scale_(std::move(scale)),
        dst_(std::move(dst)),
        units_(static_cast<std::size_t>(layout.channels)),
        draws_(2 * units_.size()),
        numbers_(static_cast<std::size_t>(omp_get_max_threads())) {
    for (Numbers& numbers : numbers_)
      for (auto* values : {&numbers.uniform, &numbers.normal})
        values->resize(static_cast<std::size_t>(layout.block_values()));
  }

  void run() override {
    draw_units();
    const BulkRandom means(run_.seed, RandomPurpose::noise, mean_stream_);
    const BulkRandom stds(run_.seed, RandomPurpose::noise, std_stream_);
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(numbers_.size()))
    for (std::int64_t block = 0; block < layout_.images * layout_.blocks; ++block)
      add_noise(block, means, stds, numbers_[static_cast<std::size_t>(omp_get_thread_num())]);
  }

 private:
  struct Numbers {
    std::vector<float> uniform;
    std::vector<float> normal;
  };

  /// Where the numbers of this step begin; a batch has fewer than 2^32 values.
  std::uint64_t origin() const { return static_cast<std::uint64_t>(run_.draw) << 32; }

  void draw_units() {
    BulkRandom(run_.seed, RandomPurpose::noise, unit_stream_).uniform(origin(), draws_);
    for (std::size_t c = 0; c < units_.size(); ++c) {
      units_[c].mean = static_cast<float>(config_.mean) * (2.0f * draws_[2 * c] - 1.0f);
      units_[c].std = 1.0f + static_cast<float>(config_.std - 1.0) * draws_[2 * c + 1];
    }
  }

  // The numbers are counted in the order N, C, H, W in any layout.
  void add_noise(std::int64_t block_of_batch, const BulkRandom& means, const BulkRandom& stds, Numbers& numbers) {
    const std::int64_t image = block_of_batch / layout_.blocks, block = block_of_batch % layout_.blocks;
    const std::int64_t channel = block * layout_.lanes;
    const std::int64_t used_lanes = std::min(layout_.lanes, layout_.channels - channel);
    const std::uint64_t first =
        origin() + static_cast<std::uint64_t>((image * layout_.channels + channel) * layout_.pixels);
    const auto count = static_cast<std::size_t>(used_lanes * layout_.pixels);
    means.uniform(first, std::span(numbers.uniform).first(count));
    stds.normal(first, std::span(numbers.normal).first(count));
    const std::int64_t offset = block_of_batch * layout_.block_values();
    const Jitter jitter{static_cast<float>(config_.mean_jitter), static_cast<float>(config_.std_jitter)};
    apply(floats(src_) + offset, &units_[static_cast<std::size_t>(channel)], jitter, layout_.pixels, layout_.lanes,
          used_lanes, numbers.uniform.data(), numbers.normal.data(), scale_ ? floats(scale_) + offset : nullptr,
          floats(dst_) + offset);
  }

  config::NoiseConfig config_;
  const onednn::RunState& run_;
  ChannelLayout layout_;
  std::uint32_t unit_stream_, mean_stream_, std_stream_;
  dnnl::memory src_, scale_, dst_;
  std::vector<Unit> units_;       // (C)
  std::vector<float> draws_;      // (C, 2)
  std::vector<Numbers> numbers_;  // of each thread
};

class NoiseBackward : public onednn::Kernel {
 public:
  NoiseBackward(const ChannelLayout& layout, dnnl::memory scale, dnnl::memory diff_dst, dnnl::memory diff_src)
      : layout_(layout), scale_(std::move(scale)), diff_dst_(std::move(diff_dst)), diff_src_(std::move(diff_src)) {}
  void run() override {
    const std::int64_t count = layout_.image_values();
#pragma omp parallel for schedule(static)
    for (std::int64_t image = 0; image < layout_.images; ++image)
      multiply(floats(scale_) + image * count, floats(diff_dst_) + image * count, count,
               floats(diff_src_) + image * count);
  }

 private:
  ChannelLayout layout_;
  dnnl::memory scale_, diff_dst_, diff_src_;
};

class NoiseLayer : public layers::Layer {
 public:
  /// `normalization` comes first, where there is one.
  NoiseLayer(const NormalizationContext& context, const char* type, std::unique_ptr<Layer> normalization)
      : Layer(context.layer.name, layers::LayerKind::normalization, type, context.layer.src_shape,
              context.layer.src_shape),
        config_(context.config.noise),
        normalization_(std::move(normalization)) {}

  Forward build(Builder& builder, const Tensor& src) override {
    if (!normalization_) return add_noise(builder, src);
    const Forward normalized = normalization_->build(builder, src);
    const Forward noisy = add_noise(builder, normalized.dst);
    if (!noisy.backward || !normalized.backward) return {noisy.dst, normalized.backward};
    return {noisy.dst,
            [=](Builder& b, const Tensor& diff_dst) { return normalized.backward(b, noisy.backward(b, diff_dst)); }};
  }

 private:
  Forward add_noise(Builder& builder, const Tensor& src) const {
    if (!builder.is_training() && !config_.in_evaluation) return layers::unchanged(builder, src);
    const onednn::Desc desc = kernel_desc(src);
    const ChannelLayout layout = *channel_layout(desc, src.shape);
    const dnnl::memory input = builder.reorder_to(src.memory, desc);
    const Tensor dst{builder.allocate(desc), src.shape, src.needs_diff};
    const bool trains = builder.has_backward() && src.needs_diff;
    const dnnl::memory scale = trains ? builder.allocate(desc) : dnnl::memory();
    std::vector<dnnl::memory> uses{input, dst.memory};
    if (trains) uses.push_back(scale);
    builder.add("noise",
                std::make_unique<NoiseForward>(name(), config_, builder.run_state(), layout, input, scale, dst.memory),
                uses);
    if (!trains) return {dst, {}};
    return {dst, [=](Builder& b, const Tensor& diff_dst) {
              const dnnl::memory diff = b.reorder_to(diff_dst.memory, desc);
              const Tensor diff_src{b.allocate(desc), src.shape, true};
              b.add("backward_noise", std::make_unique<NoiseBackward>(layout, scale, diff, diff_src.memory),
                    {scale, diff, diff_src.memory});
              return diff_src;
            }};
  }

  config::NoiseConfig config_;
  std::unique_ptr<Layer> normalization_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_noise(const NormalizationContext& context) {
  return std::make_unique<NoiseLayer>(context, "noise", nullptr);
}

std::unique_ptr<layers::Layer> make_noisy_batch(const NormalizationContext& context) {
  return std::make_unique<NoiseLayer>(context, "noisy_batch", make_batch(context, BatchStatistics::of_batch));
}

}  // namespace bnlab::normalization
