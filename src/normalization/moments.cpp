#include "normalization/moments.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "normalization/channel_layout.h"
#include "util/target_clones.h"

namespace bnlab::normalization {
namespace {

using config::LpNorm;
using layers::Backward;
using layers::Builder;
using layers::Forward;
using layers::Tensor;
using onednn::Desc;
using onednn::Pass;

// ---- passes over a tile of memory, [pixel][lane] -------------------------------------------------------------------

constexpr std::int64_t strip = 16;  // lanes whose sums are in registers

struct Tile {
  std::int64_t pixels;
  std::int64_t lanes;
};

/// sums[k][lane] += term(i, lane)[k] over the pixels, i the place in the tile. A lone lane is read as `strip` of them.
template <std::size_t K, class Term>
[[gnu::always_inline]] inline void add_up(const Tile& tile, const Term& term, const std::array<double*, K>& sums) {
  const auto add_strip = [&](std::int64_t pixels, std::int64_t stride, std::int64_t first, auto width, auto lane_of,
                             auto store) {
    double total[K][strip] = {};
    for (std::int64_t p = 0; p < pixels; ++p)
      for (std::int64_t j = 0; j < width; ++j) {
        const std::array<double, K> value = term(p * stride + first + j, lane_of(first + j));
        for (std::size_t k = 0; k < K; ++k) total[k][j] += value[k];
      }
    for (std::size_t k = 0; k < K; ++k)
      for (std::int64_t j = 0; j < width; ++j) store(k, first + j, total[k][j]);
  };
  constexpr std::integral_constant<std::int64_t, strip> whole{};
  if (tile.lanes == 1) {
    const auto lone = [](std::int64_t) { return std::int64_t{0}; };
    const auto store = [&](std::size_t k, std::int64_t, double total) { sums[k][0] += total; };
    const std::int64_t rows = tile.pixels / strip;
    add_strip(rows, strip, 0, whole, lone, store);
    add_strip(1, 0, rows * strip, tile.pixels - rows * strip, lone, store);
    return;
  }
  const auto same = [](std::int64_t lane) { return lane; };
  const auto store = [&](std::size_t k, std::int64_t lane, double total) { sums[k][lane] += total; };
  std::int64_t first = 0;
  for (; first + strip <= tile.lanes; first += strip) add_strip(tile.pixels, tile.lanes, first, whole, same, store);
  if (first < tile.lanes) add_strip(tile.pixels, tile.lanes, first, tile.lanes - first, same, store);
}

/// dst[i] = value(i, lane) for the whole tile.
template <class Value>
[[gnu::always_inline]] inline void fill(const Tile& tile, const Value& value, float* __restrict dst) {
  if (tile.lanes == 1) {
    for (std::int64_t i = 0; i < tile.pixels; ++i) dst[i] = value(i, 0);
  } else if (tile.lanes == strip) {
    for (std::int64_t p = 0; p < tile.pixels; ++p)
      for (std::int64_t l = 0; l < strip; ++l) dst[p * strip + l] = value(p * strip + l, l);
  } else {
    for (std::int64_t p = 0; p < tile.pixels; ++p)
      for (std::int64_t l = 0; l < tile.lanes; ++l) dst[p * tile.lanes + l] = value(p * tile.lanes + l, l);
  }
}

double centred(const float* x, const double* mean, std::int64_t i, std::int64_t lane) {
  return static_cast<double>(x[i]) - mean[lane];
}

double sign(double x) { return static_cast<double>(x > 0.0) - static_cast<double>(x < 0.0); }

BNLAB_TARGET_CLONES
void add_values(const Tile& tile, const float* x, double* sum) {
  add_up<1>(tile, [=](std::int64_t i, std::int64_t) { return std::array{static_cast<double>(x[i])}; }, {sum});
}

BNLAB_TARGET_CLONES
void add_squares(const Tile& tile, const float* x, const double* mean, double* sum) {
  add_up<1>(tile,
            [=](std::int64_t i, std::int64_t l) {
              const double u = centred(x, mean, i, l);
              return std::array{u * u};
            },
            {sum});
}

BNLAB_TARGET_CLONES
void add_distances(const Tile& tile, const float* x, const double* mean, double* sum) {
  add_up<1>(tile, [=](std::int64_t i, std::int64_t l) { return std::array{std::abs(centred(x, mean, i, l))}; }, {sum});
}

/// The largest distance so far and its value's place, counted from `first_pixel`.
BNLAB_TARGET_CLONES
void find_largest(const Tile& tile, const float* x, const double* mean, std::int64_t first_pixel, double* largest,
                  std::int64_t* place) {
  for (std::int64_t p = 0; p < tile.pixels; ++p)
    for (std::int64_t l = 0; l < tile.lanes; ++l) {
      const double distance = std::abs(centred(x, mean, p * tile.lanes + l, l));
      const bool larger = distance > largest[l];
      largest[l] = larger ? distance : largest[l];
      place[l] = larger ? first_pixel + p : place[l];
    }
}

BNLAB_TARGET_CLONES
void normalize(const Tile& tile, const float* x, const float* mean, const float* scale, const float* shift,
               float* dst) {
  fill(
      tile, [=](std::int64_t i, std::int64_t l) { return (x[i] - mean[l]) * scale[l] + shift[l]; }, dst);
}

/// diff and diff * (x - mean).
BNLAB_TARGET_CLONES
void add_diffs(const Tile& tile, const float* x, const float* diff, const double* mean, double* sum, double* product) {
  add_up<2>(tile,
            [=](std::int64_t i, std::int64_t l) {
              const auto d = static_cast<double>(diff[i]);
              return std::array{d, d * centred(x, mean, i, l)};
            },
            {sum, product});
}

BNLAB_TARGET_CLONES
void add_signs(const Tile& tile, const float* x, const double* mean, double* sum) {
  add_up<1>(tile, [=](std::int64_t i, std::int64_t l) { return std::array{sign(centred(x, mean, i, l))}; }, {sum});
}

BNLAB_TARGET_CLONES
void differentiate(const Tile& tile, const float* x, const float* diff, const float* mean, const float* diff_mean,
                   const float* scale, const float* slope, const float* shift, float* dst) {
  fill(
      tile,
      [=](std::int64_t i, std::int64_t l) {
        return scale[l] * (diff[i] - diff_mean[l]) + (slope[l] * (x[i] - mean[l]) + shift[l]);
      },
      dst);
}

BNLAB_TARGET_CLONES
void differentiate_signs(const Tile& tile, const float* x, const float* diff, const double* mean,
                         const float* diff_mean, const float* scale, const float* slope, const float* shift,
                         float* dst) {
  fill(
      tile,
      [=](std::int64_t i, std::int64_t l) {
        return scale[l] * (diff[i] - diff_mean[l]) +
               (slope[l] * static_cast<float>(sign(centred(x, mean, i, l))) + shift[l]);
      },
      dst);
}

// ---- the whole -----------------------------------------------------------------------------------------------------

/// Images that one thread goes through at once; a fixed share of the work, whatever the number of threads, so that sums
/// are the same with any.
struct Chunk {
  std::int64_t set;
  std::int64_t first;  // image
  std::int64_t last;   // one beyond
};

constexpr std::int64_t chunk_values = 1 << 14;

class Moments {
 public:
  Moments(const ChannelLayout& layout, MomentOptions options) : layout_(layout), options_(std::move(options)) {
    const std::int64_t per_chunk =
        std::clamp<std::int64_t>(chunk_values / layout.image_values(), 1, options_.sets.images);
    for (std::int64_t first = 0; first < layout.images; first += options_.sets.images) {
      const std::int64_t last = std::min(first + options_.sets.images, layout.images);
      set_chunks_.push_back(static_cast<std::int64_t>(chunks_.size()));
      for (std::int64_t image = first; image < last; image += per_chunk)
        chunks_.push_back({sets(), image, std::min(image + per_chunk, last)});
      set_sizes_.push_back(last - first);
    }
    set_chunks_.push_back(static_cast<std::int64_t>(chunks_.size()));
    for (auto* of_chunk : {&sum_, &product_, &signs_}) of_chunk->resize(chunks_.size() * padded());
    place_.resize(options_.norm == LpNorm::linf ? chunks_.size() * padded() : 0);
    const std::size_t values = set_sizes_.size() * padded();
    for (auto* of_set : {&mean_, &square_, &deviation_, &diff_gamma_, &diff_beta_, &d_, &offset_})
      of_set->resize(values);
    for (auto* of_set : {&float_mean_, &diff_mean_, &scale_, &slope_, &shift_}) of_set->resize(values);
    r_.assign(values, 1.0);
    peak_diff_.resize(options_.norm == LpNorm::linf ? values : 0);
    peak_.resize(peak_diff_.size());
  }

