#pragma once
// What probes that look inside the network share: a program of their own on images of their own.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/batch_order.h"
#include "probes/probe.h"

namespace bnlab::probes {

/// A program with Mode::observe, on training images that are drawn once, from a stream of their own, in batches of
/// training.batch_size. It normalizes as training does and changes no running statistics.
class Observer {
 public:
  Observer(const ProbeContext& context, const onednn::Watch& watch, bool diff_input = false);

  /// Loads batch `batch` of the order and sets the step (0 counts as 1) that dropout and noise draw from.
  void load(std::int64_t step, std::int64_t batch = 0);
  void forward() { executable_->forward(); }
  /// Overwrites the gradients of the network's parameters: only when the step is done.
  void backward() { executable_->backward(); }
  double loss() const { return executable_->loss(); }

  /// In network order, a layer behind its parts; those of the backward pass in the opposite order, after the others.
  const std::vector<onednn::Observation>& observations() const { return executable_->observations(); }
  /// Throws std::logic_error where there is none.
  const onednn::Observation& at(const std::string& layer, const std::string& tensor) const;
  /// All of one tensor, in network order.
  std::vector<const onednn::Observation*> all(const std::string& tensor) const;
  /// What the last layer gives. Needs "dst" to be watched.
  const onednn::Observation& output() const;
  network::Executable& executable() { return *executable_; }

 private:
  ProbeContext context_;
  std::unique_ptr<network::Executable> executable_;
  data::BatchOrder order_;
};

/// All values of an observation.
std::span<const float> values_of(const onednn::Observation& observation);
/// (N, C, H, W): the values of channel c of one image lie together, `plane` of them.
struct Channels {
  explicit Channels(const onednn::Observation& observation);
  /// Where channel c of image n begins.
  const float* of(std::int64_t n, std::int64_t c) const { return data + (n * channels + c) * plane; }
  std::int64_t values() const { return images * plane; }  // of a channel

  const float* data;
  std::int64_t images;
  std::int64_t channels;
  std::int64_t plane;  // H * W
};

/// Of channel c, over all images and positions, in double precision; the variance is biased.
struct ChannelStatistics {
  double mean = 0;
  double variance = 0;
};
ChannelStatistics statistics_of(const Channels& values, std::int64_t c);

/// term(value) summed over the values in double precision, in eight sums side by side: no addition waits for the one
/// before.
template <class Term>
double sum_over(std::span<const float> values, const Term& term) {
  constexpr std::size_t lanes = 8;
  std::array<double, lanes> sums{};
  const std::size_t whole = values.size() / lanes * lanes;
  for (std::size_t i = 0; i < whole; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += term(static_cast<double>(values[i + lane]));
  for (std::size_t i = whole; i < values.size(); ++i) sums[0] += term(static_cast<double>(values[i]));
  double sum = 0;
  for (const double one : sums) sum += one;
  return sum;
}

/// L2 norm, and the square of it, in double precision.
double squared_norm(std::span<const float> values);
double norm(std::span<const float> values);
/// norm(factor * a - b) / norm(b), of as many values; NaN where b is zero and a is not.
double relative_error(std::span<const float> a, std::span<const float> b, double factor = 1);
/// The larger one; NaN where one of them is.
double larger(double a, double b);
/// max |a[i]|, and max |a[i] - b[i]| of as many values; NaN where a value is.
double largest_magnitude(std::span<const float> a);
double largest_difference(std::span<const float> a, std::span<const float> b);

/// Puts the values of all parameters back when it goes out of scope.
class ParametersGuard {
 public:
  explicit ParametersGuard(network::Network& network);
  ~ParametersGuard() { restore(); }
  ParametersGuard(const ParametersGuard&) = delete;
  ParametersGuard& operator=(const ParametersGuard&) = delete;
  void restore();

 private:
  layers::Parameters& parameters_;
  std::vector<float> values_;
};

/// The type of each layer, such as "dense" or "batch", by its name.
std::unordered_map<std::string, std::string> layer_types(const network::Network& network);

/// A probe of one row for each layer that has `tensor`, at step_done(): step, layer, its type, and then what `measure`
/// gives of the tensor, a number for each of `columns`. Of "diff_" tensors there is a backward pass before.
std::unique_ptr<Probe> make_layer_probe(
    const ProbeContext& context, const std::string& name, const std::string& tensor,
    const std::vector<std::string>& columns,
    std::function<std::vector<double>(const onednn::Observation& observation)> measure);

}  // namespace bnlab::probes
