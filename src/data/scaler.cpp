#include "data/scaler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "util/target_clones.h"

namespace bnlab::data {
namespace {

using config::Scaling;

BNLAB_TARGET_CLONES
void scale_bytes(const std::uint8_t* __restrict src, std::int64_t count, float scale, float offset,
                 float* __restrict dst) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i]) * scale + offset;
}

BNLAB_TARGET_CLONES
void threshold_bytes(const std::uint8_t* __restrict src, std::int64_t count, float* __restrict dst) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i] >> 7);  // 1 from 128 on
}

/// Images of a batch lie far apart; asking for one early hides the way to memory behind the images before it. Must be
/// inlined: GCC drops calls of functions that only prefetch.
[[gnu::always_inline]] inline void prefetch(const std::uint8_t* src, std::int64_t count) {
  constexpr std::int64_t cache_line = 64;
  for (std::int64_t i = 0; i < count; i += cache_line) __builtin_prefetch(src + i);
}

struct Sums {
  std::uint64_t values = 0;
  std::uint64_t squares = 0;
};

BNLAB_TARGET_CLONES
void add_sums(const std::uint8_t* src, std::int64_t count, Sums& sums) {
  constexpr std::int64_t piece = 1 << 15;  // 32768 * 255^2 fits 32 bits
  for (std::int64_t first = 0; first < count; first += piece) {
    const std::int64_t end = std::min(count, first + piece);
    std::uint32_t values = 0;
    std::uint32_t squares = 0;
    for (std::int64_t i = first; i < end; ++i) {
      const std::uint32_t value = src[i];
      values += value;
      squares += value * value;
    }
    sums.values += values;
    sums.squares += squares;
  }
}

}  // namespace

Scaler::Scaler(const Dataset& dataset, Scaling scaling)
    : channels_(dataset.info.channels),
      plane_(dataset.info.height * dataset.info.width),
      targets_(dataset.info.has_targets ? dataset.info.classes : 0),
      has_floats_(!dataset.train.values.empty()),
      scaling_(scaling),
      scale_(static_cast<std::size_t>(channels_), scaling == Scaling::unit ? 1.0f / 255.0f : 1.0f),
      offset_(static_cast<std::size_t>(channels_), 0.0f) {
  if (has_floats_ && scaling == Scaling::binary) throw std::invalid_argument("Scaler: binary scaling of floats");
  if (scaling != Scaling::standardized) return;
  if (has_floats_)
    measure_floats(dataset.train.values);
  else
    measure_bytes(dataset.train.images);
}

void Scaler::measure_bytes(std::span<const std::uint8_t> images) {
  const std::int64_t count = static_cast<std::int64_t>(images.size()) / (channels_ * plane_);
  for (std::int64_t c = 0; c < channels_; ++c) {
    Sums sums;
    for (std::int64_t n = 0; n < count; ++n) add_sums(images.data() + (n * channels_ + c) * plane_, plane_, sums);
    const auto values = static_cast<double>(count * plane_);
    const double mean = static_cast<double>(sums.values) / values;
    // The sums are exact and below 2^53, so a constant channel gives exactly 0 here, and no other does.
    set_moments(c, mean, static_cast<double>(sums.squares) / values - mean * mean);
  }
}

void Scaler::measure_floats(std::span<const float> values) {
  const auto channels = static_cast<std::size_t>(channels_);
  const auto plane = static_cast<std::size_t>(plane_);
  const auto count = static_cast<double>(values.size() / channels);
  std::vector<double> mean(channels, 0.0);
  std::vector<double> variance(channels, 0.0);
  const auto for_each = [&](const auto& look) {
    for (std::size_t i = 0; i < values.size(); i += plane) {
      const std::size_t channel = i / plane % channels;
      for (std::size_t k = 0; k < plane; ++k) look(channel, static_cast<double>(values[i + k]));
    }
  };
  for_each([&](std::size_t c, double value) { mean[c] += value; });
  for (double& value : mean) value /= count;  // of equal floats that value exactly: their sum fits a double
  for_each([&](std::size_t c, double value) { variance[c] += (value - mean[c]) * (value - mean[c]); });
  for (std::size_t c = 0; c < channels; ++c) set_moments(static_cast<std::int64_t>(c), mean[c], variance[c] / count);
}

void Scaler::set_moments(std::int64_t channel, double mean, double variance) {
  const double scale = variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0;  // of bytes: the factor 255 cancels
  scale_[static_cast<std::size_t>(channel)] = static_cast<float>(scale);
  offset_[static_cast<std::size_t>(channel)] = static_cast<float>(-mean * scale);
}

void Scaler::gather(const Split& split, std::span<const std::uint32_t> indices, float* dst, std::int32_t* labels,
                    float* targets) const {
  constexpr std::size_t ahead = 4;
  const std::int64_t image = channels_ * plane_;
  for (const std::int64_t index : indices)
    if (index >= split.size())
      throw std::out_of_range(fmt::format("Scaler::gather: image {} of {}", index, split.size()));
  if (!split.targets.empty() && targets == nullptr) throw std::invalid_argument("Scaler::gather: no place for targets");
  for (std::size_t next = 0; next < indices.size() + ahead; ++next) {
    if (next < indices.size() && !split.images.empty()) {
      prefetch(split.images.data() + indices[next] * image, image);
      __builtin_prefetch(split.labels.data() + indices[next]);
    }
    if (next < ahead) continue;
    const std::size_t n = next - ahead;
    const std::int64_t index = indices[n];
    float* const to = dst + static_cast<std::int64_t>(n) * image;
    labels[n] = split.labels[static_cast<std::size_t>(index)];
    if (!split.targets.empty())
      std::copy_n(split.targets.data() + index * targets_, targets_, targets + static_cast<std::int64_t>(n) * targets_);
    if (!split.values.empty()) {
      scale(split.values.data() + index * image, to);
      continue;
    }
    scale(split.images.data() + index * image, to);
  }
}

Scaler::Range Scaler::range_of(std::int64_t channel) const {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  const auto c = static_cast<std::size_t>(channel);
  if (has_floats_) return {-infinite, infinite, scale_[c]};
  if (scaling_ == Scaling::binary) return {0.0f, 1.0f, 1.0f};
  const float span = 255.0f * scale_[c];
  return {offset_[c], span + offset_[c], span};
}

void Scaler::scale(const std::uint8_t* src, float* dst) const {
  if (scaling_ == Scaling::binary) return threshold_bytes(src, channels_ * plane_, dst);
  for (std::int64_t c = 0; c < channels_; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    scale_bytes(src + c * plane_, plane_, scale_[channel], offset_[channel], dst + c * plane_);
  }
}

void Scaler::scale(const float* src, float* dst) const {
  if (scaling_ != Scaling::standardized) {
    std::copy_n(src, channels_ * plane_, dst);
    return;
  }
  for (std::size_t c = 0; c < scale_.size(); ++c)
    for (std::int64_t i = 0; i < plane_; ++i) *dst++ = *src++ * scale_[c] + offset_[c];
}

}  // namespace bnlab::data
