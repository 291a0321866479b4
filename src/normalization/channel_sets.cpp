#include "normalization/channel_sets.h"

namespace bnlab::normalization {
namespace {

// The size of a part: two tensors of this size fit a core's second-level cache.
constexpr std::int64_t values_of_part = 1 << 17;
constexpr std::int64_t smallest_chunk = 1 << 14, largest_chunk = 1 << 16;  // values

}  // namespace

ChannelSets::ChannelSets(const ChannelLayout& layout, const MomentSets& sets)
    : layout_(layout),
      row_stride_(layout.blocks == 1 || layout.pixels > 1 ? layout.lanes : layout.image_values()),
      is_one_tile_(layout.blocks == 1 || layout.pixels == 1),
      is_small_(layout.images * layout.image_values() < 2 * smallest_chunk) {
  const std::int64_t values = std::clamp(layout.images * layout.image_values() / 32, smallest_chunk, largest_chunk);
  const std::int64_t per_chunk = std::clamp<std::int64_t>(values / layout.image_values(), 1, sets.images);
  for (std::int64_t first = 0; first < layout.images; first += sets.images) {
    const std::int64_t last = std::min(first + sets.images, layout.images);
    set_chunks_.push_back(static_cast<std::int64_t>(chunks_.size()));
    for (std::int64_t image = first; image < last; image += per_chunk)
      chunks_.push_back({this->sets(), image, std::min(image + per_chunk, last)});
    sizes_.push_back(last - first);
  }
  set_chunks_.push_back(static_cast<std::int64_t>(chunks_.size()));
  // Channels that share statistics stay together.
  const std::int64_t parts = layout.images * layout.image_values() / values_of_part;
  parts_ = sets.channels > 1 ? 1 : std::clamp<std::int64_t>(parts, 1, layout.blocks);
  largest_tile_ = {is_one_tile_ ? per_chunk * layout.pixels : layout.pixels, layout.lanes, row_stride_};
}

}  // namespace bnlab::normalization
