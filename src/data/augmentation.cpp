#include "data/augmentation.h"

#include <algorithm>

namespace bnlab::data {

Augmentation::Augmentation(const config::AugmentationConfig& config, const DatasetInfo& info)
    : padding_(config.crop_padding),
      flips_(config.flip),
      channels_(info.channels),
      height_(info.height),
      width_(info.width) {}

template <class T>
void Augmentation::change(const T* src, RandomStream& random, T* dst) const {
  const auto places = static_cast<std::uint64_t>(2 * padding_ + 1);
  const std::int64_t down = static_cast<std::int64_t>(random.below(places)) - padding_;
  const std::int64_t right = static_cast<std::int64_t>(random.below(places)) - padding_;
  const bool mirror = random.below(2) == 1 && flips_;
  const std::int64_t first = std::max<std::int64_t>(0, -right);  // columns of the window that lie in the image
  const std::int64_t last = std::min(width_, width_ - right);
  std::fill_n(dst, channels_ * height_ * width_, T{0});
  for (std::int64_t c = 0; c < channels_; ++c)
    for (std::int64_t row = std::max<std::int64_t>(0, -down); row < std::min(height_, height_ - down); ++row) {
      const T* from = src + (c * height_ + row + down) * width_ + right;
      T* to = dst + (c * height_ + row) * width_;
      if (mirror)
        std::reverse_copy(from + first, from + last, to + (width_ - last));
      else
        std::copy(from + first, from + last, to + first);
    }
}

void Augmentation::apply(const std::uint8_t* src, RandomStream& random, std::uint8_t* dst) const {
  change(src, random, dst);
}

void Augmentation::apply(const float* src, RandomStream& random, float* dst) const { change(src, random, dst); }

}  // namespace bnlab::data