  void forward(const float* src, const float* gamma, const float* beta, float* dst) {
    for_each_set([&](std::int64_t set, bool parallel) {
      measure(set, src, parallel);
      prepare_forward(set, gamma, beta);
      for_each_tile(set, parallel, [&](const Tile& tile, const Place& at) {
        normalize(tile, src + at.value, &float_mean_[at.of_set], &scale_[at.of_set], &shift_[at.of_set],
                  dst + at.value);
      });
    });
    write_outputs();
  }

  /// Without diff_src, only the gradients of gamma and beta.
  void backward(const float* src, const float* diff_dst, const float* gamma, float* diff_gamma, float* diff_beta,
                float* diff_src) {
    for_each_set([&](std::int64_t set, bool parallel) {
      clear(set, sum_, product_, signs_);
      for_each_tile(set, parallel, [&](const Tile& tile, const Place& at) {
        const double* mean = &mean_[at.of_set];
        add_diffs(tile, src + at.value, diff_dst + at.value, mean, &sum_[at.of_chunk], &product_[at.of_chunk]);
        if (options_.norm == LpNorm::l1) add_signs(tile, src + at.value, mean, &signs_[at.of_chunk]);
      });
      prepare_backward(set, src, gamma);
      if (!diff_src) return;
      for_each_tile(set, parallel, [&](const Tile& tile, const Place& at) {
        const std::size_t c = at.of_set;
        if (options_.norm == LpNorm::l1)
          differentiate_signs(tile, src + at.value, diff_dst + at.value, &mean_[c], &diff_mean_[c], &scale_[c],
                              &slope_[c], &shift_[c], diff_src + at.value);
        else
          differentiate(tile, src + at.value, diff_dst + at.value, &float_mean_[c], &diff_mean_[c], &scale_[c],
                        &slope_[c], &shift_[c], diff_src + at.value);
      });
      if (options_.norm == LpNorm::linf) add_peaks(set, diff_src);
    });
    write_sums(diff_gamma_, diff_gamma);
    write_sums(diff_beta_, diff_beta);
  }

