#pragma once
#include <cstdint>

#include "config/run_config.h"
#include "data/dataset.h"
#include "util/random.h"

namespace bnlab::data {

/// Random crops and mirrored images (He et al. 2016, 4.2): the image gets `crop_padding` pixels of value 0 on each side
/// (before scaling, as torchvision's RandomCrop does on images), a window of its own size is taken at a uniform random
/// place, and mirrored left and right with probability 1/2.
class Augmentation {
 public:
  Augmentation(const config::AugmentationConfig& config, const DatasetInfo& info);

  bool is_on() const { return padding_ > 0 || flips_; }
  /// Writes a changed copy of the image `src` to `dst`, both (C, H, W). Draws three numbers (below 2 p + 1 for the row,
  /// again for the column, below 2 for the mirror) whatever is switched on, so that flips leave the crops as they are.
  void apply(const std::uint8_t* src, RandomStream& random, std::uint8_t* dst) const;
  void apply(const float* src, RandomStream& random, float* dst) const;

 private:
  template <class T>
  void change(const T* src, RandomStream& random, T* dst) const;

  std::int64_t padding_;
  bool flips_;
  std::int64_t channels_;
  std::int64_t height_;
  std::int64_t width_;
};

}  // namespace bnlab::data
