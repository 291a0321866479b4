#include "layers/residual_factor.h"

#include <memory>
#include <utility>

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

/// The values that share one factor lie together in runs, [N][factors][run]. With one factor, all values are one run,
/// padding of the layout included.
struct Runs {
  std::size_t images = 1;
  std::size_t factors = 1;
  std::size_t length = 0;
};

Runs runs_of(const dnnl::memory& src, const Dims& shape, const Parameter& factor) {
  const std::size_t count = src.get_desc().get_size() / sizeof(float);
  const auto factors = static_cast<std::size_t>(factor.count());
  if (factors == 1) return {1, 1, count};
  const auto images = static_cast<std::size_t>(shape[0]);
  return {images, factors, count / images / factors};
}

class ScaleKernel : public onednn::Kernel {
 public:
  ScaleKernel(const Runs& runs, dnnl::memory src, dnnl::memory factor, dnnl::memory dst)
      : runs_(runs), src_(std::move(src)), factor_(std::move(factor)), dst_(std::move(dst)) {}
  void run() override {
    for (std::size_t i = 0; i < runs_.images * runs_.factors; ++i)
      multiply(floats(src_) + i * runs_.length, floats(factor_)[i % runs_.factors], runs_.length,
               floats_to(dst_) + i * runs_.length);
  }

 private:
  Runs runs_;
  dnnl::memory src_, factor_, dst_;
};

class FactorDiffKernel : public onednn::Kernel {
 public:
  FactorDiffKernel(const Runs& runs, dnnl::memory src, dnnl::memory diff_dst, dnnl::memory diff_factor)
      : runs_(runs), src_(std::move(src)), diff_dst_(std::move(diff_dst)), diff_factor_(std::move(diff_factor)) {}
  void run() override {
    for (std::size_t f = 0; f < runs_.factors; ++f) {
      double sum = 0;
      for (std::size_t n = 0; n < runs_.images; ++n) {
        const std::size_t first = (n * runs_.factors + f) * runs_.length;
        sum += dot(floats(diff_dst_) + first, floats(src_) + first, runs_.length);
      }
      floats_to(diff_factor_)[f] = static_cast<float>(sum);
    }
  }

 private:
  Runs runs_;
  dnnl::memory src_, diff_dst_, diff_factor_;
};

}  // namespace

std::optional<ResidualFactor> factor_of(const config::NetworkConfig& network, const config::Residual& block) {
  const bool has_own = block.scalar || block.layer_scale;
  const std::optional<double>& of_channels = has_own ? block.layer_scale : network.layer_scale;
  const std::optional<double>& scalar = has_own ? block.scalar : network.residual_scalar;
  if (of_channels) return ResidualFactor{*of_channels, true};
  if (scalar) return ResidualFactor{*scalar, false};
  return std::nullopt;
}

dnnl::memory scale(Builder& builder, const char* operation, const dnnl::memory& src, const Dims& shape,
                   const Parameter& factor) {
  const dnnl::memory dst = builder.allocate(src.get_desc());
  builder.add(operation, std::make_unique<ScaleKernel>(runs_of(src, shape, factor), src, factor.value, dst),
              {src, dst});
  return dst;
}

void scale_backward_weights(Builder& builder, const dnnl::memory& src, const dnnl::memory& diff_dst, const Dims& shape,
                            const Parameter& factor) {
  builder.add("backward_weights",
              std::make_unique<FactorDiffKernel>(runs_of(src, shape, factor), src, diff_dst, factor.diff),
              {diff_dst, src});
}

}  // namespace bnlab::layers