 private:
  /// Where a tile's values and its lanes' statistics begin.
  struct Place {
    std::int64_t value;
    std::size_t of_set;
    std::size_t of_chunk;
    std::int64_t first_pixel;  // in the order of the batch
  };

  std::int64_t sets() const { return static_cast<std::int64_t>(set_sizes_.size()); }
  std::size_t padded() const { return static_cast<std::size_t>(layout_.padded_channels()); }
  std::size_t at(std::int64_t row, std::int64_t channel = 0) const {
    return static_cast<std::size_t>(row * layout_.padded_channels() + channel);
  }
  double values_of(std::int64_t set) const {
    return static_cast<double>(set_sizes_[static_cast<std::size_t>(set)] * layout_.pixels * options_.sets.channels);
  }
  std::int64_t first_chunk(std::int64_t set) const { return set_chunks_[static_cast<std::size_t>(set)]; }

  /// Sets at the same time where they are many, else the tiles of each at the same time.
  template <class Visit>
  void for_each_set(const Visit& visit) {
    const bool is_small = layout_.images * layout_.image_values() < 2 * chunk_values;
    if (sets() < 8 || is_small) {
      for (std::int64_t set = 0; set < sets(); ++set) visit(set, !is_small);
      return;
    }
#pragma omp parallel for schedule(static)
    for (std::int64_t set = 0; set < sets(); ++set) visit(set, false);
  }

