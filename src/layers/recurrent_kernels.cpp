#include "layers/recurrent_kernels.h"

#include <algorithm>
#include <utility>

#include "util/random.h"
#include "util/target_clones.h"

namespace bnlab::layers {
namespace {

using onednn::Kernel;

float* floats(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }
std::size_t count_of(const dnnl::memory& memory) { return memory.get_desc().get_size() / sizeof(float); }

BNLAB_TARGET_CLONES
void scale_and_shift(const float* __restrict src, const float* __restrict gamma, const float* __restrict beta,
                     std::size_t rows, std::size_t units, float* __restrict dst) {
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t u = 0; u < units; ++u) dst[n * units + u] = gamma[u] * src[n * units + u] + beta[u];
}

BNLAB_TARGET_CLONES
void add_scaled(const float* __restrict src, const float* __restrict gamma, std::size_t rows, std::size_t units,
                float* __restrict dst) {
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t u = 0; u < units; ++u) dst[n * units + u] += gamma[u] * src[n * units + u];
}

// sum_gamma += sum_n diff * src, sum_beta += sum_n diff; diff *= gamma.
BNLAB_TARGET_CLONES
void scale_and_shift_backward(const float* __restrict src, const float* __restrict gamma, std::size_t rows,
                              std::size_t units, float* __restrict diff, double* __restrict sum_gamma,
                              double* __restrict sum_beta) {
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t u = 0; u < units; ++u) {
      const float d = diff[n * units + u];
      sum_gamma[u] += static_cast<double>(d) * static_cast<double>(src[n * units + u]);
      sum_beta[u] += static_cast<double>(d);
      diff[n * units + u] = gamma[u] * d;
    }
}

// sum_gamma += sum_n diff_dst * src; diff_src = gamma * diff_dst.
BNLAB_TARGET_CLONES
void scale_backward(const float* __restrict src, const float* __restrict gamma, const float* __restrict diff_dst,
                    std::size_t rows, std::size_t units, float* __restrict diff_src, double* __restrict sum_gamma) {
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t u = 0; u < units; ++u) {
      const float d = diff_dst[n * units + u];
      sum_gamma[u] += static_cast<double>(d) * static_cast<double>(src[n * units + u]);
      diff_src[n * units + u] = gamma[u] * d;
    }
}

class AffineKernel : public Kernel {
 public:
  AffineKernel(dnnl::memory src, const Parameter& gamma, const Parameter* beta, dnnl::memory dst)
      : src_(std::move(src)),
        dst_(std::move(dst)),
        gamma_(gamma.value),
        beta_(beta ? beta->value : dnnl::memory()),
        units_(static_cast<std::size_t>(gamma.shape[0])),
        rows_(count_of(src_) / units_) {}
  void run() override {
    if (beta_) return scale_and_shift(floats(src_), floats(gamma_), floats(beta_), rows_, units_, floats(dst_));
    add_scaled(floats(src_), floats(gamma_), rows_, units_, floats(dst_));
  }

 private:
  dnnl::memory src_, dst_, gamma_, beta_;
  std::size_t units_, rows_;
};

class AffineBackwardKernel : public Kernel {
 public:
  AffineBackwardKernel(dnnl::memory src, const Parameter& gamma, const Parameter* beta, dnnl::memory diff_dst,
                       dnnl::memory diff_src, std::shared_ptr<AffineSums> sums, StepPlace place)
      : src_(std::move(src)),
        diff_dst_(std::move(diff_dst)),
        diff_src_(std::move(diff_src)),
        gamma_(gamma.value),
        diff_gamma_(gamma.diff),
        diff_beta_(beta ? beta->diff : dnnl::memory()),
        units_(static_cast<std::size_t>(gamma.shape[0])),
        rows_(count_of(src_) / units_),
        sums_(std::move(sums)),
        place_(place) {}

