#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011) from Random123. A stream is a pure function of
// (seed, purpose, substream), so a new consumer can't shift the draws of another.

#include <cstdint>
#include <span>
#include <string_view>

namespace bnlab {

/// What the numbers are for; each purpose has draws of its own.
enum class RandomPurpose : std::uint32_t {
  weights = 1,
  batch_order = 2,
  dropout = 3,
  noise = 4,
  probe = 5,
  precise_statistics = 6,
  augmentation = 7,
  batch_classes = 8,  // the classes of each batch, where a batch has few
  class_order = 9,    // the order in which the images of a class are visited
  synthetic_data = 10,
  data_shift = 11,
  trainable = 12,
  permutation = 13  // the order of the steps of a recurrent layer
};

class RandomStream {
 public:
  /// `substream` separates draws of one purpose: an epoch, or `substream_of(name)` for a parameter.
  RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint32_t substream);

  std::uint32_t next_u32();
  /// Uniform in [0, 1), 53 random bits.
  double uniform();
  /// Standard normal (Box-Muller, both values used).
  double normal();
  /// Uniform in [0, bound), without bias. Requires bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// Fisher-Yates.
  void shuffle(std::span<std::uint32_t> values);

  /// FNV-1a of a name, as a substream.
  static std::uint32_t substream_of(std::string_view name);

 private:
  std::uint64_t seed_;
  std::uint32_t purpose_;
  std::uint32_t substream_;
  std::uint64_t block_ = 0;       // next Philox counter
  std::uint32_t buffer_[4] = {};  // the current Philox output
  int used_ = 4;                  // how many of buffer_ are used
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

/// Many numbers at once, from any place of the stream that RandomStream walks through word by word: number i comes from
/// word i, so it doesn't depend on which others are drawn with it.
class BulkRandom {
 public:
  BulkRandom(std::uint64_t seed, RandomPurpose purpose, std::uint32_t substream);

  /// Words first, first + 1, ...; the stream has 2^66, of which `first` reaches the first quarter.
  void words(std::uint64_t first, std::span<std::uint32_t> dst) const;
  /// Uniform in [0, 1): the upper 24 bits of each word.
  void uniform(std::uint64_t first, std::span<float> dst) const;
  /// Standard normal (Box-Muller): numbers 2k and 2k + 1 come from words 2k (radius) and 2k + 1 (angle), 24 bits of
  /// each, so none is beyond 5.77. Within 1e-6 of exact arithmetic.
  void normal(std::uint64_t first, std::span<float> dst) const;

 private:
  std::uint64_t seed_;
  std::uint32_t purpose_;
  std::uint32_t substream_;
};

}  // namespace bnlab