  template <class Visit>
  void for_each_tile(std::int64_t set, bool parallel, const Visit& visit) {
    const std::int64_t first = first_chunk(set), last = first_chunk(set + 1);
    if (!parallel) {
      for (std::int64_t c = first; c < last; ++c) visit_chunk(c, visit);
      return;
    }
#pragma omp parallel for schedule(static)
    for (std::int64_t c = first; c < last; ++c) visit_chunk(c, visit);
  }

  template <class Visit>
  void visit_chunk(std::int64_t c, const Visit& visit) {
    const Chunk& chunk = chunks_[static_cast<std::size_t>(c)];
    if (layout_.blocks == 1) {  // the images lie one after another
      visit(Tile{(chunk.last - chunk.first) * layout_.pixels, layout_.lanes},
            Place{chunk.first * layout_.image_values(), at(chunk.set), at(c), chunk.first * layout_.pixels});
      return;
    }
    for (std::int64_t image = chunk.first; image < chunk.last; ++image)
      for (std::int64_t block = 0; block < layout_.blocks; ++block)
        visit(Tile{layout_.pixels, layout_.lanes},
              Place{image * layout_.image_values() + block * layout_.block_values(),
                    at(chunk.set, block * layout_.lanes), at(c, block * layout_.lanes), image * layout_.pixels});
  }

  template <class... Partials>
  void clear(std::int64_t set, Partials&... partials) {
    const auto first = static_cast<std::ptrdiff_t>(at(first_chunk(set)));
    const auto last = static_cast<std::ptrdiff_t>(at(first_chunk(set + 1)));
    (std::fill(partials.begin() + first, partials.begin() + last, 0.0), ...);
  }

  /// The sum over the set's chunks for one channel.
  double total(const std::vector<double>& partial, std::int64_t set, std::int64_t channel) const {
    double sum = 0;
    for (std::int64_t c = first_chunk(set); c < first_chunk(set + 1); ++c) sum += partial[at(c, channel)];
    return sum;
  }

  /// value(channel) summed over each group of channels, given to store(channel, sum) for each.
  template <class Value, class Store>
  void for_each_group(const Value& value, const Store& store) const {
    const std::int64_t size = options_.sets.channels;
    for (std::int64_t first = 0; first < layout_.channels; first += size) {
      double sum = 0;
      for (std::int64_t c = first; c < first + size; ++c) sum += value(c);
      for (std::int64_t c = first; c < first + size; ++c) store(c, sum);
    }
  }

  void measure(std::int64_t set, const float* src, bool parallel) {
    const double m = values_of(set);
    clear(set, sum_);
    for_each_tile(set, parallel,
                  [&](const Tile& tile, const Place& at) { add_values(tile, src + at.value, &sum_[at.of_chunk]); });
    for_each_group([&](std::int64_t c) { return total(sum_, set, c); },
                   [&](std::int64_t c, double sum) { mean_[at(set, c)] = sum / m; });
    if (options_.norm == LpNorm::linf) {
      find_peaks(set, src, parallel);
    } else {
      const auto add = options_.norm == LpNorm::l1 ? add_distances : add_squares;
      clear(set, sum_);
      for_each_tile(set, parallel, [&](const Tile& tile, const Place& at) {
        add(tile, src + at.value, &mean_[at.of_set], &sum_[at.of_chunk]);
      });
      for_each_group([&](std::int64_t c) { return total(sum_, set, c); },
                     [&](std::int64_t c, double sum) {
                       const double mean = sum / m;
                       square_[at(set, c)] = options_.norm == LpNorm::l1 ? mean * mean : mean;
                     });
    }
    for (std::int64_t c = 0; c < layout_.channels; ++c)
      deviation_[at(set, c)] = std::sqrt(square_[at(set, c)] + options_.epsilon);
    if (options_.correction)
      options_.correction(channels_of(mean_, set), channels_of(deviation_, set), channels_of(r_, set),
                          channels_of(d_, set));
  }