  void run() override {
    if (place_.is_last) {
      std::fill(sums_->gamma.begin(), sums_->gamma.end(), 0.0);
      std::fill(sums_->beta.begin(), sums_->beta.end(), 0.0);
    }
    if (diff_beta_) {
      scale_and_shift_backward(floats(src_), floats(gamma_), rows_, units_, floats(diff_dst_), sums_->gamma.data(),
                               sums_->beta.data());
    } else {
      scale_backward(floats(src_), floats(gamma_), floats(diff_dst_), rows_, units_, floats(diff_src_),
                     sums_->gamma.data());
    }
    if (!place_.is_first) return;
    std::copy(sums_->gamma.begin(), sums_->gamma.end(), floats(diff_gamma_));
    if (diff_beta_) std::copy(sums_->beta.begin(), sums_->beta.end(), floats(diff_beta_));
  }

 private:
  dnnl::memory src_, diff_dst_, diff_src_, gamma_, diff_gamma_, diff_beta_;
  std::size_t units_, rows_;
  std::shared_ptr<AffineSums> sums_;
  StepPlace place_;
};

class PermutationKernel : public Kernel {
 public:
  PermutationKernel(std::span<const std::uint32_t> order, PermutationKind kind, dnnl::memory src, dnnl::memory dst)
      : order_(order), kind_(kind), src_(std::move(src)), dst_(std::move(dst)), block_(count_of(src_) / order.size()) {}
  void run() override {
    for (std::size_t t = 0; t < order_.size(); ++t) {
      const bool gathers = kind_ == PermutationKind::gather;
      const std::size_t from = gathers ? order_[t] : t, to = gathers ? t : order_[t];
      std::copy_n(floats(src_) + from * block_, block_, floats(dst_) + to * block_);
    }
  }

 private:
  std::span<const std::uint32_t> order_;
  PermutationKind kind_;
  dnnl::memory src_, dst_;
  std::size_t block_;
};

class InitialStateKernel : public Kernel {
 public:
  InitialStateKernel(const std::string& stream, float std, const onednn::RunState& run, dnnl::memory state)
      : substream_(RandomStream::substream_of(stream)), std_(std), run_(run), state_(std::move(state)) {}
  void run() override {
    const std::span<float> values(floats(state_), count_of(state_));
    if (std_ == 0) {
      std::ranges::fill(values, 0.0f);
      return;
    }
    // A batch has fewer than 2^32 values.
    BulkRandom(run_.seed, RandomPurpose::noise, substream_).normal(static_cast<std::uint64_t>(run_.draw) << 32, values);
    for (float& value : values) value *= std_;
  }

 private:
  std::uint32_t substream_;
  float std_;
  const onednn::RunState& run_;
  dnnl::memory state_;
};

}  // namespace

std::unique_ptr<Kernel> affine_kernel(const dnnl::memory& src, const Parameter& gamma, const Parameter* beta,
                                      const dnnl::memory& dst) {
  return std::make_unique<AffineKernel>(src, gamma, beta, dst);
}

std::unique_ptr<Kernel> affine_backward_kernel(const dnnl::memory& src, const Parameter& gamma, const Parameter* beta,
                                               const dnnl::memory& diff_dst, const dnnl::memory& diff_src,
                                               std::shared_ptr<AffineSums> sums, StepPlace place) {
  return std::make_unique<AffineBackwardKernel>(src, gamma, beta, diff_dst, diff_src, std::move(sums), place);
}

std::unique_ptr<Kernel> permutation_kernel(std::span<const std::uint32_t> order, PermutationKind kind,
                                           const dnnl::memory& src, const dnnl::memory& dst) {
  return std::make_unique<PermutationKernel>(order, kind, src, dst);
}

std::unique_ptr<Kernel> initial_state_kernel(const std::string& stream, float std, const onednn::RunState& run,
                                             const dnnl::memory& state) {
  return std::make_unique<InitialStateKernel>(stream, std, run, state);
}

}  // namespace bnlab::layers
