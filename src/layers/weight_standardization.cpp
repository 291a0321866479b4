#include "layers/weight_standardization.h"

#include <cmath>
#include <span>
#include <utility>

namespace bnlab::layers {
namespace {

struct ChannelMoments {
  double mean = 0;
  double inverse_deviation = 0;
};

ChannelMoments moments_of(std::span<const float> weights) {
  const auto count = static_cast<double>(weights.size());
  double sum = 0;
  for (const float w : weights) sum += static_cast<double>(w);
  const double mean = sum / count;
  double squares = 0;
  for (const float w : weights) squares += (static_cast<double>(w) - mean) * (static_cast<double>(w) - mean);
  return {mean, 1.0 / std::sqrt(squares / count + weight_standardization_epsilon)};
}

/// The row-major weights of a convolution, by output channel.
class Channels {
 public:
  explicit Channels(const Parameter& weights)
      : channels_(weights.shape[0]), size_(static_cast<std::size_t>(weights.count() / channels_)) {}

  std::int64_t count() const { return channels_; }
  std::span<float> of(const dnnl::memory& memory, std::int64_t channel) const {
    return {static_cast<float*>(memory.get_data_handle()) + static_cast<std::size_t>(channel) * size_, size_};
  }

 private:
  std::int64_t channels_;
  std::size_t size_;
};

class Standardize : public onednn::Kernel {
 public:
  Standardize(const Channels& channels, dnnl::memory weights, StandardizedWeights standardized)
      : channels_(channels), weights_(std::move(weights)), standardized_(std::move(standardized)) {}

  void run() override {
#pragma omp parallel for schedule(static)
    for (std::int64_t o = 0; o < channels_.count(); ++o) {
      const std::span<const float> w = channels_.of(weights_, o);
      const std::span<float> w_hat = channels_.of(standardized_.memory, o);
      const ChannelMoments moments = moments_of(w);
      for (std::size_t i = 0; i < w.size(); ++i)
        w_hat[i] = static_cast<float>((static_cast<double>(w[i]) - moments.mean) * moments.inverse_deviation);
      (*standardized_.inverse_deviation)[static_cast<std::size_t>(o)] = static_cast<float>(moments.inverse_deviation);
    }
  }

 private:
  Channels channels_;
  dnnl::memory weights_;
  StandardizedWeights standardized_;
};

class StandardizeBackward : public onednn::Kernel {
 public:
  StandardizeBackward(const Channels& channels, StandardizedWeights standardized, dnnl::memory diff_standardized,
                      dnnl::memory diff_weights)
      : channels_(channels),
        standardized_(std::move(standardized)),
        diff_standardized_(std::move(diff_standardized)),
        diff_weights_(std::move(diff_weights)) {}

  void run() override {
#pragma omp parallel for schedule(static)
    for (std::int64_t o = 0; o < channels_.count(); ++o) {
      const std::span<const float> w_hat = channels_.of(standardized_.memory, o);
      const std::span<const float> diff_hat = channels_.of(diff_standardized_, o);
      const std::span<float> diff = channels_.of(diff_weights_, o);
      const auto count = static_cast<double>(diff.size());
      double sum = 0, along = 0;
      for (std::size_t i = 0; i < diff.size(); ++i) {
        sum += static_cast<double>(diff_hat[i]);
        along += static_cast<double>(diff_hat[i]) * static_cast<double>(w_hat[i]);
      }
      const auto factor = static_cast<double>((*standardized_.inverse_deviation)[static_cast<std::size_t>(o)]);
      for (std::size_t i = 0; i < diff.size(); ++i)
        diff[i] = static_cast<float>(
            factor * (static_cast<double>(diff_hat[i]) - sum / count - static_cast<double>(w_hat[i]) * along / count));
    }
  }

 private:
  Channels channels_;
  StandardizedWeights standardized_;
  dnnl::memory diff_standardized_;
  dnnl::memory diff_weights_;
};

/// That of the parameter's dimensions, which are five where a convolution has groups.
onednn::Desc row_major_of(const Parameter& weights) {
  return onednn::row_major_desc(onednn::compat::dims_of(weights.value.get_desc()));
}

}  // namespace

StandardizedWeights standardize_weights(onednn::Builder& builder, const Parameter& weights) {
  const dnnl::memory values = builder.reorder_to(weights.value, row_major_of(weights));
  StandardizedWeights standardized{builder.allocate(row_major_of(weights)),
                                   std::make_shared<std::vector<float>>(static_cast<std::size_t>(weights.shape[0]))};
  builder.add("standardize_weights", std::make_unique<Standardize>(Channels(weights), values, standardized),
              {values, standardized.memory});
  return standardized;
}

void backward_standardization(onednn::Builder& builder, const Parameter& weights,
                              const StandardizedWeights& standardized, const dnnl::memory& diff_standardized) {
  const dnnl::memory diff_hat = builder.reorder_to(diff_standardized, row_major_of(weights));
  const bool is_row_major = weights.diff.get_desc() == row_major_of(weights);
  const dnnl::memory diff = is_row_major ? weights.diff : builder.allocate(row_major_of(weights));
  builder.add("backward_standardization",
              std::make_unique<StandardizeBackward>(Channels(weights), standardized, diff_hat, diff),
              {standardized.memory, diff_hat, diff});
  if (!is_row_major) builder.copy(diff, weights.diff);
}

std::vector<double> standardized(const std::vector<float>& weights, std::int64_t channels) {
  const std::size_t size = weights.size() / static_cast<std::size_t>(channels);
  std::vector<double> result(weights.size());
  for (std::size_t first = 0; first < weights.size(); first += size) {
    const ChannelMoments moments = moments_of(std::span(weights).subspan(first, size));
    for (std::size_t i = first; i < first + size; ++i)
      result[i] = (static_cast<double>(weights[i]) - moments.mean) * moments.inverse_deviation;
  }
  return result;
}

}  // namespace bnlab::layers
