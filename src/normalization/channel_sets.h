#pragma once
// How the images of a batch fall into sets that share statistics, and each set's memory into tiles.

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "normalization/channel_layout.h"
#include "normalization/tiles.h"

namespace bnlab::normalization {

/// Which values share a mean and a deviation: those of `images` images, the first to the last in turn, in `channels`
/// neighbouring channels. The last set of images may be smaller. `channels` divides C.
struct MomentSets {
  std::int64_t images = 1;
  std::int64_t channels = 1;
};

/// Images that one thread goes through at once: a fixed share of the work for any number of threads, so that sums
/// are the same with any.
struct Chunk {
  std::int64_t set;
  std::int64_t first;  // image
  std::int64_t last;   // one beyond
};

/// A set's values in some neighbouring blocks of channels.
struct Part {
  std::int64_t set;
  std::int64_t first_block;
  std::int64_t last_block;  // one beyond
  std::int64_t first_channel;
  std::int64_t last_channel;  // one beyond
  bool parallel;              // whether its tiles may be visited in parallel
};

/// Where a tile's values and its lanes' results begin.
struct Place {
  std::int64_t value;        // in the tensor's memory
  std::size_t of_set;        // in arrays (set, padded channel)
  std::size_t of_chunk;      // in arrays (chunk, padded channel)
  std::int64_t first_row;    // of the tile, counted in pixels from the first of the batch
  std::int64_t tile;         // its number
  std::int64_t rows_before;  // of the chunk's other tiles with these channels
};

class ChannelSets {
 public:
  ChannelSets(const ChannelLayout& layout, const MomentSets& sets);

  const ChannelLayout& layout() const { return layout_; }
  std::int64_t sets() const { return static_cast<std::int64_t>(sizes_.size()); }
  /// Images of a set.
  std::int64_t size(std::int64_t set) const { return sizes_[static_cast<std::size_t>(set)]; }
  /// Values of one channel in a set.
  std::int64_t values(std::int64_t set) const { return size(set) * layout_.pixels; }

  std::size_t padded() const { return static_cast<std::size_t>(layout_.padded_channels()); }
  std::size_t chunks() const { return chunks_.size(); }
  /// The place of a channel in a row of an array (set, padded channel) or (chunk, padded channel).
  std::size_t at(std::int64_t row, std::int64_t channel = 0) const {
    return static_cast<std::size_t>(row * layout_.padded_channels() + channel);
  }
  std::int64_t first_chunk(std::int64_t set) const { return set_chunks_[static_cast<std::size_t>(set)]; }
  /// Values of one channel in a chunk.
  std::int64_t chunk_values(std::int64_t chunk) const {
    const Chunk& images = chunks_[static_cast<std::size_t>(chunk)];
    return (images.last - images.first) * layout_.pixels;
  }
  std::int64_t tiles() const {
    return layout_.blocks * (is_one_tile_ ? static_cast<std::int64_t>(chunks_.size()) : layout_.images);
  }
  Tile largest_tile() const { return largest_tile_; }

  /// visit(part) for each set: in parallel over many sets, or else over the tiles of each set.
  template <class Visit>
  void for_each_set(const Visit& visit) const {
    if (!has_parallel_sets()) {
      for (std::int64_t set = 0; set < sets(); ++set) visit(part_of(set, 0, layout_.blocks, !is_small_));
      return;
    }
#pragma omp parallel for schedule(static)
    for (std::int64_t set = 0; set < sets(); ++set) visit(part_of(set, 0, layout_.blocks, false));
  }

  /// The same with sets cut into parts of a size that a cache holds while several passes go over it.
  template <class Visit>
  void for_each_cached_part(const Visit& visit) const {
    if (parts_ == 1 || has_parallel_sets()) return for_each_set(visit);
    const auto part = [&](std::int64_t set, std::int64_t i, bool parallel) {
      return part_of(set, i * layout_.blocks / parts_, (i + 1) * layout_.blocks / parts_, parallel);
    };
    const bool parts_in_parallel = !is_small_ && parts_ >= omp_get_max_threads();
    for (std::int64_t set = 0; set < sets(); ++set) {
#pragma omp parallel for schedule(static) if (parts_in_parallel)
      for (std::int64_t i = 0; i < parts_; ++i) visit(part(set, i, !is_small_ && !parts_in_parallel));
    }
  }

  enum class Direction { forward, backward };

  /// visit(tile, place) for the tiles of a part. Backward: the last chunk first, whose values a program wrote last and
  /// a cache may still hold.
  template <class Visit>
  void for_each_tile(const Part& part, Direction direction, const Visit& visit) const {
    const std::int64_t first = first_chunk(part.set), last = first_chunk(part.set + 1);
    const auto chunk = [&](std::int64_t c) { return direction == Direction::forward ? c : first + last - 1 - c; };
#pragma omp parallel for schedule(static) if (part.parallel)
    for (std::int64_t c = first; c < last; ++c) visit_chunk(chunk(c), part, visit);
  }

 private:
  template <class Visit>
  void visit_chunk(std::int64_t c, const Part& part, const Visit& visit) const {
    const Chunk& chunk = chunks_[static_cast<std::size_t>(c)];
    const auto place = [&](std::int64_t image, std::int64_t block) {
      const std::int64_t channel = block * layout_.lanes;
      return Place{image * layout_.image_values() + block * layout_.block_values(),
                   at(chunk.set, channel),
                   at(c, channel),
                   image * layout_.pixels,
                   (is_one_tile_ ? c : image) * layout_.blocks + block,
                   (image - chunk.first) * layout_.pixels};
    };
    if (is_one_tile_) {
      const std::int64_t rows = (chunk.last - chunk.first) * layout_.pixels;
      for (std::int64_t block = part.first_block; block < part.last_block; ++block)
        visit(Tile{rows, layout_.lanes, row_stride_}, place(chunk.first, block));
      return;
    }
    for (std::int64_t image = chunk.first; image < chunk.last; ++image)
      for (std::int64_t block = part.first_block; block < part.last_block; ++block)
        visit(Tile{layout_.pixels, layout_.lanes, row_stride_}, place(image, block));
  }

  bool has_parallel_sets() const { return sets() >= 8 && !is_small_; }
  Part part_of(std::int64_t set, std::int64_t first_block, std::int64_t last_block, bool parallel) const {
    return {set,
            first_block,
            last_block,
            first_block * layout_.lanes,
            std::min(last_block * layout_.lanes, layout_.channels),
            parallel};
  }

  ChannelLayout layout_;
  std::vector<std::int64_t> sizes_;       // of the sets, in images
  std::vector<std::int64_t> set_chunks_;  // the first chunk of each set, and one beyond the last
  std::vector<Chunk> chunks_;
  std::int64_t row_stride_;
  bool is_one_tile_;    // whether a block of channels is one tile in all images of a chunk
  bool is_small_;       // too small for several threads
  std::int64_t parts_;  // of a set, each of some blocks of channels
  Tile largest_tile_;
};

}  // namespace bnlab::normalization