  // The partial sums hold the largest distances here.
  void find_peaks(std::int64_t set, const float* src, bool parallel) {
    const auto first = static_cast<std::ptrdiff_t>(at(first_chunk(set)));
    const auto last = static_cast<std::ptrdiff_t>(at(first_chunk(set + 1)));
    std::fill(sum_.begin() + first, sum_.begin() + last, -1.0);
    for_each_tile(set, parallel, [&](const Tile& tile, const Place& at) {
      find_largest(tile, src + at.value, &mean_[at.of_set], at.first_pixel, &sum_[at.of_chunk], &place_[at.of_chunk]);
    });
    for (std::int64_t channel = 0; channel < layout_.channels; ++channel) {
      double largest = -1;
      for (std::int64_t c = first_chunk(set); c < first_chunk(set + 1); ++c) {
        if (sum_[at(c, channel)] <= largest) continue;
        largest = sum_[at(c, channel)];
        peak_[at(set, channel)] = place_[at(c, channel)];
      }
      square_[at(set, channel)] = largest * largest;
    }
  }

  /// (x - mean) gamma r / deviation + (gamma d + beta), the mean rounded to float and what that takes away given back.
  void prepare_forward(std::int64_t set, const float* gamma, const float* beta) {
    for (std::int64_t c = 0; c < layout_.channels; ++c) {
      const std::size_t i = at(set, c);
      const double g = value_or(gamma, c, 1.0), scale = g * r_[i] * inverse(deviation_[i]);
      float_mean_[i] = static_cast<float>(mean_[i]);
      const double rounding = static_cast<double>(float_mean_[i]) - mean_[i];
      scale_[i] = static_cast<float>(scale);
      shift_[i] = static_cast<float>(value_or(beta, c, 0.0) + g * d_[i] + scale * rounding);
    }
  }

  // With u = x - mean, D = deviation, g = gamma r diff_dst and sums over the set:
  //   d loss / d u = g / D - (sum g u) / D^3 * s ds/du,   d loss / d x = d loss / d u - its mean,
  // where s ds/du is u / m for l2, s sign(u) / m for l1, and s sign(u) at the peak for linf.
  void prepare_backward(std::int64_t set, const float* src, const float* gamma) {
    const double m = values_of(set);
    const auto factor = [&](std::int64_t c) { return value_or(gamma, c, 1.0) * r_[at(set, c)]; };
    for (std::int64_t c = 0; c < layout_.channels; ++c) {
      const std::size_t i = at(set, c);
      const double sum = total(sum_, set, c), product = total(product_, set, c), inverted = inverse(deviation_[i]);
      diff_beta_[i] = sum;
      diff_gamma_[i] = r_[i] * product * inverted + d_[i] * sum;
      scale_[i] = static_cast<float>(factor(c) * inverted);
    }
    for_each_group([&](std::int64_t c) { return factor(c) * total(product_, set, c); },
                   [&](std::int64_t c, double sum) { group_product(set, c, m, sum, src); });
    for_each_group([&](std::int64_t c) { return factor(c) * diff_beta_[at(set, c)]; },
                   [&](std::int64_t c, double sum) {
                     const std::size_t i = at(set, c);
                     const double inverted = inverse(deviation_[i]);
                     // In a channel by itself diff_dst loses its mean first: the rest may be as good as nothing.
                     if (options_.sets.channels == 1) diff_mean_[i] = static_cast<float>(diff_beta_[i] / m);
                     const double taken = factor(c) * inverted * static_cast<double>(diff_mean_[i]);
                     shift_[i] = static_cast<float>(offset_[i] + taken - sum * inverted / m);
                   });
  }

