#pragma once
// The moments of sets of values and the gradients through them, with sums in double precision, in whatever layout
// comes, and bit by bit the same with any number of threads.

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "config/run_config.h"
#include "normalization/channel_sets.h"
#include "normalization/tiles.h"

namespace bnlab::normalization {

/// The factor r and the shift d of x_hat for each channel (Ioffe 2017, equation 3), from a set's mean and deviation
/// sqrt(variance + epsilon). All (C). May be called for several sets at a time.
using Correction = std::function<void(std::span<const double> mean, std::span<const double> deviation,
                                      std::span<double> r, std::span<double> d)>;

/// Where the statistics of the batch go, each (C) or null: means over the sets of images, weighted by their sizes.
struct MomentOutputs {
  std::vector<float>* mean = nullptr;
  std::vector<float>* variance = nullptr;  // biased
  std::vector<float>* unbiased_variance = nullptr;
};

/// Statistics that are not measured, each (C): no gradient flows through them. Only read; oneDNN takes no constants.
struct GivenStatistics {
  std::vector<float>* mean = nullptr;
  std::vector<float>* variance = nullptr;
};

struct MomentOptions {
  MomentSets sets;
  double epsilon = 0;
  config::LpNorm norm = config::LpNorm::l2;
  bool norm_is_raw = false;    // s is of x, not of x - mean. Only with sets of one channel, measured
  Correction correction = {};  // empty: r = 1, d = 0. Only with sets of one channel
  MomentOutputs outputs = {};  // only with sets of one channel
  GivenStatistics given = {};  // null: measured. Only with one set of images and l2
};

/// The mean of two sets of values and the sum of squared distances from it (Chan et al. 1979).
struct Spread {
  double count = 0;
  double mean = 0;
  double squares = 0;
  void add(const Spread& other) {
    const double all = count + other.count, distance = other.mean - mean;
    if (!(other.count > 0)) return;
    mean += distance * (other.count / all);
    squares += other.squares + distance * distance * (count * other.count / all);
    count = all;
  }
};

/// Normalizes sets of values in one program: keeps what the backward pass needs of the forward pass.
class Moments {
 public:
  Moments(const ChannelLayout& layout, MomentOptions options);

  const ChannelSets& sets() const { return sets_; }

  void forward(Values src, const float* gamma, const float* beta, Values dst);

  /// Fills what primitive_statistics() points to.
  void forward_statistics(Values src, const float* gamma, const float* beta);
  std::array<float*, 4> primitive_statistics();

  /// `dst`, not empty where a ReLU is merged: its output, and `passed` of passed_size() bytes. Without diff_src, only
  /// the gradients of gamma and beta.
  void backward(Values src, Values dst, Values diff_dst, std::uint8_t* passed, const float* gamma, const float* beta,
                float* diff_gamma, float* diff_beta, Values diff_src);
  std::int64_t passed_size() const { return sets_.tiles() * passed_bytes(sets_.largest_tile()); }

 private:
  using Direction = ChannelSets::Direction;

  const ChannelLayout& layout() const { return sets_.layout(); }
  std::size_t at(std::int64_t row, std::int64_t channel) const { return sets_.at(row, channel); }
  bool is_given() const { return options_.given.mean != nullptr; }
  Centres centres(const Place& at) const { return {&float_centre_[at.of_set], &rest_[at.of_set]}; }
  /// Values that share a mean.
  double values_of(std::int64_t set) const { return static_cast<double>(sets_.values(set) * options_.sets.channels); }

  // ---- over tiles, chunks and groups of channels

  /// The sum over the set's chunks for one channel.
  double total(const std::vector<double>& partial, std::int64_t set, std::int64_t channel) const;

  /// value(channel) summed over each group of the part's channels, given to store(channel, sum) for each.
  template <class Value, class Store>
  void for_each_group(const Part& part, const Value& value, const Store& store) const {
    const std::int64_t size = options_.sets.channels;
    for (std::int64_t first = part.first_channel; first < part.last_channel; first += size) {
      auto sum = value(first);
      for (std::int64_t c = first + 1; c < first + size; ++c) add_to(sum, value(c));
      for (std::int64_t c = first; c < first + size; ++c) store(c, sum);
    }
  }
  static void add_to(double& sum, double value) { sum += value; }
  static void add_to(Spread& sum, const Spread& value) { sum.add(value); }

  // ---- statistics

  void find_statistics(const Part& part, Values src);
  void take_given(const Part& part);
  /// mean_, and the biased variance as square_. The first sums hold each chunk's mean, the second its squared
  /// distances.
  void measure_part(const Part& part, Values src);
  /// square_ = (mean |x - centre|)^2, or (mean |x|)^2.
  void measure_distances(const Part& part, Values src);
  /// square_ = (max |x - centre|)^2. The first sums hold each chunk's largest distance here.
  void find_peaks(const Part& part, Values src);

  /// What rounding to f32 adds to the mean.
  double rounding_of_mean(std::size_t i) const { return static_cast<double>(float_mean_[i]) - mean_[i]; }
  /// The one rule for a variance of 0 without epsilon: its inverse is 0, so that x_hat and the gradient of x are.
  double inverse_deviation(std::size_t i) const { return deviation_[i] > 0 ? 1.0 / deviation_[i] : 0.0; }

  // ---- coefficients

  /// (x - mean) gamma r / deviation + (gamma d + beta), with the mean in f32.
  void prepare_forward(const Part& part, const float* gamma, const float* beta);

  /// The gradients of gamma and beta, and the coefficients of the gradient of src.
  void prepare_backward(const Part& part, Values src, const float* gamma);
  /// The part of the gradient that comes through s, `product` = sum g u.
  void prepare_slope(std::int64_t set, std::int64_t c, double m, double product, Values src);
  void add_peaks(const Part& part, float* diff_src) const;
  /// Where the peak of channel c lies in memory.
  std::int64_t peak_value(std::size_t i, std::int64_t c) const;

  // ---- results

  void write_outputs() const;
  void write_sums(const std::vector<double>& of_sets, float* dst) const;

  std::span<double> channels_of(std::vector<double>& values, std::int64_t set) const;

  ChannelSets sets_;
  MomentOptions options_;
  // (chunk, padded channel)
  std::vector<double> first_sum_, second_sum_, signs_;
  std::vector<std::int64_t> place_;
  // (set, padded channel); padding stays zero
  std::vector<double> mean_, square_, deviation_, r_, d_, diff_gamma_, diff_beta_, offset_, peak_diff_;
  std::vector<double> centre_;       // where the norm takes distances from: the mean, or 0
  std::vector<float> float_centre_;  // the same in f32
  std::vector<float> float_mean_, rest_, diff_mean_, scale_, slope_, shift_, primitive_variance_;
  std::vector<std::int64_t> peak_;  // image * pixels + pixel
};

}  // namespace bnlab::normalization
