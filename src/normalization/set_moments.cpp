#include "normalization/set_moments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "normalization/normalization.h"

namespace bnlab::normalization {
namespace {

using config::LpNorm;

double value_or(const float* values, std::int64_t c, double otherwise) {
  return values ? static_cast<double>(values[c]) : otherwise;
}

}  // namespace

Moments::Moments(const ChannelLayout& layout, MomentOptions options)
    : sets_(layout, options.sets), options_(std::move(options)) {
  const std::size_t of_chunks = sets_.chunks() * sets_.padded();
  const std::size_t of_sets = static_cast<std::size_t>(sets_.sets()) * sets_.padded();
  for (auto* of_chunk : {&first_sum_, &second_sum_}) of_chunk->resize(of_chunks);
  if (options_.norm == LpNorm::l1) signs_.resize(of_chunks);
  if (options_.norm != LpNorm::l2) {
    centre_.resize(of_sets);
    float_centre_.resize(of_sets);
  }
  if (options_.norm == LpNorm::linf) {
    place_.resize(of_chunks);
    peak_.resize(of_sets);
    peak_diff_.resize(of_sets);
  }
  for (auto* of_set : {&mean_, &square_, &deviation_, &diff_gamma_, &diff_beta_, &d_, &offset_})
    of_set->resize(of_sets);
  for (auto* of_set : {&float_mean_, &rest_, &diff_mean_, &scale_, &slope_, &shift_}) of_set->resize(of_sets);
  primitive_variance_.assign(of_sets, 1.0f);
  r_.assign(of_sets, 1.0);
}

void Moments::forward(Values src, const float* gamma, const float* beta, Values dst) {
  sets_.for_each_set([&](const Part& part) {
    find_statistics(part, src);
    prepare_forward(part, gamma, beta);
    sets_.for_each_tile(part, Direction::forward, [&](const Tile& tile, const Place& at) {
      normalize(tile, src.from(at.value).f32(), &float_mean_[at.of_set], &scale_[at.of_set], &shift_[at.of_set],
                dst.from(at.value).f32());
    });
  });
  write_outputs();
}

void Moments::forward_statistics(Values src, const float* gamma, const float* beta) {
  sets_.for_each_set([&](const Part& part) { find_statistics(part, src); });
  for (std::int64_t c = 0; c < layout().channels; ++c) {
    const std::size_t i = at(0, c);
    const double g = value_or(gamma, c, 1.0);
    const auto variance = static_cast<float>(square_[i]);
    const bool has_inverse = variance + static_cast<float>(options_.epsilon) > 0.0f;
    if (!has_inverse) deviation_[i] = 0;  // a variance that f32 can't hold is none
    primitive_variance_[i] = has_inverse ? variance : std::numeric_limits<float>::infinity();
    scale_[i] = static_cast<float>(g);
    shift_[i] = static_cast<float>(value_or(beta, c, 0.0) + g * inverse_deviation(i) * rounding_of_mean(i));
  }
  write_outputs();
}

std::array<float*, 4> Moments::primitive_statistics() {
  return {float_mean_.data(), primitive_variance_.data(), scale_.data(), shift_.data()};
}

void Moments::backward(Values src, Values dst, Values diff_dst, std::uint8_t* passed, const float* gamma,
                       const float* beta, float* diff_gamma, float* diff_beta, Values diff_src) {
  const std::int64_t tile_bytes = passed_bytes(sets_.largest_tile());
  const auto bits = [&](const Place& at) { return passed ? passed + at.tile * tile_bytes : nullptr; };
  const auto relu = [&](const Place& at) {
    return MergedRelu{&scale_[at.of_set], &shift_[at.of_set], dst.from(at.value), bits(at)};
  };
  sets_.for_each_cached_part([&](const Part& part) {
    if (is_given()) find_statistics(part, src);
    if (passed) prepare_forward(part, gamma, beta);
    sets_.for_each_tile(part, Direction::backward, [&](const Tile& tile, const Place& at) {
      sum_diffs(tile, src.from(at.value), diff_dst.from(at.value), &float_mean_[at.of_set], relu(at), at.rows_before,
                &first_sum_[at.of_chunk], &second_sum_[at.of_chunk]);
    });
    if (options_.norm == LpNorm::l1 && !options_.norm_is_raw) {
      sets_.for_each_tile(part, Direction::forward, [&](const Tile& tile, const Place& at) {
        sum_signs(tile, src.from(at.value).f32(), centres(at), at.rows_before, &signs_[at.of_chunk]);
      });
    }
    prepare_backward(part, src, gamma);
    if (!diff_src.data) return;
    sets_.for_each_tile(part, Direction::forward, [&](const Tile& tile, const Place& at) {
      const std::size_t c = at.of_set;
      const bool takes_signs = options_.norm == LpNorm::l1;
      const float* centre = takes_signs ? &float_centre_[c] : &float_mean_[c];
      const GradientCoefficients lanes{centre, &diff_mean_[c], &scale_[c], &slope_[c], &shift_[c]};
      if (takes_signs)
        differentiate_signs(tile, src.from(at.value).f32(), diff_dst.from(at.value).f32(), &rest_[c], lanes,
                            diff_src.from(at.value).f32());
      else
        differentiate(tile, src.from(at.value), diff_dst.from(at.value), bits(at), lanes, diff_src.from(at.value));
    });
    if (options_.norm == LpNorm::linf) add_peaks(part, diff_src.f32());
  });
  write_sums(diff_gamma_, diff_gamma);
  write_sums(diff_beta_, diff_beta);
}

double Moments::total(const std::vector<double>& partial, std::int64_t set, std::int64_t channel) const {
  double sum = 0;
  for (std::int64_t c = sets_.first_chunk(set); c < sets_.first_chunk(set + 1); ++c) sum += partial[at(c, channel)];
  return sum;
}

void Moments::find_statistics(const Part& part, Values src) {
  if (is_given())
    take_given(part);
  else
    measure_part(part, src);
  for (std::int64_t c = part.first_channel; c < part.last_channel; ++c) {
    const std::size_t i = at(part.set, c);
    float_mean_[i] = static_cast<float>(mean_[i]);
    rest_[i] = options_.norm_is_raw ? 0.0f : static_cast<float>(-rounding_of_mean(i));
    if (options_.norm != LpNorm::l2) {
      centre_[i] = options_.norm_is_raw ? 0.0 : mean_[i];
      float_centre_[i] = static_cast<float>(centre_[i]);
    } else if (options_.norm_is_raw) {
      square_[i] += mean_[i] * mean_[i];
    }
  }
  if (options_.norm == LpNorm::l1) measure_distances(part, src);
  if (options_.norm == LpNorm::linf) find_peaks(part, src);
  for (std::int64_t c = part.first_channel; c < part.last_channel; ++c)
    deviation_[at(part.set, c)] = std::sqrt(square_[at(part.set, c)] + options_.epsilon);
  if (options_.correction)
    options_.correction(channels_of(mean_, part.set), channels_of(deviation_, part.set), channels_of(r_, part.set),
                        channels_of(d_, part.set));
}

void Moments::take_given(const Part& part) {
  const std::ptrdiff_t first = part.first_channel, last = part.last_channel;
  std::copy(options_.given.mean->begin() + first, options_.given.mean->begin() + last, mean_.begin() + first);
  std::copy(options_.given.variance->begin() + first, options_.given.variance->begin() + last, square_.begin() + first);
}

void Moments::measure_part(const Part& part, Values src) {
  sets_.for_each_tile(part, Direction::backward, [&](const Tile& tile, const Place& at) {
    measure(tile, src.from(at.value), at.rows_before, &first_sum_[at.of_chunk], &second_sum_[at.of_chunk]);
  });
  const auto spread = [&](std::int64_t channel) {
    Spread all;
    for (std::int64_t c = sets_.first_chunk(part.set); c < sets_.first_chunk(part.set + 1); ++c)
      all.add({static_cast<double>(sets_.chunk_values(c)), first_sum_[at(c, channel)], second_sum_[at(c, channel)]});
    return all;
  };
  for_each_group(part, spread, [&](std::int64_t c, const Spread& of_group) {
    mean_[at(part.set, c)] = of_group.mean;
    square_[at(part.set, c)] = of_group.squares / of_group.count;
  });
}

void Moments::measure_distances(const Part& part, Values src) {
  sets_.for_each_tile(part, Direction::forward, [&](const Tile& tile, const Place& at) {
    sum_distances(tile, src.from(at.value).f32(), centres(at), at.rows_before, &first_sum_[at.of_chunk]);
  });
  for_each_group(
      part, [&](std::int64_t c) { return total(first_sum_, part.set, c); },
      [&](std::int64_t c, double sum) {
        const double mean = sum / values_of(part.set);
        square_[at(part.set, c)] = mean * mean;
      });
}

void Moments::find_peaks(const Part& part, Values src) {
  const auto first = static_cast<std::ptrdiff_t>(at(sets_.first_chunk(part.set), 0));
  const auto last = static_cast<std::ptrdiff_t>(at(sets_.first_chunk(part.set + 1), 0));
  std::fill(first_sum_.begin() + first, first_sum_.begin() + last, -1.0);
  sets_.for_each_tile(part, Direction::forward, [&](const Tile& tile, const Place& at) {
    find_largest(tile, src.from(at.value).f32(), &centre_[at.of_set], at.first_row, &first_sum_[at.of_chunk],
                 &place_[at.of_chunk]);
  });
  for (std::int64_t channel = part.first_channel; channel < part.last_channel; ++channel) {
    double largest = -1;
    for (std::int64_t c = sets_.first_chunk(part.set); c < sets_.first_chunk(part.set + 1); ++c) {
      if (first_sum_[at(c, channel)] <= largest) continue;
      largest = first_sum_[at(c, channel)];
      peak_[at(part.set, channel)] = place_[at(c, channel)];
    }
    square_[at(part.set, channel)] = largest * largest;
  }
}

void Moments::prepare_forward(const Part& part, const float* gamma, const float* beta) {
  for (std::int64_t c = part.first_channel; c < part.last_channel; ++c) {
    const std::size_t i = at(part.set, c);
    const double g = value_or(gamma, c, 1.0), scale = g * r_[i] * inverse_deviation(i);
    scale_[i] = static_cast<float>(scale);
    shift_[i] = static_cast<float>(value_or(beta, c, 0.0) + g * d_[i] + scale * rounding_of_mean(i));
  }
}

// With u = x - mean, D = deviation, g = gamma r diff_dst and sums over the set:
//   d loss / d u = g / D - (sum g u) / D^3 * s ds/du,   d loss / d x = d loss / d u - its mean,
// where s ds/du is u / m for l2, s sign(u) / m for l1, and s sign(u) at the peak for linf. A raw norm has s ds/dx, the
// same with x in place of u, of which the mean is not taken away. With given statistics d loss / d x = g / D.
void Moments::prepare_backward(const Part& part, Values src, const float* gamma) {
  const double m = values_of(part.set);
  const auto factor = [&](std::int64_t c) { return value_or(gamma, c, 1.0) * r_[at(part.set, c)]; };
  // sum diff_dst u, from u with the mean in f32.
  const auto product = [&](std::int64_t c) {
    return total(second_sum_, part.set, c) + rounding_of_mean(at(part.set, c)) * total(first_sum_, part.set, c);
  };
  for (std::int64_t c = part.first_channel; c < part.last_channel; ++c) {
    const std::size_t i = at(part.set, c);
    diff_beta_[i] = total(first_sum_, part.set, c);
    diff_gamma_[i] = r_[i] * product(c) * inverse_deviation(i) + d_[i] * diff_beta_[i];
    scale_[i] = static_cast<float>(factor(c) * inverse_deviation(i));
  }
  if (is_given()) {
    for (std::int64_t c = part.first_channel; c < part.last_channel; ++c)
      diff_mean_[at(part.set, c)] = slope_[at(part.set, c)] = shift_[at(part.set, c)] = 0;
    return;
  }
  for_each_group(
      part, [&](std::int64_t c) { return factor(c) * product(c); },
      [&](std::int64_t c, double sum) { prepare_slope(part.set, c, m, sum, src); });
  for_each_group(
      part, [&](std::int64_t c) { return factor(c) * diff_beta_[at(part.set, c)]; },
      [&](std::int64_t c, double sum) {
        const std::size_t i = at(part.set, c);
        const double inverted = inverse_deviation(i);
        if (options_.sets.channels > 1) {
          shift_[i] = static_cast<float>(offset_[i] - sum * inverted / m);
          return;
        }
        // With one channel a set, the mean of diff_dst is subtracted first: what remains may be tiny beside it.
        const double mean = diff_beta_[i] / m;
        diff_mean_[i] = static_cast<float>(mean);
        const double rounding = static_cast<double>(diff_mean_[i]) - mean;
        shift_[i] = static_cast<float>(offset_[i] + factor(c) * inverted * rounding);
      });
}

void Moments::prepare_slope(std::int64_t set, std::int64_t c, double m, double product, Values src) {
  const std::size_t i = at(set, c);
  const double inverted = inverse_deviation(i), through = -product * inverted * inverted * inverted;
  const double s = std::sqrt(square_[i]);
  switch (options_.norm) {
    case LpNorm::l2:
      slope_[i] = static_cast<float>(through / m);
      offset_[i] = through / m * (rounding_of_mean(i) + (options_.norm_is_raw ? mean_[i] : 0.0));
      return;
    case LpNorm::l1:
      slope_[i] = static_cast<float>(through * s / m);
      offset_[i] = options_.norm_is_raw ? 0.0 : -through * s / m * total(signs_, set, c) / m;
      return;
    case LpNorm::linf:
      slope_[i] = 0;
      peak_diff_[i] = through * s * sign(static_cast<double>(src.f32()[peak_value(i, c)]) - centre_[i]);
      offset_[i] = options_.norm_is_raw ? 0.0 : -peak_diff_[i] / m;
      return;
  }
}

void Moments::add_peaks(const Part& part, float* diff_src) const {
  for (std::int64_t c = part.first_channel; c < part.last_channel; ++c) {
    float& diff = diff_src[peak_value(at(part.set, c), c)];
    diff = static_cast<float>(static_cast<double>(diff) + peak_diff_[at(part.set, c)]);
  }
}

std::int64_t Moments::peak_value(std::size_t i, std::int64_t c) const {
  const ChannelLayout& l = layout();
  const std::int64_t image = peak_[i] / l.pixels, pixel = peak_[i] % l.pixels;
  return image * l.image_values() + c / l.lanes * l.block_values() + pixel * l.lanes + c % l.lanes;
}

void Moments::write_outputs() const {
  const auto write = [&](std::vector<float>* output, const auto& value) {
    if (!output) return;
    for (std::int64_t c = 0; c < layout().channels; ++c) {
      double sum = 0;
      for (std::int64_t set = 0; set < sets_.sets(); ++set) sum += value(set, c) * static_cast<double>(sets_.size(set));
      (*output)[static_cast<std::size_t>(c)] = static_cast<float>(sum / static_cast<double>(layout().images));
    }
  };
  write(options_.outputs.mean, [&](std::int64_t set, std::int64_t c) { return mean_[at(set, c)]; });
  write(options_.outputs.variance, [&](std::int64_t set, std::int64_t c) { return square_[at(set, c)]; });
  write(options_.outputs.unbiased_variance,
        [&](std::int64_t set, std::int64_t c) { return square_[at(set, c)] * unbiased_factor(sets_.values(set)); });
}

void Moments::write_sums(const std::vector<double>& of_sets, float* dst) const {
  if (!dst) return;
  for (std::int64_t c = 0; c < layout().channels; ++c) {
    double sum = 0;
    for (std::int64_t set = 0; set < sets_.sets(); ++set) sum += of_sets[at(set, c)];
    dst[c] = static_cast<float>(sum);
  }
}

std::span<double> Moments::channels_of(std::vector<double>& values, std::int64_t set) const {
  return {values.data() + at(set, 0), static_cast<std::size_t>(layout().channels)};
}

}  // namespace bnlab::normalization