  /// The part of the gradient that comes through s, `product` = sum g u.
  void group_product(std::int64_t set, std::int64_t c, double m, double product, const float* src) {
    const std::size_t i = at(set, c);
    const double inverted = inverse(deviation_[i]), through = -product * inverted * inverted * inverted;
    const double s = std::sqrt(square_[i]);
    switch (options_.norm) {
      case LpNorm::l2:
        slope_[i] = static_cast<float>(through / m);
        offset_[i] = through / m * (static_cast<double>(float_mean_[i]) - mean_[i]);
        return;
      case LpNorm::l1:
        slope_[i] = static_cast<float>(through * s / m);
        offset_[i] = -through * s / m * total(signs_, set, c) / m;
        return;
      case LpNorm::linf:
        slope_[i] = 0;
        peak_diff_[i] = through * s * sign(static_cast<double>(src[peak_value(i, c)]) - mean_[i]);
        offset_[i] = -peak_diff_[i] / m;
        return;
    }
  }

  void add_peaks(std::int64_t set, float* diff_src) const {
    for (std::int64_t c = 0; c < layout_.channels; ++c) {
      float& diff = diff_src[peak_value(at(set, c), c)];
      diff = static_cast<float>(static_cast<double>(diff) + peak_diff_[at(set, c)]);
    }
  }

  /// Where the peak of channel c lies in memory.
  std::int64_t peak_value(std::size_t i, std::int64_t c) const {
    const std::int64_t image = peak_[i] / layout_.pixels, pixel = peak_[i] % layout_.pixels;
    return image * layout_.image_values() + c / layout_.lanes * layout_.block_values() + pixel * layout_.lanes +
           c % layout_.lanes;
  }

  void write_outputs() const {
    const auto write = [&](std::vector<float>* output, const auto& value) {
      if (!output) return;
      for (std::int64_t c = 0; c < layout_.channels; ++c) {
        double sum = 0;
        for (std::int64_t set = 0; set < sets(); ++set)
          sum += value(set, c) * static_cast<double>(set_sizes_[static_cast<std::size_t>(set)]);
        (*output)[static_cast<std::size_t>(c)] = static_cast<float>(sum / static_cast<double>(layout_.images));
      }
    };
    write(options_.outputs.mean, [&](std::int64_t set, std::int64_t c) { return mean_[at(set, c)]; });
    write(options_.outputs.variance, [&](std::int64_t set, std::int64_t c) { return square_[at(set, c)]; });
    write(options_.outputs.unbiased_variance, [&](std::int64_t set, std::int64_t c) {
      return square_[at(set, c)] * unbiased_factor(set_sizes_[static_cast<std::size_t>(set)] * layout_.pixels);
    });
  }

  void write_sums(const std::vector<double>& of_sets, float* dst) const {
    if (!dst) return;
    for (std::int64_t c = 0; c < layout_.channels; ++c) {
      double sum = 0;
      for (std::int64_t set = 0; set < sets(); ++set) sum += of_sets[at(set, c)];
      dst[c] = static_cast<float>(sum);
    }
  }

  std::span<double> channels_of(std::vector<double>& values, std::int64_t set) const {
    return {values.data() + at(set), static_cast<std::size_t>(layout_.channels)};
  }
  static double value_or(const float* values, std::int64_t c, double otherwise) {
    return values ? static_cast<double>(values[c]) : otherwise;
  }
  // Without epsilon a constant set has deviation 0; x_hat is 0 there.
  static double inverse(double deviation) { return deviation > 0 ? 1.0 / deviation : 0.0; }

