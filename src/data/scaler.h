#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"

namespace bnlab::data {

/// Turns bytes into floats: value * scale[c] + offset[c], or value >= 128 for `binary`.
///   unit: v / 255; raw: v; binary: 0 or 1; standardized: (v / 255 - mean_c) / std_c with mean and (biased) standard
///   deviation of each channel over the training split; a constant channel becomes 0.
/// Inputs that are floats stay as they are with unit and raw; standardized: (v - mean_c) / std_c.
class Scaler {
 public:
  /// Throws std::invalid_argument for `binary` on floats.
  Scaler(const Dataset& dataset, config::Scaling scaling);
  /// Writes examples `indices` of `split` to `dst`, (N, C, H, W) in f32, their labels, (N), and where the split has
  /// targets these too, (N, K); `targets` must then not be null. Allocates nothing.
  void gather(const Split& split, std::span<const std::uint32_t> indices, float* dst, std::int32_t* labels,
              float* targets = nullptr) const;
  /// One image, (C, H, W).
  void scale(const std::uint8_t* src, float* dst) const;
  void scale(const float* src, float* dst) const;

  /// The inputs of a network that images of bytes can become in one channel, from black to white; of floats, any input,
  /// and `span` is that of 1.
  struct Range {
    float low;
    float high;
    float span;
  };
  Range range_of(std::int64_t channel) const;

 private:
  void measure_bytes(std::span<const std::uint8_t> images);
  void measure_floats(std::span<const float> values);
  void set_moments(std::int64_t channel, double mean, double variance);

  std::int64_t channels_;
  std::int64_t plane_;    // height * width
  std::int64_t targets_;  // of an example
  bool has_floats_;
  config::Scaling scaling_;
  std::vector<float> scale_;   // (C)
  std::vector<float> offset_;  // (C)
};

}  // namespace bnlab::data