  ChannelLayout layout_;
  MomentOptions options_;
  std::vector<std::int64_t> set_sizes_;   // in images
  std::vector<std::int64_t> set_chunks_;  // the first chunk of each set, and one beyond the last
  std::vector<Chunk> chunks_;
  // (chunk, padded channel)
  std::vector<double> sum_, product_, signs_;
  std::vector<std::int64_t> place_;
  // (set, padded channel); padding stays zero
  std::vector<double> mean_, square_, deviation_, r_, d_, diff_gamma_, diff_beta_, offset_, peak_diff_;
  std::vector<float> float_mean_, diff_mean_, scale_, slope_, shift_;
  std::vector<std::int64_t> peak_;  // image * pixels + pixel
};

struct AffineMemory {
  dnnl::memory gamma, beta, diff_gamma, diff_beta;
};

class MomentsForward : public onednn::Kernel {
 public:
  MomentsForward(std::shared_ptr<Moments> moments, AffineMemory affine, dnnl::memory src, dnnl::memory dst)
      : moments_(std::move(moments)), affine_(std::move(affine)), src_(std::move(src)), dst_(std::move(dst)) {}
  void run() override { moments_->forward(floats(src_), floats(affine_.gamma), floats(affine_.beta), floats(dst_)); }

 private:
  std::shared_ptr<Moments> moments_;
  AffineMemory affine_;
  dnnl::memory src_, dst_;
};

class MomentsBackward : public onednn::Kernel {
 public:
  MomentsBackward(std::shared_ptr<Moments> moments, AffineMemory affine, dnnl::memory src, dnnl::memory diff_dst,
                  dnnl::memory diff_src)
      : moments_(std::move(moments)),
        affine_(std::move(affine)),
        src_(std::move(src)),
        diff_dst_(std::move(diff_dst)),
        diff_src_(std::move(diff_src)) {}
  void run() override {
    moments_->backward(floats(src_), floats(diff_dst_), floats(affine_.gamma), floats(affine_.diff_gamma),
                       floats(affine_.diff_beta), floats(diff_src_));
  }

 private:
  std::shared_ptr<Moments> moments_;
  AffineMemory affine_;
  dnnl::memory src_, diff_dst_, diff_src_;
};

AffineMemory memory_of(const Affine& affine) {
  if (!affine.gamma) return {};
  return {affine.gamma->value, affine.beta->value, affine.gamma->diff, affine.beta->diff};
}

}  // namespace

MomentOutputs outputs_for(Pass pass, NormalizationState& state) {
  const auto or_null = [](std::vector<float>& values) { return values.empty() ? nullptr : &values; };
  if (pass == Pass::train) return {&state.batch_mean, &state.batch_variance, or_null(state.batch_unbiased_variance)};
  if (pass == Pass::evaluate_batch)
    return {&state.evaluated_mean, &state.evaluated_variance, or_null(state.evaluated_unbiased_variance)};
  return {};
}

Forward build_moments(Builder& builder, const Tensor& src, const Affine& affine, MomentOptions options) {
  const Desc desc = kernel_desc(src);
  const auto moments = std::make_shared<Moments>(*channel_layout(desc, src.shape), std::move(options));
  const AffineMemory memory = memory_of(affine);
  const dnnl::memory input = builder.adapt(src.memory, desc);
  const Tensor dst{builder.allocate(desc), src.shape, src.needs_diff || affine.gamma};
  builder.add("forward", std::make_unique<MomentsForward>(moments, memory, input, dst.memory), {input, dst.memory});
  if (!builder.has_backward() || !dst.needs_diff) return {dst, {}};
  return {dst, [=](Builder& b, const Tensor& diff_dst) {
            const dnnl::memory diff = b.adapt(diff_dst.memory, desc);
            Tensor diff_src;
            if (src.needs_diff) diff_src = {b.allocate(desc), src.shape, true};
            std::vector<dnnl::memory> uses{input, diff};
            if (src.needs_diff) uses.push_back(diff_src.memory);
            b.add("backward", std::make_unique<MomentsBackward>(moments, memory, input, diff, diff_src.memory), uses);
            return diff_src;
          }};
}

}  // namespace bnlab::normalization
